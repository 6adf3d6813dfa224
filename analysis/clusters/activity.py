"""How often the clusters of a level are active, separately and together.

A cluster is active on a token if any of its members is. The active tokens and documents of each
cluster are counted, and for every pair of clusters of a level the tokens on which both are active.
The counts are integers over kept tokens, streamed from the stored activations by token. Memory: a
tile of tile x clusters x 8 bytes within the memory setting. The stored activations are read once
for each tile of a level.

A pair that is never active together has no row. A level of up to `EVERY_PAIR_UP_TO` clusters keeps
every other pair. A larger level keeps a pair if it is among the `PARTNERS_KEPT` strongest of either
cluster by phi; ties go to the smaller id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numba
import numpy as np
import pyarrow as pa

from analysis.bundle import EVERY_PAIR_UP_TO, TABLES, Activations, KeptTokens
from analysis.cooccurrence.association import TwoByTwo, phi
from analysis.runtime.arrays import Floats, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES

PARTNERS_KEPT = 100
"""Strongest pairs that a cluster of a large level keeps."""


@dataclass(frozen=True)
class ClusterActivity:
    """Counts of the clusters and of their pairs."""

    clusters: pa.Table
    """active_tokens, active_documents and mean_density, a row per cluster, in the given order."""
    pairs: pa.Table
    """The bundle's `cluster_pairs` table."""


