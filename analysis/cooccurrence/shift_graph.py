"""Which latents fire together more often than a shift inside documents explains, as a kNN graph.

Two latents of one topic share tokens because they fire in the same documents. If one of them is
shifted inside each document, by every possible distance, they meet on E tokens on average:

    E = sum_s n_a(s) n_b(s) / T(s)

over the stretches s (`position_profile.stretches`), with n(s) active tokens of a latent on the T(s)
tokens of a stretch. They are joined only if their joint count j is so much larger that among m
latents fewer than FALSE_NEIGHBOURS of one latent's neighbours would be expected by chance:

    j log(j / E) - j + E > log(m / FALSE_NEIGHBOURS)

which is the bound of Chernoff for the tail of a Poisson variable. Of its CANDIDATES strongest
partners by phi, a latent keeps the k strongest that pass. Bursts make real tails longer than
Poisson's, so the clusters of this graph stand beside those of shifted activations (`null_draws`):
`shift` moves every latent alone, by its own distance in every stretch, and keeps all else.

Joint counts are exact, over all kept tokens. Memory: that of `incidence`, about 20 bytes for each
kept token, and about 16 bytes for each latent and thread.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from analysis.bundle import Activations, KeptTokens, LatentBlock
from analysis.cooccurrence.counting import Layout, joint_counts
from analysis.cooccurrence.incidence import Incidence, write_incidences
from analysis.cooccurrence.position_profile import stretches
from analysis.decoder.graph import NeighbourGraph
from analysis.runtime.arrays import Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.hashing import GOLDEN_GAMMA, mixed
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.threads import over_spans

LEAST_JOINT = 3
"""Joint tokens of two latents that are joined. Pairs that share one or two tokens have the largest
phi of all if both are rare."""
CANDIDATES = 64
"""Strongest partners by phi of each latent that are compared with the shift."""
FALSE_NEIGHBOURS = 0.05
"""Neighbours of a latent that pass by chance, on average. The graph of the demo with shifted
activations has 0.1 neighbours per latent."""
TABLED = 4_096
"""Joint counts for which it is known beforehand how many joint tokens may be expected."""


@dataclass(frozen=True)
class _Chosen:
    """The activations of some latents, numbered from 0, in the form that an incidence reads."""

    activations: Activations
    kept: KeptTokens
    latents: Ints
    """[m] ascending ids."""
    stretch_ends: Ints
    shift: int | None
    """The seed of the shifts; None for the activations as they are."""

    @cached_property
    def latent_ends(self) -> Ints:
        """[m] where each latent's activations end."""
        return np.cumsum(self.activations.latent_counts[self.latents])

    @cached_property
    def _rows(self) -> Ints:
        """[N] the row of the token table of each kept token."""
        return np.flatnonzero(np.diff(self.kept.before, append=np.uint32(self.kept.total)))

    def blocks_by_latent(
        self, latents: Ints | Int32s | None = None, most_rows: float = 1 << 20
    ) -> Iterator[LatentBlock]:
        """Yield all latents in blocks, as `Activations` does; `latents` is not used."""
        del latents
        first = 0
        for block in self.activations.blocks_by_latent(self.latents, most_rows):
            tokens = block.tokens
            if self.shift is not None:
                places = self.kept.before[tokens].astype(np.int64)
                _shift(places, block.ends, block.latents, self.stretch_ends, self.shift)
                tokens = self._rows[places].astype(np.uint32)
            own = np.arange(first, first + len(block.latents))
            yield LatentBlock(own, block.ends, tokens, block.activations)
            first += len(own)


