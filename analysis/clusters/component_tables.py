"""Principal components of every cluster, written as tables: a step of a build.

Memory: the sampled activations of a batch of clusters within the memory setting, and for one
cluster `SAMPLE` tokens x min(members, d) x 8 bytes. The stored activations are read once for each
batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse
from threadpoolctl import threadpool_limits

from analysis.bundle import TABLES, Activations, TableWriter, spans_within
from analysis.clusters.members import members_of_clusters
from analysis.clusters.principal_components import SAMPLE, Components, principal_components, sampled
from analysis.harvest.shards import rounded
from analysis.runtime.arrays import Float32s, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

_ENTRY_BYTES = 48
"""Token, member and activation of an entry, twice, and its part of the sparse matrix."""


@dataclass(frozen=True)
class _MemberEntries:
    """The activations of one member of a cluster on the sampled tokens."""

    place: int
    """Among the members of the cluster."""
    tokens: UInt32s
    activations: Float32s


def write_components(
    activations: Activations,
    W_dec: Float32s,
    clusters: pa.Table,
    memberships: pa.Table,
    folder: Path,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> int:
    """Write cluster_components and cluster_loadings to `folder`; returns the number of clusters.

    W_dec [F, d]; `clusters` has at least cluster and active_tokens and is sorted by cluster;
    `memberships` is the bundle's table. `progress` counts clusters.
    """
    members = members_of_clusters(memberships, clusters.num_rows)
    active = clusters["active_tokens"].to_numpy()
    counts = activations.latent_counts
    with (
        TableWriter(folder, "cluster_components") as components,
        TableWriter(folder, "cluster_loadings") as loadings,
        # The last digits of a sum that is split over threads depend on their number.
        threadpool_limits(1, user_api="blas"),
    ):
        for batch in _batches(members, active, counts, memory_bytes):
            for cluster, matrix in _matrices(activations, members, active, batch, memory_bytes):
                result = principal_components(matrix, W_dec[members[cluster]])
                components.write(_component_rows(cluster, result, matrix.shape[0]))
                loadings.write(_loading_rows(cluster, result, members[cluster]))
            progress(batch.stop, len(members))
    return len(members)


def _batches(
    members: list[Int32s], active: Ints, counts: Ints, memory_bytes: int
) -> Iterator[range]:
    """Consecutive clusters whose sampled activations fit the memory setting, or one cluster."""
    entries = np.array([counts[m].sum() for m in members], dtype=np.float64)
    expected = entries * np.minimum(1.0, SAMPLE / np.maximum(active, 1))
    for start, stop in spans_within(expected * _ENTRY_BYTES, memory_bytes / 2):
        yield range(start, stop)


def _matrices(
    activations: Activations,
    members: list[Int32s],
    active: Ints,
    batch: range,
    memory_bytes: int,
) -> Iterator[tuple[int, scipy.sparse.csr_matrix]]:
    """Each cluster of a batch, with its activations [sampled tokens, members]."""
    places: dict[int, list[tuple[int, int]]] = {}
    for cluster in batch:
        for place, latent in enumerate(members[cluster].tolist()):
            places.setdefault(latent, []).append((cluster, place))
    entries: dict[int, list[_MemberEntries]] = {cluster: [] for cluster in batch}
    latents = np.array(sorted(places), dtype=np.int64)
    for latent, tokens, values in activations.each_of(latents, memory_bytes // _ENTRY_BYTES):
        for cluster, place in places[latent]:
            in_sample = sampled(tokens, int(active[cluster]), SAMPLE)
            one = _MemberEntries(place, tokens[in_sample], values[in_sample])
            entries[cluster].append(one)
    for cluster in batch:
        yield cluster, _matrix(entries.pop(cluster), len(members[cluster]))


def _matrix(entries: list[_MemberEntries], members: int) -> scipy.sparse.csr_matrix:
    """Activations [tokens, members] from the entries of each member."""
    tokens = np.concatenate([one.tokens for one in entries])
    values = np.concatenate([one.activations for one in entries]).astype(np.float64)
    column = np.repeat([one.place for one in entries], [len(one.tokens) for one in entries])
    distinct, row = np.unique(tokens, return_inverse=True)
    return scipy.sparse.csr_matrix((values, (row, column)), shape=(len(distinct), members))


def _component_rows(cluster: int, components: Components, tokens: int) -> pa.Table:
    k = len(components.shares)
    return pa.table(
        {
            "cluster": np.full(k, cluster, np.int32),
            "component": np.arange(1, k + 1, dtype=np.int8),
            "share": components.shares.astype(np.float32),
            "tokens": np.full(k, tokens, np.int32),
        }
    )


def _loading_rows(cluster: int, components: Components, members: Int32s) -> pa.Table:
    """Loadings at 11 significant bits, like the stored activations: they compress to half."""
    loadings = components.loadings
    size = rounded(np.abs(loadings).astype(np.float32).ravel()).reshape(loadings.shape)
    values = np.copysign(size, loadings).astype(np.float32)
    offsets = np.arange(len(members) + 1, dtype=np.int32) * values.shape[1]
    return pa.table(
        {
            "cluster": np.full(len(members), cluster, np.int32),
            "latent": members.astype(np.int32),
            "loadings": pa.ListArray.from_arrays(offsets, values.ravel()),
        },
        schema=TABLES["cluster_loadings"],
    )
