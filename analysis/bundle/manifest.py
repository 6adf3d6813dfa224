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
    hook_point: str | None = Field(description="in TransformerLens spelling, if it has one")
    hook_module: str | None = Field(description="the Hugging Face module, where a model was run")
    k: int | None
    normalisation: str
    applies_b_dec_to_input: bool
    notes: list[str]
    content_hash: str
    centre_input: bool = Field(default=False, description="each token's mean is removed first")
    has_skip: bool = Field(default=False, description="a linear path W_skip beside the latents")
    hook_point_out: str | None = Field(default=None, description="of a transcoder's output")
    advertised_l0: float | None = Field(default=None, description="active latents per token")
    decoder_norms: dict[str, float] = Field(
        default_factory=dict, description="min, p05, median, p95 and max over the latents"
    )


class ModelSource(_Strict):
    """The language model whose activations were read; absent for imported activations."""

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
    """Which tokens were left out of every count, and how many."""

    policy: str = Field(description="one sentence that a reader understands")
    special_token_ids: list[int]
    special_tokens: int = Field(description="tokens left out as special")
    sink_tokens: int = Field(description="tokens left out as attention sinks")


class SelfCheck(_Strict):
    """Numbers that tell whether the SAE was read rightly."""

    explained_variance: float | None = Field(description="centred, 1 - FVU; null if imported")
    l0: float = Field(description="mean active latents per kept token")
    tokens: int = Field(description="kept tokens they were measured on")
    fits: bool | None = Field(default=None, description="null where nothing could be held against")
    verdict: str = Field(default="", description="one sentence; empty in bundles before it")


class Parameters(_Strict):
    """Every setting that the result depends on."""

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
    """How far a map may be believed."""

    trustworthiness: float | None
    knn_recall: float | None = Field(description="recall@10, mean over the latents on the map")
    latents: int
    left_out: int
    graph: str = Field(description="how the neighbours were found: exact or approximate")
    agreement: float | None = Field(
        default=None, description="shared share of the 10 nearest on the map, pairs of seeds"
    )


class ClusterLevel(_Strict):
    """One level of the clustering."""

    level: int
    clusters: int
    noise: int
    stability: float = Field(description="adjusted Rand index between seeds, mean of pairs")


class CommunityLevel(_Strict):
    """One level of the communities of latents that fire together."""

    level: int
    communities: int
    resolution: float
    modularity: float = Field(description="at that resolution")
    stability: float = Field(description="adjusted Rand index between seeds, mean of pairs")
    latents: int = Field(description="in a community")
    edges: int = Field(description="of the graph, the same at every level")


class RelationFamily(_Strict):
    """How one kind of relation between latents was looked for."""

    relation: str
    rule: str = Field(description="one sentence: when a pair is listed")
    family: str = Field(description="one sentence: the tests that q corrects for")
    tested: int
    listed: int


class LabelSummary(_Strict):
    """How names were made and scored."""

    naming_documents: int = Field(description="documents that the names were made from")
    held_out_documents: int = Field(description="documents that they were scored on")
    held_out_words: int = Field(description="words of these, the N of every score")
    least_contexts: int = Field(description="active held-out words below which there is no score")
    explanations: list[str] = Field(description="where explanations come from")
    explained: int = Field(0, description="latents and clusters with an explanation")
    explanations_scored: int = Field(0, description="of these, those with a precision")


class Manifest(_Strict):
    """What a bundle is, where it comes from and how it was made."""

    schema_version: int
    bundle_id: str = ""
    sae: SaeSource
    model: ModelSource | None
    corpus: CorpusSource
    parameters: Parameters
    tokens: int = Field(description="kept tokens, the N of every figure")
    documents: int
    mask: MaskSummary
    active_rule: str
    self_check: SelfCheck
    map: MapQuality
    map_cooccurrence: MapQuality | None = None
    clustering: list[ClusterLevel]
    communities: list[CommunityLevel] = Field(default_factory=list)
    relations: list[RelationFamily]
    labels: LabelSummary | None = Field(default=None, description="null in bundles before it")
    versions: dict[str, str]
    timings: dict[str, float] = Field(description="seconds of each step")
