"""Exact joint counts of one latent with all others, and its strongest partners: the kernel.

For each latent its units are walked and the latents of each unit are added up in one dense row, by
rank; the strongest partners by every ranked measure are then taken from the complete row. So
nothing is estimated, no pair is listed that is not kept, and no two threads share a row: any number
of threads and any cut into blocks give the same bytes.

Counting: two increments for each unordered pair of latents that is active on one unit, bound by
memory latency, so the units to come are asked for in two steps (`prefetch`). A rare latent
remembers which entries of its row it touched, for a frequent one the row is looked through.

Choosing: every measure falls as the partner's own count rises, so of all partners with one joint
count only the rarest can be among the strongest, and they are in the same order by every measure.
What is left of a latent's thousands of partners is one short list for each joint count, and the
strongest by a measure are taken from the heads of those lists. Memory: some 9 bytes per latent for
each thread.
"""

from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.prefetch import prefetch
from analysis.runtime.threads import over_spans

IMPLIED_SHARE = 0.9
IMPLIED_LIFT = 2.0
Z95 = 1.959963984540054

LISTS = 6
_PHI, _JACCARD, _GIVEN, _JOINT, _NPMI, _IMPLIED = range(LISTS)
"""phi, Jaccard, P(a given b), joint count (which orders as P(b given a)), NPMI, implied lift."""
_FAR, _NEAR = 16, 6
"""Units between asking for where a unit begins, asking for what it holds, and adding it up: each
about one memory latency."""
_AHEAD = 16
"""Partners between asking for a joint count and reading it."""
_LINE_BYTES = 64
_GROUPED = 1024
"""Joint counts below this have a list each; above it every partner has one of its own."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.uint32]
Asked = tuple[float, float, int, int]
"""Of the latent that is counted: its units, all units, `minimum_joint`, and `implied_from`."""


class Ranking(NamedTuple):
    """How many partners are kept, and what the rare ones must show."""

    partners_kept: int
    minimum_joint: int
    """Joint units that NPMI asks for; below, it rewards rarity alone."""


class Kept(NamedTuple):
    """The kept partners of consecutive latents, one latent after the other."""

    sizes: Ints
    """[latents] partners of each."""
    partners: npt.NDArray[np.int32]
    joint: Ints


def strongest_partners(incidence: Incidence, start: int, stop: int, ranking: Ranking) -> Kept:
    """Partners of latents start..stop-1 that are among the first by one of the ranked measures.

    Those are phi, Jaccard, P(a given b), the joint count (as P(b given a)), NPMI among pairs of
    `minimum_joint` units, and lift among the latents that a implies: Wilson's lower bound of
    P(b given a) at least .9, lift at least 2. `partners_kept` of each; among equal values the
    larger joint count comes first, then the partner on fewer units, then the smaller id. Partners
    of a latent descend in phi, then ascend in id. Pairs that never meet are not kept.
    """
    counts = incidence.counts
    width = LISTS * ranking.partners_kept
    kept = np.empty((stop - start, width), dtype=np.int64)
    sizes = np.zeros(stop - start, dtype=np.int64)
    rows = _Rows(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends)
    latents = _Latents(
        incidence.rank_of_latent,
        incidence.latent_of_rank,
        counts[incidence.latent_of_rank].astype(np.uint32),
        implied_from(counts[start:stop]),
    )
    n, least = float(incidence.n_units), ranking.minimum_joint
    over_spans(stop - start, partial(_strongest, rows, latents, n, least, start, kept, sizes))
    packed = kept[np.arange(width) < sizes[:, None]]
    return Kept(sizes, (packed >> 32).astype(np.int32), packed & 0xFFFFFFFF)


def implied_from(counts: Ints) -> Ints:
    """The fewest joint units [F] at which Wilson's lower bound of P(b given a) reaches .9.

    Wilson's interval is the score test turned round: n (p - .9)^2 >= z^2 .9 .1; Wilson 1927.
    """
    n = counts.astype(np.float64)
    spread = Z95 * np.sqrt(n * IMPLIED_SHARE * (1 - IMPLIED_SHARE))
    return np.ceil(n * IMPLIED_SHARE + spread - 1e-9).astype(np.int64)


class _Rows(NamedTuple):
    """An incidence as the kernel reads it."""

    units: npt.NDArray[np.uint32]
    latent_ends: Ints
    ranks: npt.NDArray[Any]
    unit_ends: Ints


class _Latents(NamedTuple):
    """What is known of each latent by itself."""

    ranks: Ranks
    """[F] the rank of each."""
    of_rank: Ranks
    """[F] latents by rank."""
    counts: Ranks
    """[F] units, by rank."""
    implied: Ints
    """[latents of the block] as `implied_from`."""


class _Groups(NamedTuple):
    """The partners of a latent that may be kept: a list for each joint count, rarest first."""

    joint: Ints
    """[G] of each list, descending."""
    ends: Ints
    """[G + 1] running lengths."""
    partners: Ranks
    """[m] their ids, one list after the other."""
    counts: Floats
    """[m] their units."""


@numba.njit(nogil=True, cache=True)
def _strongest(  # noqa: PLR0913, PLR0917 - a kernel
    rows: _Rows,
    latents: _Latents,
    n: float,
    minimum_joint: int,
    first: int,
    kept: Ints,
    sizes: Ints,
    start: int,
    stop: int,
) -> None:
    """Fill rows start..stop-1 of kept [latents, LISTS * k] and sizes; row 0 is latent `first`."""
    F, k = len(latents.counts), kept.shape[1] // LISTS
    row = np.zeros(F, dtype=np.uint32)
    met = np.empty(F + 1, dtype=np.uint32)
    rarest = np.empty((_GROUPED, k), dtype=np.uint32)
    lengths = np.zeros(_GROUPED, dtype=np.int64)
    mean = len(rows.ranks) / max(len(rows.unit_ends) - 1, 1)
    last = int(rows.latent_ends[first + stop])
    for i in range(start, stop):
        begin, end = int(rows.latent_ends[first + i]), int(rows.latent_ends[first + i + 1])
        if (end - begin) * mean < F:
            found = _add_touched(rows, begin, end, last, row, met)
        else:
            found = _add_all(rows, begin, end, last, row, met)
        row[latents.ranks[first + i]] = 0
        own = _rarest(row, met[:found], rarest, lengths)
        groups = _grouped(own, rarest, lengths[: min(end - begin + 1, _GROUPED)], latents)
        asked = (float(end - begin), n, minimum_joint, int(latents.implied[i]))
        sizes[i] = _choose(groups, asked, kept[i])


@numba.njit(nogil=True, cache=True)
def _ask_ahead(rows: _Rows, k: int, last: int) -> None:
    """Have what is needed soon after units[k] fetched; `last` is the first unit not to be asked."""
    if k + _FAR < last:
        prefetch(rows.unit_ends, np.int64(rows.units[k + _FAR]))
    if k + _NEAR < last:
        unit = np.int64(rows.units[k + _NEAR])
        for place in range(
            rows.unit_ends[unit], rows.unit_ends[unit + 1], _LINE_BYTES // rows.ranks.itemsize
        ):
            prefetch(rows.ranks, place)


@numba.njit(nogil=True, cache=True)
def _add_touched(rows: _Rows, begin: int, end: int, last: int, row: Ranks, met: Ranks) -> int:
    """Add the latents of units[begin:end] to row [F], noting in `met` each when it is first met.

    Returns how many were met.
    """
    found = np.uint64(0)
    for k in range(begin, end):
        _ask_ahead(rows, k, last)
        unit = np.int64(rows.units[k])
        for j in range(rows.unit_ends[unit], rows.unit_ends[unit + 1]):
            rank = rows.ranks[j]
            joint = row[rank]
            met[found] = rank
            found += np.uint64(joint == 0)
            row[rank] = joint + np.uint32(1)
    return int(found)


@numba.njit(nogil=True, cache=True)
def _add_all(rows: _Rows, begin: int, end: int, last: int, row: Ranks, met: Ranks) -> int:
    """As `_add_touched`, but those that were met are found by a look at the whole row."""
    for k in range(begin, end):
        _ask_ahead(rows, k, last)
        unit = np.int64(rows.units[k])
        for j in range(rows.unit_ends[unit], rows.unit_ends[unit + 1]):
            row[rows.ranks[j]] += np.uint32(1)
    found = np.uint64(0)
    for rank in range(len(row) - 1, -1, -1):
        met[found] = rank
        found += np.uint64(row[rank] > 0)
    return int(found)


@numba.njit(nogil=True, cache=True)
def _rarest(row: Ranks, met: Ranks, rarest: Ranks, lengths: Ints) -> Ints:
    """Sort those that were met into lists by joint count, the rarest first, and clear the row.

    rarest [_GROUPED, k] and lengths [_GROUPED], zero at first, are filled. Returns those with a
    larger joint count, packed as (joint << 32) | rank, descending.
    """
    k, alone = rarest.shape[1], 0
    for m in range(len(met)):
        prefetch(row, met[min(m + _AHEAD, len(met) - 1)])
        rank = met[m]
        joint = row[rank]
        if joint >= _GROUPED:
            met[alone] = rank
            alone += 1
            continue
        row[rank] = 0
        place = lengths[joint]
        if place < k:
            lengths[joint] = place + 1
        elif rank < rarest[joint, k - 1]:
            continue
        else:
            place -= 1
        while place > 0 and rarest[joint, place - 1] < rank:
            rarest[joint, place] = rarest[joint, place - 1]
            place -= 1
        rarest[joint, place] = rank
    packed = np.empty(alone, dtype=np.int64)
    for m in range(alone):
        packed[m] = (np.int64(row[met[m]]) << 32) | np.int64(met[m])
        row[met[m]] = 0
    return np.sort(packed)[::-1]


@numba.njit(nogil=True, cache=True)
def _grouped(alone: Ints, rarest: Ranks, lengths: Ints, latents: _Latents) -> _Groups:
    """The lists one after the other, largest joint count first; lengths are zero again."""
    lengths[0] = 0  # the latent itself
    lists = len(alone) + np.count_nonzero(lengths)
    total = len(alone) + lengths.sum()
    joint, ends = np.empty(lists, np.int64), np.zeros(lists + 1, np.int64)
    ranks, own = np.empty(total, np.uint32), np.empty(total, np.float64)
    for g in range(len(alone)):
        joint[g], ends[g + 1] = alone[g] >> 32, g + 1
        ranks[g] = np.uint32(alone[g] & 0xFFFFFFFF)
    g, filled = len(alone), len(alone)
    for value in range(len(lengths) - 1, 0, -1):
        if lengths[value]:
            for place in range(lengths[value]):
                ranks[filled + place] = rarest[value, place]
            filled += lengths[value]
            joint[g], ends[g + 1] = value, filled
            lengths[value] = 0
            g += 1
    for m in range(total):
        rank = ranks[m]
        own[m], ranks[m] = latents.counts[rank], latents.of_rank[rank]
    return _Groups(joint, ends, ranks, own)


@numba.njit(nogil=True, cache=True)
def _phi(joint: float, n1: float, n2: float, n: float) -> float:
    """As `association.phi`; 0 where a latent is active everywhere."""
    below = np.sqrt((n1 * (n - n1)) * (n2 * (n - n2)))
    return (joint * n - n1 * n2) / below if below > 0 else 0.0


@numba.njit(nogil=True, cache=True)
def _score(  # noqa: PLR0911 - one for each measure
    which: int, joint: int, n2: float, asked: Asked
) -> float:
    """A partner's value by one of the measures; minus infinity where it may not be listed."""
    n1, n, minimum_joint, needed = asked
    j = float(joint)
    if which == _PHI:
        return _phi(j, n1, n2, n)
    if which == _JACCARD:
        return j / (n1 + n2 - j)
    if which == _GIVEN:
        return j / n2
    if which == _JOINT:
        return j
    if which == _NPMI and joint >= minimum_joint:
        information = np.log(n) - np.log(j)
        pmi = np.log(j) + np.log(n) - np.log(n1) - np.log(n2)
        return pmi / information if information > 0 else 0.0
    if which == _IMPLIED and joint >= needed and j * n >= IMPLIED_LIFT * n1 * n2:
        return j * n / (n1 * n2)
    return -np.inf


