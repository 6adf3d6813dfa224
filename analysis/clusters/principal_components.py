"""Principal components of what each cluster writes, from the decoder: a step of a build.

`reconstruction.py` says what they are and how they are read again. For a cluster of m members with
decoder rows W [m, d] and activations A [n, m] on a sample of its tokens, the components of A W are
sought in the members' own span: W^T = Q R, so A W and A R^T have the same principal components up
to the rotation Q, and loadings R^T V. So a cluster costs min(m, d) dimensions, not d.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.linalg
import scipy.sparse
from threadpoolctl import threadpool_limits

from analysis.bundle import TABLES, Activations, TableWriter, spans_within
from analysis.clusters.reconstruction import SAMPLE, sampled
from analysis.harvest.shards import rounded
from analysis.runtime.memory import MEMORY_BYTES

KEPT = 8
"""Components stored of each cluster, as far as it has so many."""
LEAST_SHARE = 1e-6
"""A component with less of the variance is rounding, and is not stored."""
_ENTRY_BYTES = 48  # token, member and activation, twice, and the sparse matrix of them

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """The principal components of one cluster."""

    shares: Floats
    """[k] of the variance, descending."""
    loadings: Floats
    """[m, k], the members' decoder rows on the components; the largest of each is positive."""


def write_components(
    activations: Activations,
    W_dec: npt.NDArray[np.float32],
    clusters: pa.Table,
    memberships: pa.Table,
    folder: Path,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write cluster_components and cluster_loadings to `folder`; returns how many clusters.

    W_dec [F, d]; `clusters` has at least cluster and active_tokens, sorted by cluster, and
    `memberships` is the bundle's table.
    """
    order = np.argsort(memberships["cluster"].to_numpy(), kind="stable")
    latents = memberships["latent"].to_numpy()[order]
    starts = np.searchsorted(
        memberships["cluster"].to_numpy()[order], np.arange(clusters.num_rows + 1)
    )
    members = [latents[a:b] for a, b in pairwise(starts)]
    active = clusters["active_tokens"].to_numpy()
    counts = activations.latent_counts
    with (
        TableWriter(folder, "cluster_components") as components,
        TableWriter(folder, "cluster_loadings") as loadings,
        # A sum that is split over threads depends on their number in its last digits.
        threadpool_limits(1, user_api="blas"),
    ):
        for batch in _batches(members, active, counts, memory_bytes):
            for cluster, entries in _entries(activations, members, active, batch, memory_bytes):
                found = principal_components(entries, W_dec[members[cluster]])
                components.write(_component_rows(cluster, found, entries.shape[0]))
                loadings.write(_loading_rows(cluster, found, members[cluster]))
            if progress:
                progress(batch.stop, len(members))
    return len(members)


def principal_components(
    activations: scipy.sparse.csr_matrix, decoder: npt.NDArray[np.float32]
) -> Components:
    """The first components of activations [n, m] x decoder [m, d], centred."""
    rows = decoder.astype(np.float64)
    if rows.shape[0] < rows.shape[1]:
        rows = np.asarray(np.linalg.qr(rows.T, mode="r")).T
    written = np.asarray(activations @ rows)
    written -= written.mean(axis=0)
    covariance = written.T @ written / max(len(written), 1)
    width, total = len(covariance), float(np.trace(covariance))
    if total <= 0.0:
        return Components(np.zeros(0), np.zeros((len(rows), 0)))
    last = width - 1
    values, vectors = scipy.linalg.eigh(
        covariance, subset_by_index=(max(width - KEPT, 0), last), check_finite=False
    )
    shares = values[::-1] / total
    loadings = (rows @ vectors)[:, ::-1][:, shares > LEAST_SHARE]
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=0)[None], axis=0)
    return Components(shares[shares > LEAST_SHARE], loadings * np.where(largest < 0, -1.0, 1.0))


def _batches(
    members: list[npt.NDArray[np.int32]],
    active: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    memory_bytes: int,
) -> Iterator[range]:
    """Consecutive clusters whose sampled activations fit the memory setting, or one cluster."""
    own = np.array([counts[m].sum() for m in members], dtype=np.float64)
    expected = own * np.minimum(1.0, SAMPLE / np.maximum(active, 1))
    for start, stop in spans_within(expected * _ENTRY_BYTES, memory_bytes / 2):
        yield range(start, stop)


def _entries(
    activations: Activations,
    members: list[npt.NDArray[np.int32]],
    active: npt.NDArray[np.int64],
    batch: range,
    memory_bytes: int,
) -> Iterator[tuple[int, scipy.sparse.csr_matrix]]:
    """For each cluster of a batch its activations [sampled tokens, members]."""
    places: dict[int, list[tuple[int, int]]] = {}
    for cluster in batch:
        for place, latent in enumerate(members[cluster].tolist()):
            places.setdefault(latent, []).append((cluster, place))
    found: dict[int, list[tuple[int, npt.NDArray[np.uint32], npt.NDArray[np.float32]]]] = {
        cluster: [] for cluster in batch
    }
    wanted = np.array(sorted(places), dtype=np.int64)
    for latent, tokens, values in activations.each_of(wanted, memory_bytes // _ENTRY_BYTES):
        for cluster, place in places[latent]:
            mine = sampled(tokens, int(active[cluster]), SAMPLE)
            found[cluster].append((place, tokens[mine], values[mine]))
    for cluster in batch:
        yield cluster, _matrix(found.pop(cluster), len(members[cluster]))


def _matrix(
    parts: list[tuple[int, npt.NDArray[np.uint32], npt.NDArray[np.float32]]], members: int
) -> scipy.sparse.csr_matrix:
    """Activations [tokens, members] from the tokens and values of each member."""
    tokens = np.concatenate([tokens for _, tokens, _ in parts])
    values = np.concatenate([values for _, _, values in parts]).astype(np.float64)
    column = np.repeat([place for place, _, _ in parts], [len(tokens) for _, tokens, _ in parts])
    distinct, row = np.unique(tokens, return_inverse=True)
    return scipy.sparse.csr_matrix((values, (row, column)), shape=(len(distinct), members))


def _component_rows(cluster: int, found: Components, tokens: int) -> pa.Table:
    k = len(found.shares)
    return pa.table(
        {
            "cluster": np.full(k, cluster, np.int32),
            "component": np.arange(1, k + 1, dtype=np.int8),
            "share": found.shares.astype(np.float32),
            "tokens": np.full(k, tokens, np.int32),
        }
    )


def _loading_rows(cluster: int, found: Components, members: npt.NDArray[np.int32]) -> pa.Table:
    """Loadings at 11 significant bits, as activations are stored: they compress to half."""
    size = rounded(np.abs(found.loadings).astype(np.float32).ravel()).reshape(found.loadings.shape)
    values = np.copysign(size, found.loadings).astype(np.float32)
    offsets = np.arange(len(members) + 1, dtype=np.int32) * values.shape[1]
    return pa.table(
        {
            "cluster": np.full(len(members), cluster, np.int32),
            "latent": members.astype(np.int32),
            "loadings": pa.ListArray.from_arrays(offsets, values.ravel()),
        },
        schema=TABLES["cluster_loadings"],
    )
