"""The bundle: the one contract between the analysis that writes it and the pages that read it.

A bundle is a folder of Parquet tables and `manifest.json`. `TABLES` declares every table and every
column, with its unit and meaning; nothing else in the project does. A bundle is immutable: it is
written to a working folder, checked, and published by one rename.

All tables that describe latents are sorted by `latent`, so that the rows of one latent are found
from the row-group statistics and read alone, whatever the size of the table.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.runtime.errors import InputError

SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
ROW_GROUP = 65_536
LARGEST_MANIFEST_BYTES = 4_000_000
EVERY_PAIR_UP_TO = 1_000
"""Clusters of a level of which every pair that meets is stored; of more, the strongest pairs."""

Flag = Literal["live", "dead", "ultralow", "dense"]
ContextKind = Literal["top", "interval", "random"]


def column(
    name: str, kind: pa.DataType, unit: str, meaning: str, nullable: bool = False
) -> pa.Field:
    """One column of a bundle table, with its unit and its meaning kept in the file itself."""
    return pa.field(name, kind, nullable, {"unit": unit, "meaning": meaning})


_WORD = pa.dictionary(pa.int32(), pa.string())
_TERM = pa.struct([("term", pa.string()), ("score", pa.float32()), ("latents", pa.int32())])
_NAME_COLUMNS = [
    column("label_precision", pa.float32(), "fraction", "active where the label predicts", True),
    column("label_recall", pa.float32(), "fraction", "predicted by the label where active", True),
    column("label_lift", pa.float32(), "ratio", "precision / share of words; 1 = chance", True),
    column("label_contexts", pa.int32(), "words", "held-out words on which it is active"),
    column("explanation", pa.string(), "text", "as others call it; empty where nobody does"),
    column("explanation_source", _WORD, "text", "imported: FILE, model: NAME, or empty"),
    column("explanation_precision", pa.float32(), "fraction", "active where its words are", True),
    column("explanation_recall", pa.float32(), "fraction", "its words are where active", True),
]
"""A name's score on held-out documents (`labels/scoring.py`), of latents and of clusters."""

