"""`manifest.json`: what a bundle is, where it comes from and how it was made."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST = "manifest.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaeSource(_Strict):
    """The saved SAE that a bundle describes."""

    name: str
    format: str
    architecture: str
    d_in: int
    d_sae: int
    d_out: int
    hook_point: str | None = Field(description="in TransformerLens spelling; null if unknown")
    hook_module: str | None = Field(
        description="Hugging Face module whose output was read; null if activations were imported"
    )
    k: int | None
    normalisation: str
    applies_b_dec_to_input: bool
    notes: list[str]
    content_hash: str
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


class ModelSource(_Strict):
    """The language model whose activations were read; null for imported activations."""

    name: str
    architecture: str
    layers: int
    d_model: int
    dtype: str
    content_hash: str


class CorpusSource(_Strict):
    """The text that was run, or the activations file that was imported."""

    name: str
    kind: Literal["corpus", "activations"]
    content_hash: str


class MaskSummary(_Strict):
    """Which tokens are masked, and how many. Masked tokens are in no count."""

    policy: str = Field(description="one sentence: which tokens are masked")
    special_token_ids: list[int]
    special_tokens: int = Field(description="masked special tokens")
    sink_tokens: int = Field(description="masked attention sinks")


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

    max_tokens: int | None = None
    block_tokens: int = 256
    prepend_bos: bool = False
    active_threshold: float = 0.0
    seed: int = 0
    partners_kept: int = 32
    minimum_joint: int = 10
    neighbours: int = 15
    context_tokens: int = 21
    contexts_per_kind: int = 6
    minimum_cluster: int = 5
    epochs: int | None = None
    dtype: str = "bfloat16"


class MapQuality(_Strict):
    """How well a map preserves nearest neighbours."""

    trustworthiness: float | None
    knn_recall: float | None = Field(description="mean recall@10 of the latents on the map")
    latents: int = Field(description="latents on the map")
    left_out: int = Field(description="latents that are not on the map")
    graph: str = Field(description="how neighbours were computed")
    agreement: float | None = Field(
        default=None, description="mean overlap of the 10 nearest on the maps of two seeds"
    )


class ClusterLevel(_Strict):
    """One level of the clustering."""

    level: int
    clusters: int
    noise: int
    stability: float = Field(description="mean adjusted Rand index between pairs of seeds")


class CommunityLevel(_Strict):
    """One level of the co-occurrence communities."""

    level: int
    communities: int
    resolution: float
    modularity: float = Field(description="modularity at this resolution")
    stability: float = Field(description="mean adjusted Rand index between pairs of seeds")
    latents: int = Field(description="latents in a community")
    edges: int = Field(description="edges of the graph; the same at every level")


class RelationFamily(_Strict):
    """The rule and the tests for one kind of relation between latents."""

    relation: str
    rule: str = Field(description="one sentence: the condition for listing a pair")
    family: str = Field(description="one sentence: the tests that the q-value corrects for")
    tested: int
    listed: int


class LabelSummary(_Strict):
    """How labels were generated and scored."""

    naming_documents: int = Field(description="documents used to generate labels")
    held_out_documents: int = Field(description="documents used to score labels")
    held_out_words: int = Field(description="words of the held-out documents; N in every score")
    least_contexts: int = Field(description="active held-out words needed for a score")
    explanations: list[str] = Field(description="sources of explanations")
    explained: int = Field(0, description="latents and clusters with an explanation")
    explanations_scored: int = Field(
        0, description="latents and clusters whose explanation has a precision"
    )


class Manifest(_Strict):
    """What a bundle is, where it comes from and how it was made."""

    schema_version: int
    bundle_id: str = ""
    sae: SaeSource
    model: ModelSource | None
    corpus: CorpusSource
    parameters: Parameters
    tokens: int = Field(description="kept tokens; N in every statistic")
    documents: int
    mask: MaskSummary
    active_rule: str
    self_check: SelfCheck
    map: MapQuality
    map_cooccurrence: MapQuality | None = None
    clustering: list[ClusterLevel]
    communities: list[CommunityLevel] = Field(default_factory=list)
    relations: list[RelationFamily]
    labels: LabelSummary | None = Field(
        default=None, description="null in bundles that predate this field"
    )
    versions: dict[str, str]
    timings: dict[str, float] = Field(description="seconds per step")
