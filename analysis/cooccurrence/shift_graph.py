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
from typing import Any

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
    every_partner: bool = False,
    memory_bytes: int = MEMORY_BYTES,
) -> NeighbourGraph:
    """The k strongest partners by phi, above the shift, of the ascending `latents` [m] among them.

    Row i of the graph is latents[i], and its neighbours are rows as well (`NeighbourGraph.spread`).
    The graph's `cosines` are phi; ties go to the smaller id. With `shift`, a seed, every latent is
    first shifted inside each stretch. `every_partner` keeps the strongest partners as they are, as
    the map does: also those that the shift explains, and those of one or two joint tokens. `folder`
    is used for files and removed.
    """
    ends = stretches(kept).ends
    chosen = _Chosen(activations, kept, latents, ends, shift)
    shutil.rmtree(folder, ignore_errors=True)
    (incidence,) = write_incidences(
        chosen, kept.units("token"), folder, thresholds=[0.0], memory_bytes=memory_bytes
    )
    near, values = _strongest(incidence, kept, ends, k, every_partner=every_partner)
    del incidence
    shutil.rmtree(folder)
    how = f"the {k} strongest partners by phi{'' if every_partner else ' above the shift'}"
    return NeighbourGraph(near, values, how, 1.0)


def _strongest(
    incidence: Incidence,
    kept: KeptTokens,
    stretch_ends: Ints,
    k: int,
    *,
    every_partner: bool = False,
) -> tuple[Int32s, Float32s]:
    """Neighbours [m, k] and their phi for every latent of an incidence, by its own numbers."""
    m = len(incidence.counts)
    bound = float(np.log(max(m, 1) / FALSE_NEIGHBOURS))
    least = (1.0, -np.inf) if every_partner else (float(LEAST_JOINT), bound)
    near = np.full((m, k), -1, dtype=np.int32)
    phi = np.full((m, k), np.nan, dtype=np.float32)
    lengths = np.diff(stretch_ends, prepend=0)
    # The units of an incidence of tokens are rows of the token table, masked ones included.
    stretch = np.searchsorted(stretch_ends, kept.before, side="right").astype(np.uint32)
    kernel = partial(
        _fill_neighbours,
        Layout(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends),
        (incidence.latent_of_rank, incidence.rank_of_latent),
        incidence.counts.astype(np.float64),
        (stretch, 1.0 / np.maximum(lengths, 1)),
        (float(incidence.n_units), *least),
        near,
        phi,
    )
    over_spans(m, kernel)
    return near, phi


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
def _fill_neighbours(  # noqa: PLR0912, PLR0913, PLR0917 - a kernel
    layout: Layout,
    order: tuple[UInt32s, UInt32s],
    counts: Floats,
    stretch: tuple[UInt32s, Floats],
    limits: tuple[float, float, float],
    near: Int32s,
    phi: Float32s,
    start: int,
    stop: int,
) -> None:
    """Fill rows start to stop of near and phi [m, k].

    `order` is latents by rank and ranks by latent, `stretch` that of each row and 1 / its tokens,
    `limits` the number of tokens, the least joint tokens, and what the Chernoff bound must exceed.
    """
    of_rank, rank_of = order
    stretch_of, share = stretch
    n, least_joint, least = limits
    m, k = len(counts), near.shape[1]
    row, met = np.zeros(m, np.uint32), np.empty(m + 1, np.uint32)
    weight = np.zeros(len(share))
    best, value = np.empty(CANDIDATES, np.int32), np.empty(CANDIDATES)
    joint = np.empty(CANDIDATES)
    last = int(layout.latent_ends[stop])
    for a in range(start, stop):
        listed = joint_counts(layout, a, last, row, met)
        row[rank_of[a]] = 0
        found = 0
        for i in range(listed):
            j = row[met[i]]
            row[met[i]] = 0
            if j < least_joint:
                continue
            b = np.int32(of_rank[met[i]])
            below = np.sqrt(counts[a] * (n - counts[a]) * counts[b] * (n - counts[b]))
            own = (j * n - counts[a] * counts[b]) / below if below > 0 else 0.0
            if own <= 0:
                continue
            place = found
            if found == CANDIDATES:
                place -= 1
                if own < value[place] or (own == value[place] and b > best[place]):
                    continue
            else:
                found += 1
            while place > 0 and (
                value[place - 1] < own or (value[place - 1] == own and best[place - 1] > b)
            ):
                value[place], best[place], joint[place] = (
                    value[place - 1], best[place - 1], joint[place - 1],
                )  # fmt: skip
                place -= 1
            value[place], best[place], joint[place] = own, b, np.float64(j)
        tokens = layout.units[layout.latent_ends[a] : layout.latent_ends[a + 1]]
        for token in tokens:
            weight[stretch_of[token]] += share[stretch_of[token]]
        kept = 0
        for i in range(found):
            b = best[i]
            expected = 0.0
            for u in range(layout.latent_ends[b], layout.latent_ends[b + 1]):
                expected += weight[stretch_of[layout.units[u]]]
            bound = -1.0
            if joint[i] > expected:
                bound = joint[i] * np.log(joint[i] / expected) - joint[i] + expected
            if bound > least:
                near[a, kept], phi[a, kept] = b, value[i]
                kept += 1
            if kept == k:
                break
        for token in tokens:
            weight[stretch_of[token]] = 0.0