TABLES: dict[str, pa.Schema] = {
    "latents": pa.schema(
        [
            column("latent", pa.int32(), "id", "index of the latent in the SAE; one row each"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens on which it is active"),
            column("active_documents", pa.int32(), "documents", "documents with an active token"),
            column("density", pa.float64(), "fraction", "active_tokens / kept tokens"),
            column("mean", pa.float32(), "activation", "mean over its active tokens", True),
            column("std", pa.float32(), "activation", "deviation over its active tokens", True),
            column("median", pa.float32(), "activation", "median over its active tokens", True),
            column("p90", pa.float32(), "activation", "90th percentile, active tokens", True),
            column("max", pa.float32(), "activation", "largest activation", True),
            column("flag", _WORD, "word", "live, dead, ultralow (< 1e-6) or dense (> 10 %)"),
            column("decoder_norm", pa.float32(), "norm", "Euclidean norm of its row of W_dec"),
            column("x", pa.float32(), "map", "map coordinate; null where left out", True),
            column("y", pa.float32(), "map", "map coordinate; null where left out", True),
            column("map_recall", pa.float32(), "fraction", "kNN recall@10 of map vs decoder", True),
            column(
                "map_agreement", pa.float32(), "fraction", "10 nearest on map, over seeds", True
            ),
            column("x_cooccurrence", pa.float32(), "map", "on the map of co-occurrence", True),
            column("y_cooccurrence", pa.float32(), "map", "on the map of co-occurrence", True),
            column("moved", pa.float32(), "fraction", "1 - share of 10 nearest on both maps", True),
            column("cluster", pa.int32(), "id", "finest cluster; null = none (noise)", True),
            column("label", pa.string(), "text", "name from its evidence; empty where none"),
            column("top_tokens", pa.list_(pa.string()), "text", "most telling tokens, best first"),
            *_NAME_COLUMNS,
        ]
    ),
    "neighbours": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("rank", pa.int16(), "rank", "0 is the nearest"),
            column("neighbour", pa.int32(), "id", "another latent"),
            column("cosine", pa.float32(), "cosine", "of the two rows of W_dec"),
        ]
    ),
    "partners": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("partner", pa.int32(), "id", "a latent that fires on the same tokens"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column("joint_documents", pa.int32(), "documents", "documents in which both fire"),
            column("activation_cosine", pa.float32(), "cosine", "of the activations; 3 digits"),
        ]
    ),
    "relations": pa.schema(
        [
            column("a", pa.int32(), "id", "a latent; ascending"),
            column("b", pa.int32(), "id", "another; a < b unless a implies b"),
            column(
                "relation",
                _WORD,
                "word",
                "duplicate, implication (a implies b), exclusive or absorption_candidate",
            ),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column("expected", pa.float64(), "tokens", "n1 n2 / N: joint tokens of independence"),
            column("p_b_given_a", pa.float64(), "fraction", "of a's active tokens, those with b"),
            column("p_a_given_b", pa.float64(), "fraction", "of b's active tokens, those with a"),
            column("lift", pa.float64(), "ratio", "joint_tokens / expected"),
            column("phi", pa.float64(), "correlation", "Pearson's r of the two activities"),
            column("q_value", pa.float64(), "probability", "Benjamini-Hochberg, in its family"),
            column("p_value", pa.float64(), "probability", "of the circular shift, one-sided"),
            column("expected_shifted", pa.float64(), "tokens", "mean joint tokens under the shift"),
            column("cosine", pa.float32(), "cosine", "of the two rows of W_dec; null if 0", True),
            column("parent", pa.int32(), "id", "exclusive: the latent that both imply", True),
        ]
    ),
    "clusters": pa.schema(
        [
            column("cluster", pa.int32(), "id", "unique over all levels"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("parent", pa.int32(), "id", "the cluster of the next level around it", True),
            column("size", pa.int32(), "latents", "members"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens with an active member"),
            column("active_documents", pa.int32(), "documents", "documents with such a token"),
            column("mean_density", pa.float32(), "fraction", "mean density of its members"),
            column("label", pa.string(), "text", "its most telling terms"),
            column("terms", pa.list_(_TERM), "terms", "class-based TF-IDF, and members with it"),
            column("raised", pa.list_(_TERM), "terms", "tokens that members' decoder rows raise"),
            column("explained", pa.list_(_TERM), "terms", "words of members' explanations"),
            *_NAME_COLUMNS,
            column("stability", pa.float32(), "fraction", "agreement over seeds; weak below .5"),
            column("bootstrap", pa.float32(), "fraction", "over resampled edges; weak below .5"),
            column("x", pa.float32(), "map", "median x of its members", True),
            column("y", pa.float32(), "map", "median y of its members", True),
        ]
    ),
    "memberships": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("cluster", pa.int32(), "id", "its cluster at that level; noise has no row"),
        ]
    ),
    "communities": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("community", pa.int32(), "id", "unique over all levels; in none: no row"),
        ]
    ),
    "cluster_pairs": pa.schema(
        [
            column("level", pa.int8(), "level", "of both clusters"),
            column("cluster", pa.int32(), "id", "a cluster"),
            column("other", pa.int32(), "id", "another one, of a larger id; a pair stands once"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
        ]
    ),
    "cluster_components": pa.schema(
        [
            column("cluster", pa.int32(), "id", "the cluster"),
            column("component", pa.int8(), "rank", "principal component; 1 is the strongest"),
            column("share", pa.float32(), "fraction", "of the reconstruction's variance"),
            column("tokens", pa.int32(), "tokens", "sampled tokens that the components rest on"),
        ]
    ),
    "cluster_loadings": pa.schema(
        [
            column("cluster", pa.int32(), "id", "the cluster"),
            column("latent", pa.int32(), "id", "a member"),
            column("loadings", pa.list_(pa.float32()), "decoder", "its W_dec on each component"),
        ]
    ),
    "contexts": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("kind", _WORD, "word", "top, interval or random"),
            column("activation", pa.float32(), "activation", "on the token that was picked"),
            column("document", pa.int64(), "id", "document of the window"),
            column("position", pa.int32(), "tokens", "position of the picked token in it"),
            column("tokens", pa.list_(pa.string()), "text", "the window, readable"),
            column("activations", pa.list_(pa.float32()), "activation", "one for each token"),
            column("peak", pa.int16(), "index", "where the picked token stands in the window"),
        ]
    ),
    "logits": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("sign", _WORD, "word", "positive or negative"),
            column("rank", pa.int16(), "rank", "0 is the strongest"),
            column("token", pa.string(), "text", "token of the model's vocabulary, readable"),
            column("effect", pa.float32(), "logit", "unit decoder vector through the unembedding"),
        ]
    ),
    "documents": pa.schema(
        [
            column("document", pa.int64(), "id", "as in the corpus; ascending"),
            column("title", pa.string(), "text", "title"),
            column("source", pa.string(), "text", "where it comes from"),
            column("tokens", pa.int32(), "tokens", "kept tokens"),
        ]
    ),
    "tokens": pa.schema(
        [
            column("document", pa.int64(), "id", "the document; ascending"),
            column("position", pa.int32(), "tokens", "position in the document; ascending"),
            column("token", _WORD, "text", "readable token"),
            column("kept", pa.bool_(), "yes/no", "counted; masked tokens have no activations"),
            column("active_latents", pa.int32(), "latents", "active on it (its L0)"),
        ]
    ),
    "activations_by_latent": pa.schema(
        [
            column("token", pa.uint32(), "row", "row of the token table; ascending in a latent"),
            column("activation", pa.float32(), "activation", "rounded to 11 significant bits"),
        ]
    ),
    "activations_by_token": pa.schema(
        [column("latent", pa.uint32(), "id", "ascending in a token")],
    ),
}
"""Every table and column of a bundle.

`activations_by_latent` holds the active (token, activation) pairs of latent 0, then of latent 1,
and so on: latent i owns the rows between the running sums of `latents.active_tokens`. In the same
way the rows of `activations_by_token` follow `tokens.active_latents`. Activations are stored once,
by latent, as float32 whose last 13 bits are zero: they compress to the size of half precision and
keep the range of single precision.
"""


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


