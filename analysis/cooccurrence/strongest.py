"""Exact joint counts of one latent with all others, and its strongest partners: the kernel.

For each latent its units are walked and the latents of each unit are added up in one dense row of
uint32, one for each latent; the strongest partners by every ranked measure are then taken from the
complete row. So nothing is estimated, no pair is listed that is not kept, and no two threads share
a row: any number of threads and any cut into blocks give the same bytes.

Cost: two increments for each unordered pair of latents that is active on one unit, some 4 ns each,
bound by memory latency (hence `prefetch`). A rare latent remembers which entries of its row it
touched, a frequent one scans the row. A candidate is passed over without computing a measure where
its own count is above a limit that is solved from the weakest of the kept ones: most pairs meet
once, and cannot be among the strongest. Memory: two rows of 4 bytes per latent for each thread.
"""

from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.prefetch import prefetch
from analysis.threads import over_spans

IMPLIED_SHARE = 0.9
IMPLIED_LIFT = 2.0
Z95 = 1.959963984540054

LISTS = 6
"""phi, Jaccard, P(a given b), joint count (which orders as P(b given a)), NPMI, implied lift."""
_PHI, _JACCARD, _GIVEN, _JOINT, _NPMI, _IMPLIED = range(LISTS)
_AHEAD = 6
"""Units between asking for a row and adding it up: about one memory latency."""
_EXACT_BUCKETS = 64
"""Joint counts below this have a limit each; above it 32 share an octave."""
_RARE_BUCKETS = 24
_FIRST_LIMITS = 256
"""Candidates that are looked at before limits are worth solving for; then eight times as many."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
    P(b given a) at least .9, lift at least 2. `partners_kept` of each; equal values go to the
    smaller id. Partners of a latent descend in phi, then ascend in id. Pairs that never meet are
    not kept.
    """
    counts = incidence.counts
    width = LISTS * ranking.partners_kept
    kept = np.empty((stop - start, width), dtype=np.int64)
    sizes = np.zeros(stop - start, dtype=np.int64)
    over_spans(
        stop - start,
        partial(
            _strongest,
            incidence.units,
            incidence.latent_ends,
            incidence.latents,
            incidence.unit_ends,
            counts.astype(np.uint32),
            implied_from(counts),
            float(incidence.n_units),
            ranking.minimum_joint,
            start,
            kept,
            sizes,
        ),
    )
    packed = kept[np.arange(width) < sizes[:, None]]
    return Kept(sizes, (packed >> 32).astype(np.int32), packed & 0xFFFFFFFF)


def implied_from(counts: Ints) -> Ints:
    """The fewest joint units [F] at which Wilson's lower bound of P(b given a) reaches .9.

    Wilson's interval is the score test turned round: n (p - .9)^2 >= z^2 .9 .1; Wilson 1927.
    """
    n = counts.astype(np.float64)
    spread = Z95 * np.sqrt(n * IMPLIED_SHARE * (1 - IMPLIED_SHARE))
    return np.ceil(n * IMPLIED_SHARE + spread - 1e-9).astype(np.int64)