def cluster_activity(
    activations: Activations,
    kept: KeptTokens,
    clusters: pa.Table,
    memberships: pa.Table,
    n_tokens: int,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> ClusterActivity:
    """Count the clusters of every level, and their pairs; `n_tokens` is the number of kept tokens.

    `clusters` has at least cluster, space and level, with the ids 0, 1, ...; the clusters of a
    space and level follow each other. `memberships` is the bundle's table.
    """
    count = clusters.num_rows
    tokens, in_documents = np.zeros(count, np.int64), np.zeros(count, np.int64)
    pairs = [TABLES["cluster_pairs"].empty_table()]
    for first, stop in _level_spans(clusters):
        of_latent = _clusters_of_latents(memberships, first, stop, len(activations.latent_ends))
        counted = _count_level(
            activations, kept, _Level(first, stop, of_latent), n_tokens, memory_bytes
        )
        tokens[first:stop], in_documents[first:stop] = counted.tokens, counted.documents
        pairs.append(_pair_rows(counted, clusters.slice(first, 1), first))
    density = _mean_densities(activations, memberships, count, n_tokens)
    fields = [TABLES["clusters"].field(name) for name in _COLUMNS]
    columns = [tokens, in_documents.astype(np.int32), density.astype(np.float32)]
    table = pa.Table.from_arrays([pa.array(c) for c in columns], schema=pa.schema(fields))
    return ClusterActivity(table, pa.concat_tables(pairs))


_COLUMNS = ("active_tokens", "active_documents", "mean_density")


@dataclass(frozen=True)
class _Level:
    """The clusters first..stop-1 of one level; `of_latent` [F] int32, -1 for none."""

    first: int
    stop: int
    of_latent: Int32s


@dataclass(frozen=True)
class _Counted:
    """Counts of one level. Its clusters are numbered from 0, and a < b in each kept pair."""

    tokens: Ints
    documents: Ints
    a: Ints
    b: Ints
    joint: Ints


def _level_spans(clusters: pa.Table) -> Iterator[tuple[int, int]]:
    """The first cluster of each level of a space, and the one after its last."""
    spaces, levels = clusters["space"].to_pylist(), clusters["level"].to_pylist()
    first = 0
    for _, group in groupby(zip(spaces, levels, strict=True)):
        stop = first + len(list(group))
        yield first, stop
        first = stop


def _clusters_of_latents(memberships: pa.Table, first: int, stop: int, n_latents: int) -> Int32s:
    """Which of the clusters first..stop-1 every latent is in, -1 for none."""
    clusters = memberships["cluster"].to_numpy()
    inside = (clusters >= first) & (clusters < stop)
    cluster_of = np.full(n_latents, -1, dtype=np.int32)
    cluster_of[memberships["latent"].to_numpy()[inside]] = clusters[inside]
    return cluster_of


def _mean_densities(
    activations: Activations, memberships: pa.Table, count: int, n_tokens: int
) -> Floats:
    """Mean density of the members of every cluster [count]."""
    density = activations.latent_counts / n_tokens
    cluster = memberships["cluster"].to_numpy()
    total = np.bincount(cluster, density[memberships["latent"].to_numpy()], minlength=count)
    return total / np.maximum(np.bincount(cluster, minlength=count), 1)


def _count_level(
    activations: Activations,
    kept: KeptTokens,
    level: _Level,
    n_tokens: int,
    memory_bytes: int,
) -> _Counted:
    width = level.stop - level.first
    local = np.where(level.of_latent >= 0, level.of_latent - level.first, -1).astype(np.int32)
    tokens, in_documents = _margins(activations, kept, local, width)
    pairs: list[tuple[Ints, Ints, Ints]] = []
    for start, rows in _tiles(activations, local, width, memory_bytes):
        pairs.append(_kept_pairs(rows, start, tokens, n_tokens))
    a, b, joint = (np.concatenate(part) for part in zip(*pairs, strict=True))
    # A pair that both clusters keep is here twice, with the same count.
    _, once = np.unique(a * width + b, return_index=True)
    return _Counted(tokens, in_documents, a[once], b[once], joint[once])


def _margins(
    activations: Activations, kept: KeptTokens, local: Int32s, width: int
) -> tuple[Ints, Ints]:
    """Tokens and documents [width] on which each cluster is active."""
    tokens, in_documents = np.zeros(width, np.int64), np.zeros(width, np.int64)
    last_token, last_document = np.full(width, -1, np.int64), np.full(width, -1, np.int64)
    for block in activations.blocks_by_token():
        document = kept.documents_of(np.arange(block.first, block.stop))
        _add_margins(
            local, block.first, block.offsets, block.latents, document,
            tokens, in_documents, last_token, last_document,
        )  # fmt: skip
    return tokens, in_documents


@numba.njit(cache=True)
def _add_margins(  # noqa: PLR0913, PLR0917 - a kernel
    local: Int32s,
    first: int,
    offsets: Ints,
    latents: UInt32s,
    document: Ints,
    tokens: Ints,
    in_documents: Ints,
    last_token: Ints,
    last_document: Ints,
) -> None:
    """Add a piece of tokens that starts at row `first`.

    last_token and last_document [clusters] are those that were counted last.
    """
    for i in range(len(offsets) - 1):
        for j in range(offsets[i], offsets[i + 1]):
            cluster = local[latents[j]]
            if cluster >= 0 and last_token[cluster] != first + i:
                last_token[cluster] = first + i
                tokens[cluster] += 1
                if last_document[cluster] != document[i]:
                    last_document[cluster] = document[i]
                    in_documents[cluster] += 1


def _tiles(
    activations: Activations, local: Int32s, width: int, memory_bytes: int
) -> Iterator[tuple[int, Ints]]:
    """Each tile of clusters: its first one, and joint tokens [tile, width] with every cluster."""
    tile = max(1, memory_bytes // (8 * max(width, 1)))
    for start in range(0, width, tile):
        rows = np.zeros((min(tile, width - start), width), dtype=np.int64)
        last_token = np.full(width, -1, dtype=np.int64)
        active = np.empty(width, dtype=np.int32)
        for block in activations.blocks_by_token():
            given = local, block.first, block.offsets, block.latents
            _add_joint(*given, start, rows, last_token, active)
        yield start, rows


@numba.njit(cache=True)
def _add_joint(
    local: Int32s,
    first: int,
    offsets: Ints,
    latents: UInt32s,
    start: int,
    rows: Ints,
    last_token: Ints,
    active: Int32s,
) -> None:
    """Add a piece of tokens to the rows of a tile that starts at cluster `start`.

    active [clusters] is scratch: the clusters that are active on a token.
    """
    stop = start + len(rows)
    for i in range(len(offsets) - 1):
        n = 0
        for j in range(offsets[i], offsets[i + 1]):
            cluster = local[latents[j]]
            if cluster >= 0 and last_token[cluster] != first + i:
                last_token[cluster] = first + i
                active[n] = cluster
                n += 1
        for a in range(n):
            if start <= active[a] < stop:
                row = rows[active[a] - start]
                for b in range(n):
                    row[active[b]] += 1


def _kept_pairs(rows: Ints, start: int, tokens: Ints, n_tokens: int) -> tuple[Ints, Ints, Ints]:
    """The kept pairs of a tile as (a, b, joint tokens), a < b."""
    tile, width = rows.shape
    own = np.arange(start, start + tile)
    rows[np.arange(tile), own] = 0
    keep = rows > 0
    if width > EVERY_PAIR_UP_TO:
        for i in range(tile):
            others = np.flatnonzero(rows[i])
            table = TwoByTwo.from_margins(
                rows[i, others], tokens[start + i], tokens[others], n_tokens
            )
            weaker = others[np.argsort(-phi(table), kind="stable")[PARTNERS_KEPT:]]
            keep[i, weaker] = False
    a, b = np.nonzero(keep)
    joint = rows[a, b]
    a = a + start
    return np.minimum(a, b), np.maximum(a, b), joint


def _pair_rows(counted: _Counted, one: pa.Table, first: int) -> pa.Table:
    """The bundle's rows of the pairs of one level, sorted by both clusters.

    `one` is the row of a cluster of the level.
    """
    rows = pa.array(np.zeros(len(counted.a), np.int64))
    return pa.table(
        {
            "space": one["space"].take(rows),
            "level": one["level"].take(rows),
            "cluster": (counted.a + first).astype(np.int32),
            "other": (counted.b + first).astype(np.int32),
            "joint_tokens": counted.joint,
        },
        schema=TABLES["cluster_pairs"],
    )