class SharedFile:
    """A Parquet file that any number of threads may read at the same time.

    A ParquetFile serves one thread: two sessions of the dashboard that read through the same one
    break it. So each thread has its own, and all have the same metadata, which is read once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = local()
        self.metadata: pq.FileMetaData = pq.read_metadata(path)

    @property
    def file(self) -> pq.ParquetFile:
        """The handle of this thread."""
        if not hasattr(self._own, "file"):
            self._own.file = pq.ParquetFile(self._path, memory_map=True, metadata=self.metadata)
        return self._own.file


@dataclass(frozen=True)
class LatentTable:
    """A Parquet table sorted by its first column, a latent, read by the row groups asked for."""

    path: Path

    @cached_property
    def _shared(self) -> SharedFile:
        return SharedFile(self.path)

    @property
    def _file(self) -> pq.ParquetFile:
        return self._shared.file

    @cached_property
    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last latent of every row group."""
        meta = self._shared.metadata
        stats = [meta.row_group(i).column(0).statistics for i in range(meta.num_row_groups)]
        return np.array([s.min for s in stats if s]), np.array([s.max for s in stats if s])

    @property
    def rows(self) -> int:
        """Number of rows of the whole table."""
        return int(self._shared.metadata.num_rows)

    def of(self, latents: int | np.ndarray | list[int]) -> pa.Table:
        """The rows of the given latents, in the order of the table."""
        wanted = np.unique(np.atleast_1d(np.asarray(latents, dtype=np.int32)))
        first, last = self._spans
        if len(wanted) == 0 or len(first) == 0:
            return self._file.schema_arrow.empty_table()
        left = np.searchsorted(wanted, first, side="left")
        right = np.searchsorted(wanted, last, side="right")
        groups = np.flatnonzero(right > left).tolist()
        found = self._file.read_row_groups(groups)
        return found.filter(pc.is_in(found.column(0), pa.array(wanted)))

    def pieces(self) -> Iterator[pa.Table]:
        """The whole table, one row group at a time."""
        for group in range(self._shared.metadata.num_row_groups):
            yield self._file.read_row_group(group)

    def all(self) -> pa.Table:
        """The whole table."""
        return self._file.read()