def shift_graph(
    activations: Activations,
    kept: KeptTokens,
    latents: Ints,
    folder: Path,
    *,
    k: int,
    shift: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> NeighbourGraph:
    """The k strongest partners by phi, above the shift, of the ascending `latents` [m] among them.

    Row i of the graph is latents[i], and its neighbours are rows as well (`NeighbourGraph.spread`).
    The graph's `cosines` are phi; ties go to the smaller id. With `shift`, a seed, every latent is
    first shifted inside each stretch. `folder` is used for files and removed.
    """
    graph, _ = shift_graphs(
        activations, kept, latents, folder, k=k, every=0, shift=shift, memory_bytes=memory_bytes
    )
    return graph


def shift_graphs(
    activations: Activations,
    kept: KeptTokens,
    latents: Ints,
    folder: Path,
    *,
    k: int,
    every: int,
    shift: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> tuple[NeighbourGraph, NeighbourGraph]:
    """`shift_graph`'s result, and the `every` strongest partners as they are, as on the map.

    The second graph also has the partners that the shift explains, and those of one or two joint
    tokens. Both come from one count.
    """
    ends = stretches(kept).ends
    chosen = _Chosen(activations, kept, latents, ends, shift)
    shutil.rmtree(folder, ignore_errors=True)
    (incidence,) = write_incidences(
        chosen, kept.units("token"), folder, thresholds=[0.0], memory_bytes=memory_bytes
    )
    above, strongest = _strongest(incidence, kept, ends, k, every)
    del incidence
    shutil.rmtree(folder)
    return (
        NeighbourGraph(*above, f"the {k} strongest partners by phi above the shift", 1.0),
        NeighbourGraph(*strongest, f"the {every} strongest partners by phi", 1.0),
    )


class _Partners(NamedTuple):
    """The strongest partners of m latents; -1 and NaN for none."""

    near: Int32s
    """int32 [m, k] latents by their numbers, strongest first."""
    phi: Float32s
    """float32 [m, k]"""

    @staticmethod
    def none(m: int, k: int) -> "_Partners":
        """No partner of any latent yet."""
        return _Partners(np.full((m, k), -1, np.int32), np.full((m, k), np.nan, np.float32))


class _Limits(NamedTuple):
    """What a partner above the shift must have."""

    n: float
    """Tokens."""
    least_joint: float
    bound: float
    """What the Chernoff bound must exceed."""
    most_expected: Floats
    """[TABLED] the joint tokens that may be expected, by the joint count."""


class _Candidates(NamedTuple):
    """The strongest partners of one latent so far, strongest first; ties by ascending id."""

    latents: Int32s
    phi: Floats
    joint: UInt32s


def _strongest(
    incidence: Incidence, kept: KeptTokens, stretch_ends: Ints, k: int, every: int = 0
) -> tuple[_Partners, _Partners]:
    """The partners of every latent, by the numbers of the incidence: above the shift, and all."""
    m = len(incidence.counts)
    bound = float(np.log(max(m, 1) / FALSE_NEIGHBOURS))
    limits = _Limits(float(incidence.n_units), LEAST_JOINT, bound, _most_expected(bound))
    above, strongest = _Partners.none(m, k), _Partners.none(m, every)
    lengths = np.diff(stretch_ends, prepend=0)
    # The units of an incidence of tokens are rows of the token table, masked ones included.
    stretch = np.searchsorted(stretch_ends, kept.before, side="right").astype(np.uint32)
    kernel = partial(
        _fill_neighbours,
        Layout(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends),
        (incidence.latent_of_rank, incidence.rank_of_latent),
        incidence.counts.astype(np.float64),
        (stretch, 1.0 / np.maximum(lengths, 1)),
        limits,
        above,
        strongest,
    )
    over_spans(m, kernel)
    return above, strongest


def _most_expected(bound: float) -> Floats:
    """[TABLED] what may at most be expected of each joint count j that exceeds the bound.

    The bound falls as E rises to j, so halving the interval finds where they are equal. The result
    is rounded up: a pair whose E is larger cannot pass.
    """
    joint = np.arange(TABLED, dtype=np.float64)
    low, high = np.zeros(TABLED), joint.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(64):
            middle = (low + high) / 2
            passes = joint * np.log(joint / middle) - joint + middle > bound
            low, high = np.where(passes, middle, low), np.where(passes, high, middle)
    return high * (1 + 1e-6)


_mixed: Any = numba.njit(inline="always")(mixed)
_U = np.uint64


@numba.njit(nogil=True, cache=True)
def _shift(places: Ints, latent_ends: Ints, latents: Ints, stretch_ends: Ints, seed: int) -> None:
    """Shift the ascending places of each latent around every stretch; they ascend again.

    The distance is a hash of the seed, the latent and the stretch.
    """
    start = 0
    for i in range(len(latent_ends)):
        while start < latent_ends[i]:
            stretch = np.searchsorted(stretch_ends, places[start], side="right")
            begin = stretch_ends[stretch - 1] if stretch else 0
            end = stretch_ends[stretch]
            stop = start
            while stop < latent_ends[i] and places[stop] < end:
                stop += 1
            key = _U(seed + 1) * _U(GOLDEN_GAMMA) + (_U(latents[i]) << _U(32)) + _U(stretch)
            by = np.int64(_mixed(key) % _U(end - begin))
            own = places[start:stop].copy()
            first = np.searchsorted(own, end - by)  # the first that wraps around
            wrapped = len(own) - first
            places[start : start + wrapped] = own[first:] + by - (end - begin)
            places[start + wrapped : stop] = own[:first] + by
            start = stop


@numba.njit(nogil=True, cache=True)
def _fill_neighbours(  # noqa: PLR0913, PLR0917 - a kernel
    layout: Layout,
    order: tuple[UInt32s, UInt32s],
    counts: Floats,
    stretch: tuple[UInt32s, Floats],
    limits: _Limits,
    above: _Partners,
    strongest: _Partners,
    start: int,
    stop: int,
) -> None:
    """Fill rows start to stop of the partners above the shift and of the strongest.

    `order` is latents by rank and ranks by latent, `stretch` that of each row and 1 / its tokens.
    """
    of_rank, rank_of = order
    m, every = len(counts), strongest.near.shape[1]
    row, met = np.zeros(m, np.uint32), np.empty(m + 1, np.uint32)
    weight = np.zeros(len(stretch[1]))
    # The reciprocal of a latent's part of phi's denominator, by rank: phi within a few last bits.
    nearly = counts[of_rank] * (limits.n - counts[of_rank])
    nearly = 1.0 / np.sqrt(np.maximum(nearly, 1e-300))
    near = _Candidates(
        np.empty(CANDIDATES, np.int32), np.empty(CANDIDATES), np.empty(CANDIDATES, np.uint32)
    )
    any_near = _Candidates(np.empty(every, np.int32), np.empty(every), np.empty(every, np.uint32))
    last = int(layout.latent_ends[stop])
    for a in range(start, stop):
        listed = joint_counts(layout, a, last, row, met)
        row[rank_of[a]] = 0
        scale = nearly[rank_of[a]] * (1 + 1e-9)
        held, others = 0, 0
        for i in range(listed):
            rank = met[i]
            j = row[rank]
            row[rank] = 0
            if j == 0 or (every == 0 and j < limits.least_joint):
                continue
            more = j * limits.n - counts[a] * counts[of_rank[rank]]
            if more <= 0:
                continue
            most = more * scale * nearly[rank]
            b = np.int32(of_rank[rank])
            if j >= limits.least_joint and (held < CANDIDATES or most >= near.phi[CANDIDATES - 1]):
                held = _insert(near, held, b, _phi(counts, a, b, j, limits.n), j)
            if every and (others < every or most >= any_near.phi[every - 1]):
                others = _insert(any_near, others, b, _phi(counts, a, b, j, limits.n), j)
        for i in range(others):
            strongest.near[a, i], strongest.phi[a, i] = any_near.latents[i], any_near.phi[i]
        tokens = layout.units[layout.latent_ends[a] : layout.latent_ends[a + 1]]
        for token in tokens:
            weight[stretch[0][token]] += stretch[1][stretch[0][token]]
        _keep_above(layout, stretch[0], weight, limits, near, held, above.near[a], above.phi[a])
        for token in tokens:
            weight[stretch[0][token]] = 0.0


@numba.njit(inline="always")
def _phi(counts: Floats, a: int, b: np.int32, joint: int, n: float) -> float:
    """Phi of two latents; 0 if one of them is active everywhere."""
    below = np.sqrt(counts[a] * (n - counts[a]) * counts[b] * (n - counts[b]))
    return (joint * n - counts[a] * counts[b]) / below if below > 0 else 0.0


@numba.njit(nogil=True, cache=True)
def _insert(near: _Candidates, held: int, b: np.int32, phi: float, joint: int) -> int:
    """Put a partner into its place among the `held` strongest; returns how many there are now."""
    if phi <= 0:
        return held
    place = held
    if held == len(near.phi):
        place -= 1
        if phi < near.phi[place] or (phi == near.phi[place] and b > near.latents[place]):
            return held
    else:
        held += 1
    while place > 0 and (
        near.phi[place - 1] < phi or (near.phi[place - 1] == phi and near.latents[place - 1] > b)
    ):
        near.latents[place] = near.latents[place - 1]
        near.phi[place] = near.phi[place - 1]
        near.joint[place] = near.joint[place - 1]
        place -= 1
    near.latents[place], near.phi[place], near.joint[place] = b, phi, joint
    return held


@numba.njit(nogil=True, cache=True)
def _keep_above(
    layout: Layout,
    stretch_of: UInt32s,
    weight: Floats,
    limits: _Limits,
    near: _Candidates,
    held: int,
    kept_near: Int32s,
    kept_phi: Float32s,
) -> None:
    """Write those of the `held` candidates of a latent that the shift does not explain.

    `weight` is the latent's active tokens over all tokens of each stretch.
    """
    kept = 0
    for i in range(held):
        if kept == len(kept_near):
            break
        b, j = near.latents[i], np.float64(near.joint[i])
        most = limits.most_expected[near.joint[i]] if j < TABLED else j
        expected = 0.0
        for u in range(layout.latent_ends[b], layout.latent_ends[b + 1]):
            expected += weight[stretch_of[layout.units[u]]]
            if expected > most:  # enough to know that the pair does not pass
                break
        if expected < j and j * np.log(j / expected) - j + expected > limits.bound:
            kept_near[kept], kept_phi[kept] = b, near.phi[i]
            kept += 1