@numba.njit(nogil=True, cache=True)
def _choose(groups: _Groups, asked: Asked, result: Ints) -> int:
    """The strongest by every measure into result [LISTS * k], by descending phi; their number."""
    chosen = np.zeros(len(groups.partners), dtype=np.bool_)
    heads, values = np.empty(len(groups.joint), np.int64), np.empty(len(groups.joint))
    for which in range(LISTS):
        _take(groups, which, asked, len(result) // LISTS, heads, values, chosen)
    phi, total = np.empty(len(result)), 0
    for g in range(len(groups.joint)):
        for m in range(groups.ends[g], groups.ends[g + 1]):
            if chosen[m]:
                value = _phi(float(groups.joint[g]), asked[0], groups.counts[m], asked[1])
                entry = (np.int64(groups.partners[m]) << 32) | groups.joint[g]
                _insert(phi, result, total, value, entry)
                total += 1
    return total


@numba.njit(nogil=True, cache=True)
def _take(
    groups: _Groups,
    which: int,
    asked: Asked,
    k: int,
    heads: Ints,
    values: Floats,
    chosen: npt.NDArray[np.bool_],
) -> None:
    """Mark the k strongest by one measure, each the best of the lists' heads [G]."""
    for g in range(len(heads)):
        heads[g] = groups.ends[g]
        values[g] = _score(which, groups.joint[g], groups.counts[heads[g]], asked)
    for _ in range(k):
        best, high = -1, -np.inf
        for g in range(len(heads)):
            if values[g] > high:
                best, high = g, values[g]
        if best < 0:
            return
        chosen[heads[best]] = True
        heads[best] += 1
        values[best] = -np.inf
        if heads[best] < groups.ends[best + 1]:
            values[best] = _score(which, groups.joint[best], groups.counts[heads[best]], asked)


@numba.njit(nogil=True, cache=True)
def _insert(values: Floats, entries: Ints, place: int, value: float, entry: int) -> None:
    """Put an entry in its place among the first `place`: descending values, equal ones by id."""
    while place > 0 and (
        values[place - 1] < value or (values[place - 1] == value and entries[place - 1] > entry)
    ):
        values[place] = values[place - 1]
        entries[place] = entries[place - 1]
        place -= 1
    values[place] = value
    entries[place] = entry