@dataclass(frozen=True)
class Activations:
    """The stored sparse activations, readable by latent and by token."""

    folder: Path
    latent_ends: np.ndarray = field(repr=False)
    token_ends: np.ndarray = field(repr=False)

    @cached_property
    def _by_latent(self) -> SharedFile:
        return SharedFile(self.folder / "activations_by_latent.parquet")

    @cached_property
    def _by_token(self) -> SharedFile:
        return SharedFile(self.folder / "activations_by_token.parquet")

    def of_latent(self, latent: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the token table [n] uint32, ascending, and activations [n] float32."""
        start, stop = _span(self.latent_ends, latent)
        rows = _read_rows(self._by_latent, start, stop)
        tokens = rows["token"].to_numpy()
        return tokens, rows["activation"].to_numpy().astype(np.float32)

    def of_latents(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Token rows and activations of latents start..stop-1, one after the other, and counts."""
        first, last = _span_of(self.latent_ends, start, stop)
        rows = _read_rows(self._by_latent, first, last)
        counts = np.diff(self.latent_ends[start:stop], prepend=first)
        return rows["token"].to_numpy(), rows["activation"].to_numpy(), counts

    def each_of(
        self, latents: np.ndarray, most_rows: int = 64 * ROW_GROUP
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each of some ascending latents with its token rows and activations.

        Latents that share a row group of the file, or have neighbouring ones, are read together,
        up to `most_rows` rows (or one latent) at once.
        """
        ends = self.latent_ends
        starts = np.concatenate([[0], ends[:-1]])
        i = 0
        while i < len(latents):
            base, j = int(starts[latents[i]]), i + 1
            while (
                j < len(latents)
                and starts[latents[j]] - ends[latents[j - 1]] < ROW_GROUP
                and ends[latents[j]] - base <= most_rows
            ):
                j += 1
            rows = _read_rows(self._by_latent, base, int(ends[latents[j - 1]]))
            tokens, values = rows["token"].to_numpy(), rows["activation"].to_numpy()
            for latent in latents[i:j].tolist():
                own = slice(int(starts[latent]) - base, int(ends[latent]) - base)
                yield latent, tokens[own], values[own]
            i = j

    def tokens_of_latents(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Token rows of latents start..stop-1, one latent after the other, and their counts."""
        first, last = _span_of(self.latent_ends, start, stop)
        tokens = _read_rows(self._by_latent, first, last, ["token"])["token"].to_numpy()
        return tokens, np.diff(self.latent_ends[start:stop], prepend=first)

    def of_token(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Latents [n] uint32, ascending, active on one row of the token table, and activations."""
        start, stop = _span(self.token_ends, row)
        latents = _read_rows(self._by_token, start, stop)["latent"].to_numpy()
        values = np.empty(len(latents), dtype=np.float32)
        for i, latent in enumerate(latents):
            tokens, activations = self.of_latent(int(latent))
            values[i] = activations[np.searchsorted(tokens, row)]
        return latents, values

    def latents_of_tokens(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Active latents of the token rows start..stop-1, one after the other, and their counts."""
        first, last = _span_of(self.token_ends, start, stop)
        latents = _read_rows(self._by_token, first, last)["latent"].to_numpy()
        return latents, np.diff(self.token_ends[start:stop], prepend=first)


def _span(ends: np.ndarray, index: int) -> tuple[int, int]:
    return _span_of(ends, index, index + 1)


def _span_of(ends: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """First row of item `start` and the row behind item `stop` - 1."""
    return (int(ends[start - 1]) if start else 0), (int(ends[stop - 1]) if stop else 0)


def _read_rows(
    shared: SharedFile, start: int, stop: int, columns: list[str] | None = None
) -> pa.Table:
    """Rows start..stop-1 of a Parquet file written in row groups of ROW_GROUP."""
    file = shared.file
    if stop <= start:
        return file.schema_arrow.empty_table()
    first, last = start // ROW_GROUP, (stop - 1) // ROW_GROUP
    table = file.read_row_groups(list(range(first, last + 1)), columns=columns)
    return table.slice(start - first * ROW_GROUP, stop - start)


@dataclass(frozen=True)
class TopWords:
    """All top tokens of all latents, each distinct text once, so that a search reads it once."""

    words: pa.Array = field(repr=False)
    codes: np.ndarray = field(repr=False)
    latents: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class KeptTokens:
    """Where the kept tokens stand; masked tokens are no positions."""

    before: np.ndarray = field(repr=False)
    """[rows] uint32: kept tokens before each row of the token table."""
    ends: np.ndarray = field(repr=False)
    """[documents] int64: kept tokens up to the end of each document; ascending."""

    @staticmethod
    def of(document: np.ndarray, kept: np.ndarray) -> "KeptTokens":
        """From two columns of the token table, [rows]."""
        running = np.cumsum(kept, dtype=np.int64)
        last = np.flatnonzero(np.diff(document, append=document[-1:] + 1))
        return KeptTokens((running - kept).astype(np.uint32), running[last])


@dataclass(frozen=True)
class Bundle:
    """An open bundle. Small tables are read once, large ones by the rows that are asked for."""

    path: Path
    manifest: Manifest

    @cached_property
    def latents(self) -> pa.Table:
        """One row per latent, row i is latent i."""
        return self._read("latents")

    @cached_property
    def top_words(self) -> TopWords:
        """The top tokens in a form that a search reads fast."""
        lists = self.latents["top_tokens"].combine_chunks()
        encoded = lists.flatten().dictionary_encode()
        return TopWords(
            encoded.dictionary, encoded.indices.to_numpy(), pc.list_parent_indices(lists).to_numpy()
        )

    @cached_property
    def clusters(self) -> pa.Table:
        """One row per cluster of every level."""
        return self._read("clusters")

    @cached_property
    def memberships(self) -> pa.Table:
        """Which cluster a latent belongs to at every level."""
        return self._read("memberships")

    @cached_property
    def communities(self) -> pa.Table:
        """Which community of latents that fire together a latent belongs to at every level."""
        return self._read("communities")

    @cached_property
    def cluster_pairs(self) -> pa.Table:
        """On how many tokens two clusters of a level are active together."""
        return self._read("cluster_pairs")

    @cached_property
    def cluster_components(self) -> pa.Table:
        """Principal components of the clusters' reconstructed activations."""
        return self._read("cluster_components")

    @cached_property
    def cluster_loadings(self) -> pa.Table:
        """The members' decoder vectors on these components."""
        return self._read("cluster_loadings")

    @cached_property
    def documents(self) -> pa.Table:
        """One row per document."""
        return self._read("documents")

    @cached_property
    def tokens(self) -> pa.Table:
        """One row per token of the corpus, masked ones included."""
        return self._read("tokens")

    @cached_property
    def neighbours(self) -> LatentTable:
        """Nearest decoder vectors."""
        return LatentTable(self._file("neighbours"))

    @cached_property
    def partners(self) -> LatentTable:
        """Strongest co-occurrence partners."""
        return LatentTable(self._file("partners"))

    @cached_property
    def relations(self) -> LatentTable:
        """Duplicates, implications, exclusive siblings and absorption candidates, by `a`."""
        return LatentTable(self._file("relations"))

    @cached_property
    def kept_tokens(self) -> KeptTokens:
        """Where the kept tokens stand."""
        tokens = pq.read_table(self._file("tokens"), columns=["document", "kept"], memory_map=True)
        return KeptTokens.of(tokens["document"].to_numpy(), tokens["kept"].to_numpy())

    @cached_property
    def contexts(self) -> LatentTable:
        """Windows of the corpus on which a latent is active."""
        return LatentTable(self._file("contexts"))

    @cached_property
    def logits(self) -> LatentTable:
        """Tokens that a latent pushes up or down; empty without a model."""
        return LatentTable(self._file("logits"))

    @cached_property
    def activations(self) -> Activations:
        """The sparse activations."""
        # One column alone: of ten million tokens the whole table takes a second and 200 MB.
        active = pq.read_table(self._file("tokens"), columns=["active_latents"], memory_map=True)
        return Activations(
            self.path,
            np.cumsum(self.latents["active_tokens"].to_numpy(), dtype=np.int64),
            np.cumsum(active["active_latents"].to_numpy(), dtype=np.int64),
        )

    @property
    def name(self) -> str:
        """The folder's name, for people."""
        return self.path.name

    def _file(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _read(self, table: str) -> pa.Table:
        return pq.read_table(self._file(table), memory_map=True)


def open_bundle(path: str | Path) -> Bundle:
    """Open a bundle and check that it is whole.

    Raises InputError when the folder is no bundle, has another schema version, or lacks a table or
    a column.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    for table, schema in TABLES.items():
        _check_table(folder / f"{table}.parquet", schema)
    return Bundle(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Read and check `manifest.json` alone; raises InputError."""
    file = folder / MANIFEST
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the folder of a bundle.")
    if not file.is_file():
        raise InputError(
            f"{folder}: has no {MANIFEST}, so it is no bundle; make one with "
            "`python -m analysis build`."
        )
    if file.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise InputError(f"{file}: is too large for a manifest; build the bundle again.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{file}: is not a readable manifest; build the bundle again.") from error
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{file}: has bundle schema version {version!r}, and this Clearwater reads version "
            f"{SCHEMA_VERSION}; build the bundle again with this version."
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{file}: the field {place} is not valid; build the bundle again."
        ) from error


def _check_table(file: Path, schema: pa.Schema) -> None:
    if not file.is_file():
        raise InputError(f"{file}: is missing, so the bundle is not whole; build it again.")
    try:
        stored = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{file}: is not a readable Parquet file; build the bundle again."
        ) from error
    for wanted in schema:
        index = stored.get_field_index(wanted.name)
        if index < 0 or stored.field(index).type != wanted.type:
            raise InputError(
                f"{file}: lacks the column {wanted.name} of type {wanted.type}; "
                "build the bundle again."
            )


_ENCODINGS = {
    "activations_by_latent": {"token": "DELTA_BINARY_PACKED", "activation": "BYTE_STREAM_SPLIT"},
    # Ids that ascend inside a token: their high bytes hardly change, so split bytes compress best.
    "activations_by_token": {"latent": "BYTE_STREAM_SPLIT"},
}


class TableWriter:
    """Writes one table of a bundle in pieces, in its declared schema, never holding it whole.

    Row groups have exactly ROW_GROUP rows, which is what makes a row findable by its number.
    """

    def __init__(self, folder: Path, table: str) -> None:
        self._schema = TABLES[table]
        encodings = _ENCODINGS.get(table)
        self._writer = pq.ParquetWriter(
            folder / f"{table}.parquet",
            self._schema,
            compression="zstd",
            compression_level=9,
            use_dictionary=encodings is None,
            column_encoding=encodings,
        )
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0

    def write(self, rows: pa.Table) -> None:
        """Append rows; columns are cast to the declared types, missing or extra ones raise."""
        rows = rows.select(self._schema.names).cast(self._schema)
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush(keep=self._waiting_rows % ROW_GROUP)

    def _flush(self, keep: int) -> None:
        rows = pa.concat_tables(self._waiting).unify_dictionaries()
        whole = rows.num_rows - keep
        if whole:
            self._writer.write_table(rows.slice(0, whole), row_group_size=ROW_GROUP)
        self._waiting = [rows.slice(whole)]
        self._waiting_rows = keep

    def close(self) -> None:
        """Write what waits and finish the file."""
        if self._waiting:
            self._flush(keep=0)
        self._writer.close()

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_table(folder: Path, table: str, rows: pa.Table) -> None:
    """Write a whole table of a bundle that is being built."""
    with TableWriter(folder, table) as writer:
        writer.write(rows)


def publish(folder: Path, manifest: Manifest, destination: Path) -> Bundle:
    """Seal a complete working folder as a bundle: identify it, check it, rename it.

    The id is the hash of the tables and of the manifest without timings and versions, so equal
    content has an equal id. Raises InputError when the destination exists.
    """
    identified = manifest.model_copy(update={"bundle_id": content_id(folder, manifest)})
    (folder / MANIFEST).write_text(
        json.dumps(identified.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    open_bundle(folder)
    check_destination(destination)
    folder.replace(destination)
    return open_bundle(destination)


def check_destination(destination: Path) -> None:
    """InputError where something stands at the place of a new bundle."""
    if destination.exists():
        raise InputError(f"{destination}: exists already; choose another folder or remove it.")


def content_id(folder: Path, manifest: Manifest) -> str:
    """The first 16 hexadecimal digits of the sha256 of tables and manifest."""
    digest = hashlib.sha256()
    for table in sorted(TABLES):
        with (folder / f"{table}.parquet").open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    said: dict[str, Any] = manifest.model_dump(exclude={"bundle_id", "timings", "versions"})
    digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()[:16]
