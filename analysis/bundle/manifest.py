"""`manifest.json`: what a bundle is, where it comes from and how it was made."""

from typing import Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

MANIFEST = "manifest.json"
Space = Literal["decoder", "cooccurrence"]
"""What makes latents similar: their decoder vectors, or firing on the same tokens."""
SPACES: tuple[Space, ...] = get_args(Space)
"""In the order of their clusters' ids."""
HASH = "^[0-9a-f]{64}$"
"""A SHA-256 in hexadecimal digits."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaeSource(_Strict):
    """The saved SAE that a bundle describes."""

    name: str = Field(description="folder, file or repository as it was given")
    format: str = Field(description="name of the file format")
    architecture: str = Field(description="standard, topk, jumprelu, gated, …")
    d_in: int = Field(ge=1, description="width of the input")
    d_sae: int = Field(ge=1, description="number of latents")
    d_out: int = Field(
        ge=1, description="width of the output; differs from d_in in transcoders only"
    )
    hook_point: str | None = Field(description="in TransformerLens spelling; null if unknown")
    hook_module: str | None = Field(
        description="Hugging Face module whose output was read; null if activations were imported"
    )
    k: int | None = Field(description="active latents per token of a TopK SAE, else null")
    normalisation: str = Field(description="how inputs are scaled before encoding")
    applies_b_dec_to_input: bool = Field(description="whether b_dec is subtracted from the input")
    notes: list[str] = Field(description="what was folded or assumed when the file was read")
    content_hash: str = Field(description="SHA-256 of weights and reading")
    centre_input: bool = Field(
        default=False, description="whether each token's mean is subtracted first"
    )
    has_skip: bool = Field(default=False, description="whether there is a linear path W_skip")
    hook_point_out: str | None = Field(
        default=None, description="hook point of a transcoder's output"
    )
    advertised_l0: float | None = Field(default=None, description="L0 that the SAE's authors state")
    decoder_norms: dict[str, float] = Field(
        default_factory=dict, description="min, p05, median, p95 and max of the norms of W_dec rows"
    )
    decoder_hash: str = Field(
        default="",
        description="SHA-256 of W_dec, which notes of readers belong to; empty if it predates this "
        "field",
    )
    neuronpedia_id: str | None = Field(
        default=None, description="model and SAE at neuronpedia.org, if the SAE's file states them"
    )
    trained_on: str | None = Field(
        default=None, description="the training text in the words of the SAE's file, if it has any"
    )


class ModelSource(_Strict):
    """The language model whose activations were read; null for imported activations."""

    name: str = Field(description="folder, file or hub id as it was given")
    architecture: str = Field(description="class in transformers")
    layers: int = Field(ge=0, description="number of layers")
    d_model: int = Field(ge=0, description="width of the residual stream")
    dtype: str = Field(description="number type in which it ran")
    content_hash: str = Field(description="SHA-256 of its files")


class CorpusSource(_Strict):
    """The text that was run, or the activations file that was imported."""

    name: str = Field(description="file or folder name")
    kind: Literal["corpus", "activations"] = Field(description="text, or imported activations")
    content_hash: str = Field(description="SHA-256 of its files")


class MaskSummary(_Strict):
    """Which tokens are masked, and how many. Masked tokens are in no count."""

    policy: str = Field(description="one sentence: which tokens are masked")
    special_token_ids: list[int] = Field(description="of the model's tokenizer")
    special_tokens: int = Field(ge=0, description="masked special tokens")
    sink_tokens: int = Field(ge=0, description="masked attention sinks")


class SelfCheck(_Strict):
    """Numbers that show whether the SAE was read correctly."""

    explained_variance: float | None = Field(
        description="1 - FVU, centred; null for imported activations"
    )
    l0: float = Field(description="mean active latents per kept token")
    tokens: int = Field(description="kept tokens in the measurement")
    fits: bool | None = Field(
        default=None, description="whether the SAE fits the model; null if unknown"
    )
    verdict: str = Field(
        default="", description="one sentence; empty in bundles that predate this field"
    )


class Parameters(_Strict):
    """Every setting that changes the result."""

    max_tokens: int | None = Field(default=None, description="kept tokens to read; null for all")
    block_tokens: int = Field(default=256, description="tokens that the model reads at once")
    prepend_bos: bool = Field(default=False, description="whether each block begins with BOS")
    sink_norm_ratio: float = Field(
        default=100.0,
        gt=1,
        description="a position whose norm exceeds this multiple of the median norm is masked",
    )
    active_threshold: float = Field(
        default=0.0, description="a latent is active above this activation"
    )
    seed: int = Field(default=0, description="of samples, maps and clusters")
    partners_kept: int = Field(
        default=32, le=10_000, description="partners kept per latent and ranking"
    )
    minimum_joint: int = Field(default=10, description="fewest joint tokens of a ranked pair")
    neighbours: int = Field(default=15, description="stored nearest decoder vectors per latent")
    context_tokens: int = Field(default=21, description="tokens of the window of a context")
    contexts_per_kind: int = Field(default=20, description="contexts of each kind per latent")
    minimum_cluster: int = Field(
        default=5, description="smallest cluster size that is tried, in latents"
    )
    epochs: int | None = Field(default=None, description="of the maps; null chooses by size")
    null_draws: int | None = Field(
        default=None, ge=1, description="of the clusters, in each space; null chooses by size"
    )
    dtype: str = Field(default="bfloat16", description="number type of the language model")


class MapQuality(_Strict):
    """How well a map preserves nearest neighbours."""

    trustworthiness: float | None = Field(
        description="Venna and Kaski 2001, k = 10; null with too few latents"
    )
    knn_recall: float | None = Field(description="mean recall@10 of the latents on the map")
    latents: int = Field(ge=0, description="latents on the map")
    left_out: int = Field(ge=0, description="latents that are not on the map")
    graph: str = Field(description="how neighbours were computed")
    agreement: float | None = Field(
        default=None,
        description="overlap of the 10 nearest on the map, mean over the pairs of three seeds",
    )


class LevelName(NamedTuple):
    """Which level of clusters."""

    space: Space
    level: int
    """0 is the finest of its space."""


class ClusterLevel(_Strict):
    """One level of the clusters in one space."""

    space: Space = Field(description="what makes the latents of a cluster similar")
    level: int = Field(ge=0, description="0 is the finest of its space")
    clusters: int = Field(ge=0)
    noise: int = Field(ge=0, description="clustered latents that are in no cluster of this level")
    stability: float = Field(description="mean adjusted Rand index between pairs of seeds")
    shown_first: bool = Field(
        default=False, description="whether it is the level of its space that is shown first"
    )
    null_draws: int = Field(
        default=0, ge=0, description="draws in which there is nothing to find; 0 if none was made"
    )
    null_latents: int = Field(default=0, ge=0, description="latents of each draw")
    null_stability: float | None = Field(
        default=None, description="the same stability in these draws, mean; null without draws"
    )

    @property
    def name(self) -> LevelName:
        """The space and the level."""
        return LevelName(self.space, self.level)


class RelationFamily(_Strict):
    """The rule and the tests for one kind of relation between latents."""

    relation: str
    rule: str = Field(description="one sentence: the condition for listing a pair")
    family: str = Field(description="one sentence: the tests that the q-value corrects for")
    tested: int = Field(ge=0)
    listed: int = Field(ge=0)


class MemberScores(_Strict):
    """How well the words of the other members predict a member, over all members of clusters."""

    clusters: int = Field(ge=0)
    covered: float = Field(ge=0, le=1, description="share of the live latents that are members")
    members: int = Field(ge=0, description="members with a score; duplicates count once")
    lift: float | None = Field(description="median lift; null without scores")
    share: float | None = Field(description="share of the members with a lift of 5 or more")
    lift_other_words: float | None = Field(
        description="median lift without a member's own three most telling words"
    )
    share_other_words: float | None = Field(
        description="share of the members for which that is 2 or more"
    )


class LevelScores(_Strict):
    """The label score of the clusters of one level, beside random clusters."""

    space: Space
    level: int = Field(ge=0)
    clusters: MemberScores = Field(description="the clusters of the level")
    random: MemberScores = Field(description="their members, dealt at random to the same sizes")
    draws: int = Field(ge=0, description="how often they were dealt")


class LabelSummary(_Strict):
    """How labels were generated and scored."""

    naming_documents: int = Field(ge=0, description="documents used to generate labels")
    held_out_documents: int = Field(ge=0, description="documents used to score labels")
    held_out_words: int = Field(
        ge=0, description="words of the held-out documents; N in every score"
    )
    least_contexts: int = Field(ge=0, description="active held-out words needed for a score")
    explanations: list[str] = Field(description="sources of explanations")
    explained: int = Field(default=0, description="latents and clusters with an explanation")
    explanations_scored: int = Field(
        0, description="latents and clusters whose explanation has a score"
    )
    levels: list[LevelScores] = Field(
        default_factory=list, description="label scores of the clusters of every level"
    )
    first_word: MemberScores | None = Field(
        default=None, description="the same for live latents grouped by their best word"
    )
    shown_first_reason: str = Field(
        default="", description="one sentence: why the clusters of one space are shown first"
    )


class ReadingCoverage(_Strict):
    """What the first items of the reading order cover."""

    items: int = Field(ge=1, description="items that are read")
    latents: int = Field(ge=0, description="latents of these items")
    mass: float = Field(ge=0, le=1, description="share of the activation mass that they cover")
    documents: float = Field(
        ge=0, le=1, description="share of the documents with at least half of the mass covered"
    )
    random_mass: float = Field(
        ge=0, le=1, description="mass covered by as many items in a random order, mean"
    )


class ReadingSummary(_Strict):
    """The reading order: the fewest clusters and latents that cover most of the activation."""

    live: int = Field(ge=0, description="latents that are covered: live ones")
    distinct: int = Field(
        ge=0, description="of these, neither a duplicate of an earlier one nor implying another"
    )
    documents: int = Field(ge=0, description="documents of which the mass was taken")
    coverage: list[ReadingCoverage]


class StoredTable(_Strict):
    """The hashes and the number of rows of one table's file."""

    sha256: str = Field(description="of the whole file", pattern=HASH)
    footer: str = Field(description="of its Parquet footer, verified when opened", pattern=HASH)
    rows: int | None = Field(
        default=None, ge=0, description="checked when opened; null if it predates this field"
    )


