"""One cosine kNN graph of the decoder, shared by the neighbour table, the map and the clusters.

Every pair of eligible latents is compared: exactly, or above `LARGEST_EXACT` with int8 products if
the processor multiplies these quickly. Only where pynndescent is several times cheaper
(`search_cost.py`), it searches for the neighbours. The recall of int8 and pynndescent is measured
on a sample. Cosines are summed in float64 in a fixed order, so no byte depends on the number of
threads.

Memory: the unit rows (float32) of the decoder, 16 bytes for each latent and candidate (k + 33 of
them), and `memory_bytes` for a block of cosines. W_dec itself may be float16 or memory-mapped and
is read in blocks.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from analysis.bundle import TABLES
from analysis.decoder.approximate import approximate
from analysis.decoder.exact import cosines_of_rows, nearest, nearest_within, width_of
from analysis.decoder.kept_heaps import KeptHeaps
from analysis.decoder.search_cost import LARGEST_EXACT, compares_every_pair, number_type
from analysis.decoder.vectors import row_norms, unit_rows
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

RECALL_SAMPLE = 500
"""Latents on which the recall of a search that is not exact is measured."""

INT8 = "every pair compared in int8"
APPROXIMATE = "approximate, pynndescent"


@dataclass(frozen=True)
class NeighbourGraph:
    """The k nearest decoder vectors of every latent, by cosine."""

    neighbours: Int32s
    """int32 [F, k], nearest first, ties to the smaller id; -1 pads rows with fewer."""
    cosines: Float32s
    """float32 [F, k], descending; NaN where `neighbours` is -1."""
    how: str
    """How the neighbours were computed, as text for readers."""
    recall: float
    """Share of the true k nearest that are in the graph; 1 if exact."""

    @property
    def k(self) -> int:
        """Neighbours of each latent; fewer than requested if few latents are eligible."""
        return int(self.neighbours.shape[1])

    def spread(self, latents: Ints, F: int) -> "NeighbourGraph":
        """The graph of F latents, from one whose row i is latents[i]; others have no neighbours."""
        neighbours = np.full((F, self.k), -1, dtype=np.int32)
        cosines = np.full((F, self.k), np.nan, dtype=np.float32)
        known = self.neighbours >= 0
        near = np.full(known.shape, -1, dtype=np.int32)
        near[known] = latents[self.neighbours[known]]
        neighbours[latents], cosines[latents] = near, self.cosines
        return NeighbourGraph(neighbours, cosines, self.how, self.recall)

    def among(self, kept: Bools, k: int) -> "NeighbourGraph":
        """The first k neighbours of every latent that are in `kept` [F], and only for those.

        It is exact for latents that have k neighbours left.
        """
        known = self.neighbours >= 0
        known[known] = kept[self.neighbours[known]]
        known &= kept[:, None]
        order = np.argsort(~known, axis=1, kind="stable")[:, :k]
        left = np.take_along_axis(known, order, 1)
        near = np.where(left, np.take_along_axis(self.neighbours, order, 1), -1)
        cosines = np.where(left, np.take_along_axis(self.cosines, order, 1), np.nan)
        return NeighbourGraph(near, cosines.astype(np.float32), self.how, self.recall)


def decoder_graph(
    W_dec: np.ndarray,
    *,
    eligible: Bools,
    k: int = 15,
    seed: int = 0,
    largest_exact: int = LARGEST_EXACT,
    memory_bytes: int = MEMORY_BYTES,
    kept: Path | None = None,
    progress: Progress = SILENT,
) -> NeighbourGraph:
    """The k nearest eligible latents of every latent, by the cosine of their rows of W_dec [F, d].

    Only `eligible` [F] latents (those that are not dead) can be neighbours; every latent with a
    nonzero row has neighbours, dead ones too. With fewer than k + 1 eligible latents, k is lowered.
    `seed` fixes the sample for the recall and pynndescent. `kept` is a folder from which a long
    comparison resumes; the caller removes it. `progress` receives blocks of pairs, or rounds of
    pynndescent. Raises InputError if W_dec is not finite.
    """
    norms = row_norms(W_dec)
    if not np.isfinite(norms).all():
        raise InputError(
            f"W_dec: row {int(np.flatnonzero(~np.isfinite(norms))[0])} is not finite; "
            "save the SAE again with finite weights."
        )
    is_pool = eligible & (norms > 0)
    # Those that can be neighbours come first, so they are one array without a copy.
    pool, rest = (np.flatnonzero(of).astype(np.int32) for of in (is_pool, ~is_pool & (norms > 0)))
    rows = np.concatenate([pool, rest])
    k = max(0, min(k, len(pool) - 1))
    neighbours = np.full((len(W_dec), k), -1, dtype=np.int32)
    cosines = np.full((len(W_dec), k), np.nan, dtype=np.float32)
    how, recall = "exact", 1.0
    if k > 0:
        unit = unit_rows(W_dec, rows)
        if compares_every_pair(len(pool), unit.shape[1]):
            heaps = KeptHeaps.of(kept, unit, len(pool), width_of(k, len(pool))) if kept else None
            dtype = _number_type(len(pool), unit.shape[1], largest_exact, heaps)
            near = nearest_within(unit, len(pool), k, memory_bytes, dtype, heaps, progress)
            how = INT8 if dtype == torch.int8 else how
        else:
            near = approximate(unit, len(pool), k, seed, memory_bytes, progress)
            how = APPROXIMATE
        neighbours[rows], cosines[rows] = rows[near[0]], near[1]
        if how != "exact":
            sample = _sample(rows, seed)
            truth, _ = nearest(unit, len(pool), sample, k, memory_bytes)
            recall = _recall(truth, near[0][sample])
            how += f", recall@{k} {recall:.3f} on a sample of {len(sample):,} latents"
    return NeighbourGraph(neighbours, cosines, how, recall)


def cosines_of_pairs(W_dec: np.ndarray, pairs: np.ndarray) -> Float32s:
    """Cosines float32 [n] of the rows of W_dec of pairs [n, 2]; NaN where a row is zero."""
    rows, local = np.unique(pairs, return_inverse=True)
    unit = unit_rows(W_dec, rows)
    first, second = local.reshape(-1, 2).T
    cosines = np.empty((len(pairs), 1), dtype=np.float32)
    over_spans(len(pairs), partial(cosines_of_rows, unit, first, second[:, None], cosines))
    is_zero = np.asarray(~unit.any(axis=1))
    cosines[is_zero[first] | is_zero[second]] = np.nan
    return np.asarray(cosines[:, 0])


def neighbour_table(graph: NeighbourGraph) -> pa.Table:
    """The graph as the bundle's `neighbours` table, sorted by latent and rank."""
    latents, ranks = np.nonzero(graph.neighbours >= 0)
    return pa.table(
        {
            "latent": latents.astype(np.int32),
            "rank": ranks.astype(np.int16),
            "neighbour": graph.neighbours[latents, ranks],
            "cosine": graph.cosines[latents, ranks],
        },
        schema=TABLES["neighbours"],
    )


