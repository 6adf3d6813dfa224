"""Exact joint counts of one latent with every other latent: the kernels.

In plain Python, for a latent `a`:

    row = [0] * n_latents
    for unit in units_of[a]:
        for b in latents_of[unit]:
            row[b] += 1

Every joint count comes from this loop; nothing is sampled or estimated. It makes two increments
for each unordered pair of latents that are active on one unit. Memory latency bounds its speed: a
unit's latents can be anywhere in a file that is larger than any cache. The kernels therefore
prefetch the start of each unit and its latents a few units in advance. Each thread has its own row
of F counters, so the counts do not depend on the number of threads.

The two kernels differ in how they list the latents with a count above zero: `count_few` lists each
latent when it first occurs, `count_many` scans the whole row afterwards.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.prefetch import prefetch
from analysis.runtime.arrays import Ints, UInt32s

UNITS_AHEAD_BEGIN, UNITS_AHEAD_LATENTS = 16, 6
"""Units between prefetching where a unit begins, prefetching its latents, and counting it. Each
step takes about one memory latency."""
LINE_BYTES = 64
"""A cache line: one prefetch fetches this much."""


class Layout(NamedTuple):
    """The arrays of an `Incidence` that the kernels read."""

    units: UInt32s
    """[m] units by latent."""
    latent_ends: Ints
    """[F + 1] latent i is active on units[latent_ends[i]:latent_ends[i + 1]]."""
    ranks: npt.NDArray[Any]
    """[m] ranks of the latents by unit, uint16 or uint32."""
    unit_ends: Ints
    """[size + 1] active on unit u are ranks[unit_ends[u]:unit_ends[u + 1]]."""


@numba.njit(nogil=True, cache=True)
def joint_counts(
    layout: Layout, latent: int, last: int, row: npt.NDArray[Any], met: UInt32s
) -> int:
    """Count the units that every latent shares with `latent`, itself included.

    `row` [F], zero on entry, takes the counts by rank. `met` [F + 1] takes the ranks whose count
    is above zero, in no particular order; returns their number. `last` is the end of the units
    that may be prefetched.
    """
    begin, end = layout.latent_ends[latent], layout.latent_ends[latent + 1]
    mean_latents = len(layout.ranks) / max(len(layout.unit_ends) - 1, 1)
    if (end - begin) * mean_latents < len(row):
        return count_few(layout, begin, end, last, row, met)
    return count_many(layout, begin, end, last, row, met)


@numba.njit(nogil=True, cache=True)
def count_few(
    layout: Layout, begin: int, end: int, last: int, row: npt.NDArray[Any], met: UInt32s
) -> int:
    """Count over units[begin:end], listing each latent in `met` when it first occurs."""
    listed = np.uint64(0)
    for k in range(begin, end):
        prefetch_units(layout, k, last)
        unit = np.int64(layout.units[k])
        for rank in layout.ranks[layout.unit_ends[unit] : layout.unit_ends[unit + 1]]:
            joint = row[rank]
            # Always written, and overwritten by the next one: cheaper than a branch.
            met[listed] = rank
            listed += np.uint64(joint == 0)
            row[rank] = joint + np.uint32(1)
    return int(listed)


@numba.njit(nogil=True, cache=True)
def count_many(
    layout: Layout, begin: int, end: int, last: int, row: npt.NDArray[Any], met: UInt32s
) -> int:
    """Count over units[begin:end], then scan the whole row for latents with a count."""
    for k in range(begin, end):
        prefetch_units(layout, k, last)
        unit = np.int64(layout.units[k])
        for rank in layout.ranks[layout.unit_ends[unit] : layout.unit_ends[unit + 1]]:
            row[rank] += np.uint32(1)
    listed = np.uint64(0)
    for rank in range(len(row) - 1, -1, -1):
        met[listed] = rank
        listed += np.uint64(row[rank] > 0)
    return int(listed)


@numba.njit(nogil=True, cache=True)
def prefetch_units(layout: Layout, k: int, last: int) -> None:
    """Prefetch the data that counting needs soon after units[k], up to units[last - 1]."""
    if k + UNITS_AHEAD_BEGIN < last:
        prefetch(layout.unit_ends, np.int64(layout.units[k + UNITS_AHEAD_BEGIN]))
    if k + UNITS_AHEAD_LATENTS < last:
        unit = np.int64(layout.units[k + UNITS_AHEAD_LATENTS])
        for place in range(
            layout.unit_ends[unit],
            layout.unit_ends[unit + 1],
            LINE_BYTES // layout.ranks.itemsize,
        ):
            prefetch(layout.ranks, place)