@numba.njit(nogil=True, cache=True)
def _strongest(  # noqa: PLR0913, PLR0917 - a kernel
    units: npt.NDArray[np.uint32],
    latent_ends: Ints,
    latents: npt.NDArray[Any],
    unit_ends: Ints,
    counts: npt.NDArray[np.uint32],
    implied: Ints,
    n: float,
    minimum_joint: int,
    first: int,
    kept: Ints,
    sizes: Ints,
    start: int,
    stop: int,
) -> None:
    """Fill rows start..stop-1 of kept [latents, LISTS * k] and sizes; row 0 is latent `first`."""
    F = len(counts)
    row = np.zeros(F, dtype=np.uint32)
    touched = np.empty(F + 1, dtype=np.uint32)
    scores = np.empty((LISTS, kept.shape[1] // LISTS))
    packed = np.empty(scores.shape, dtype=np.int64)
    limits = np.empty(_bucket(2**32 - 1) + 1)
    mean = len(latents) / max(len(unit_ends) - 1, 1)
    for i in range(start, stop):
        a = first + i
        begin, end = int(latent_ends[a]), int(latent_ends[a + 1])
        rare = (end - begin) * mean < F
        if rare:
            found = _add_touched(units, begin, end, unit_ends, latents, row, touched)
        else:
            _add_row(units, begin, end, unit_ends, latents, row)
            found = F
        row[a] = 0
        scores[:] = -np.inf
        packed[:] = -1
        limits[:] = np.inf
        last = _bucket(end - begin)
        if rare:
            last = min(last, _RARE_BUCKETS)
        n1, needed = float(counts[a]), int(implied[a])
        seen, solve_at = 0, _FIRST_LIMITS
        for t in range(found):
            b = int(touched[t]) if rare else t
            joint = int(row[b])
            if joint == 0:
                continue
            row[b] = 0
            if counts[b] > limits[_bucket(joint)]:
                continue
            _offer_all(scores, packed, joint, n1, float(counts[b]), n, minimum_joint, needed, b)
            seen += 1
            if seen == solve_at:
                solve_at *= 8
                for bucket in range(1, last + 1):
                    limits[bucket] = _limit(_largest(bucket), n1, n, scores, minimum_joint, needed)
        sizes[i] = _union(packed, n1, counts, n, kept[i])


@numba.njit(nogil=True, cache=True)
def _add_touched(
    units: npt.NDArray[np.uint32],
    begin: int,
    end: int,
    unit_ends: Ints,
    latents: npt.NDArray[Any],
    row: npt.NDArray[np.uint32],
    touched: npt.NDArray[np.uint32],
) -> int:
    """Add the latents of units[begin:end] to row [F]; returns how many entries it touched."""
    found = np.uint64(0)
    for k in range(begin, end):
        if k + _AHEAD < end:
            ahead = unit_ends[np.int64(units[k + _AHEAD])]
            prefetch(latents, ahead)
            prefetch(latents, ahead + 16)
            prefetch(latents, ahead + 32)
        unit = np.int64(units[k])
        for j in range(unit_ends[unit], unit_ends[unit + 1]):
            b = latents[j]
            count = row[b]
            touched[found] = b
            found += np.uint64(count == 0)
            row[b] = count + np.uint32(1)
    return int(found)


@numba.njit(nogil=True, cache=True)
def _add_row(
    units: npt.NDArray[np.uint32],
    begin: int,
    end: int,
    unit_ends: Ints,
    latents: npt.NDArray[Any],
    row: npt.NDArray[np.uint32],
) -> None:
    """Add the latents of units[begin:end] to row [F]."""
    for k in range(begin, end):
        if k + _AHEAD < end:
            ahead = unit_ends[np.int64(units[k + _AHEAD])]
            prefetch(latents, ahead)
            prefetch(latents, ahead + 16)
            prefetch(latents, ahead + 32)
        unit = np.int64(units[k])
        for j in range(unit_ends[unit], unit_ends[unit + 1]):
            row[latents[j]] += np.uint32(1)


@numba.njit(nogil=True, cache=True)
def _phi(joint: float, n1: float, n2: float, n: float) -> float:
    """As `association.phi`; 0 where a latent is active everywhere."""
    below = np.sqrt((n1 * (n - n1)) * (n2 * (n - n2)))
    return (joint * n - n1 * n2) / below if below > 0 else 0.0


@numba.njit(nogil=True, cache=True)
def _offer_all(  # noqa: PLR0913, PLR0917 - a kernel
    scores: Floats,
    packed: Ints,
    joint: int,
    n1: float,
    n2: float,
    n: float,
    minimum_joint: int,
    needed: int,
    other: int,
) -> None:
    """Offer a partner to the lists [LISTS, k] of the strongest."""
    entry = (other << 32) | joint
    j = float(joint)
    _offer(scores[_PHI], packed[_PHI], _phi(j, n1, n2, n), entry)
    _offer(scores[_JACCARD], packed[_JACCARD], j / (n1 + n2 - j), entry)
    _offer(scores[_GIVEN], packed[_GIVEN], j / n2, entry)
    _offer(scores[_JOINT], packed[_JOINT], j, entry)
    if joint >= minimum_joint:
        information = np.log(n) - np.log(j)
        pmi = np.log(j) + np.log(n) - np.log(n1) - np.log(n2)
        npmi = pmi / information if information > 0 else 0.0
        _offer(scores[_NPMI], packed[_NPMI], npmi, entry)
    if joint >= needed and j * n >= IMPLIED_LIFT * n1 * n2:
        _offer(scores[_IMPLIED], packed[_IMPLIED], j * n / (n1 * n2), entry)


@numba.njit(nogil=True, cache=True)
def _offer(scores: Floats, packed: Ints, score: float, entry: int) -> None:
    """Insert into a descending list of the best; of equal ones the smaller id comes first."""
    place = len(scores) - 1
    if score < scores[place] or (score == scores[place] and entry > packed[place]):
        return
    while place > 0 and (
        scores[place - 1] < score or (scores[place - 1] == score and packed[place - 1] > entry)
    ):
        scores[place] = scores[place - 1]
        packed[place] = packed[place - 1]
        place -= 1
    scores[place] = score
    packed[place] = entry


@numba.njit(nogil=True, cache=True)
def _limit(
    joint: int, n1: float, n: float, scores: Floats, minimum_joint: int, needed: int
) -> float:
    """The largest count of a partner with which a joint count may still enter some list.

    Each measure falls as the partner's count rises, so each is solved for the count at which it
    equals the weakest kept score; a little above it, since rounding may not decide.
    """
    j = float(joint)
    weakest = scores[:, -1]
    if weakest[_PHI] <= 0 or weakest[_JACCARD] <= 0 or j >= weakest[_JOINT]:
        return np.inf
    # phi(j, x) = s squared: A x^2 - B x + C = 0, of which the smaller root counts.
    spread = weakest[_PHI] ** 2 * n1 * (n - n1)
    A, B, C = n1 * n1 + spread, 2 * j * n * n1 + spread * n, (j * n) ** 2
    limit = 2 * C / (B + np.sqrt(max(B * B - 4 * A * C, 0.0)))
    limit = max(limit, j / weakest[_JACCARD] - n1 + j, j / weakest[_GIVEN])
    expected = j * n / n1
    if joint >= minimum_joint:
        if weakest[_NPMI] == -np.inf:
            return np.inf
        limit = max(limit, expected * (j / n) ** weakest[_NPMI])
    if joint >= needed:
        limit = max(limit, expected / max(weakest[_IMPLIED], IMPLIED_LIFT))
    return limit * (1 + 1e-9) + 1e-6


@numba.njit(nogil=True, cache=True)
def _bucket(joint: int) -> int:
    """Which limit holds for a joint count: its own below 64, then 32 to each octave."""
    if joint < _EXACT_BUCKETS:
        return joint
    shift = 0
    while joint >> shift >= _EXACT_BUCKETS:
        shift += 1
    return _EXACT_BUCKETS + 32 * (shift - 1) + (joint >> shift) - 32


@numba.njit(nogil=True, cache=True)
def _largest(bucket: int) -> int:
    """The largest joint count of a bucket."""
    if bucket < _EXACT_BUCKETS:
        return bucket
    shift = (bucket - _EXACT_BUCKETS) // 32 + 1
    return (((bucket - _EXACT_BUCKETS) % 32 + 33) << shift) - 1


@numba.njit(nogil=True, cache=True)
def _union(packed: Ints, n1: float, counts: npt.NDArray[np.uint32], n: float, result: Ints) -> int:
    """Every kept partner once into result [LISTS * k], by descending phi; returns their number."""
    entries = np.sort(packed.ravel())
    value = np.empty(len(entries))
    total = 0
    before = np.int64(-1)
    for entry in entries:
        if entry == before:
            continue
        before = entry
        n2 = float(counts[entry >> 32])
        phi = _phi(float(entry & 0xFFFFFFFF), n1, n2, n)
        place = total
        while place > 0 and value[place - 1] < phi:
            value[place] = value[place - 1]
            result[place] = result[place - 1]
            place -= 1
        value[place] = phi
        result[place] = entry
        total += 1
    return total