class Manifest(_Strict):
    """What a bundle is, where it comes from and how it was made."""

    schema_version: int
    bundle_id: str = ""
    sae: SaeSource
    model: ModelSource | None
    corpus: CorpusSource
    parameters: Parameters
    tokens: int = Field(ge=0, description="kept tokens; N in every statistic")
    documents: int = Field(ge=0)
    mask: MaskSummary
    active_rule: str
    self_check: SelfCheck
    no_logit_effects: str = Field(
        default="", description="why the model's logits show no effects; empty if they do"
    )
    map: MapQuality
    map_cooccurrence: MapQuality | None = None
    null_map: MapQuality | None = Field(
        default=None, description="the decoder map of a null draw; null if it predates this field"
    )
    null_map_cooccurrence: MapQuality | None = Field(
        default=None, description="the same by co-occurrence"
    )
    clustering: list[ClusterLevel]
    clusters_shown_first: Space = Field(
        default="decoder", description="the space whose clusters are shown first"
    )
    relations: list[RelationFamily]
    labels: LabelSummary | None = Field(
        default=None, description="null in bundles that predate this field"
    )
    reading: ReadingSummary | None = Field(
        default=None, description="null in bundles that predate this field"
    )
    versions: dict[str, str]
    timings: dict[str, float] = Field(description="seconds per step")
    tables: dict[str, StoredTable] = Field(
        default_factory=dict,
        description="hashes and rows of every table; empty if they predate this field",
    )
    checksum: str = Field(
        default="", description="SHA-256 of all fields but timings; empty if it predates this field"
    )

    def first_level(self, space: Space | None = None) -> ClusterLevel | None:
        """The level of a space that is shown first, None if there is none.

        Without `space`, it is the space whose clusters are shown first, or the other one if only
        that has clusters.
        """
        wanted = [space] if space else [self.clusters_shown_first, *SPACES]
        first = [
            level
            for one in wanted
            for level in self.clustering
            if level.space == one and level.shown_first
        ]
        return next((level for level in first if level.clusters), first[0] if first else None)