def graph_of_table(table: pa.Table, latents: int, how: str, recall: float) -> NeighbourGraph:
    """The graph that `neighbour_table` wrote, for `latents` latents in all."""
    latent, ranks = table["latent"].to_numpy(), table["rank"].to_numpy()
    k = int(ranks.max(initial=-1)) + 1
    neighbours = np.full((latents, k), -1, dtype=np.int32)
    cosines = np.full((latents, k), np.nan, dtype=np.float32)
    neighbours[latent, ranks] = table["neighbour"].to_numpy()
    cosines[latent, ranks] = table["cosine"].to_numpy()
    return NeighbourGraph(neighbours, cosines, how, recall)


def _number_type(
    latents: int, width: int, largest_exact: int, kept: KeptHeaps | None
) -> torch.dtype:
    """The number type in which every pair is compared: that of then if a comparison is resumed."""
    if kept is not None and kept.saved is not None:
        return kept.saved.dtype
    return number_type(latents, width, largest_exact)


def _sample(rows: Int32s, seed: int) -> Int32s:
    """Places in `rows` of a random sample of them, which does not depend on their order."""
    size = min(RECALL_SAMPLE, len(rows))
    chosen = np.random.default_rng(seed).choice(len(rows), size, False)
    return np.argsort(rows)[chosen].astype(np.int32)


def _recall(truth: Int32s, neighbours: Int32s) -> float:
    """Mean share of each row of truth [n, k] that is in the same row of neighbours [n, k]."""
    return float((truth[:, :, None] == neighbours[:, None, :]).any(axis=2).mean())
