"""Exact joint counts of one latent with all others, and its strongest partners: the kernel.

For each latent its units are walked and the latents of each unit are added up in one dense row, by
rank; the strongest partners by every ranked measure are then taken from the complete row. So
nothing is estimated, no pair is listed that is not kept, and no two threads share a row: any number
of threads and any cut into blocks give the same bytes.

Cost: two increments for each unordered pair of latents that is active on one unit, some 4 ns each,
bound by memory latency (hence `prefetch`). A rare latent remembers which entries of its row it
touched, for a frequent one the row is looked through. A candidate is passed over without computing
a measure where its own count is above a limit that is solved from the weakest of the kept ones:
most pairs meet once, and cannot be among the strongest. As latents go by rank there, that limit is
a rank, and passing over reads nothing but the row. Memory: 9 bytes per latent for each thread.
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
_FIRST_WAITING, _WAITING = 96, 384
"""Candidates that are collected before they are offered: at first fewer, to have limits soon."""
_SOLVE_AGAIN = 32
"""Offers after which a limit is solved anew."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
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
    P(b given a) at least .9, lift at least 2. `partners_kept` of each; equal values go to the
    smaller id. Partners of a latent descend in phi, then ascend in id. Pairs that never meet are
    not kept.
    """
    counts = incidence.counts
    width = LISTS * ranking.partners_kept
    kept = np.empty((stop - start, width), dtype=np.int64)
    sizes = np.zeros(stop - start, dtype=np.int64)
    rows = _Rows(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends)
    latents = _Latents(
        counts.astype(np.uint32),
        incidence.latent_of_rank,
        len(counts) - np.cumsum(np.bincount(counts)),
        implied_from(counts),
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

    counts: npt.NDArray[np.uint32]
    """[F] its units."""
    of_rank: npt.NDArray[np.uint32]
    """[F] latents by rank."""
    above: Ints
    """[largest count + 1] how many latents have more units: the first rank behind them."""
    implied: Ints
    """[F] as `implied_from`."""


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
    F = len(latents.counts)
    row = np.zeros(F, dtype=np.uint32)
    listed = np.zeros(F, dtype=np.bool_)
    touched = np.empty(F + 1, dtype=np.uint32)
    scores = np.empty((LISTS, kept.shape[1] // LISTS))
    packed = np.empty(scores.shape, dtype=np.int64)
    firsts = np.empty(_bucket(2**32 - 1) + 1, dtype=np.int64)
    waiting, by_joint = np.empty(_WAITING, np.int64), np.empty(_WAITING, np.int64)
    mean = len(rows.ranks) / max(len(rows.unit_ends) - 1, 1)
    for i in range(start, stop):
        a = first + i
        begin, end = int(rows.latent_ends[a]), int(rows.latent_ends[a + 1])
        rare = (end - begin) * mean < F
        if rare:
            found = _add_touched(rows, begin, end, row, touched)
        else:
            found = _add_all(rows, begin, end, row, touched)
        asked = (float(latents.counts[a]), n, minimum_joint, int(latents.implied[a]))
        scores[:] = -np.inf
        packed[:] = -1
        last = _bucket(end - begin)
        firsts[: last + 1] = 0
        solved = min(last, _RARE_BUCKETS) if rare else last
        weakest, held, room = 0, 0, _FIRST_WAITING
        for t in range(found):
            rank = int(touched[t])
            joint = int(row[rank])
            row[rank] = 0
            if rank < firsts[_bucket(joint)] and joint < weakest:
                continue
            other = int(latents.of_rank[rank])
            if other == a or (
                rank < firsts[_bucket(joint)] and _orders_behind(scores, packed, joint, other)
            ):
                continue
            waiting[held] = (other << 32) | joint
            held += 1
            if held == room:
                _offer_waiting(waiting[:held], by_joint, latents.counts, asked, scores, packed)
                _solve_firsts(firsts, solved, asked, scores, latents.above)
                weakest = int(max(scores[_JOINT, scores.shape[1] - 1], 0.0))
                held, room = 0, _WAITING
        _offer_waiting(waiting[:held], by_joint, latents.counts, asked, scores, packed)
        sizes[i] = _union(packed, asked, latents.counts, listed, kept[i])


@numba.njit(nogil=True, cache=True)
def _ask_ahead(rows: _Rows, k: int, end: int) -> None:
    """Have the ranks of units[k] fetched, unless k is behind the end."""
    if k < end:
        first = rows.unit_ends[np.int64(rows.units[k])]
        prefetch(rows.ranks, first)
        prefetch(rows.ranks, first + 16)
        prefetch(rows.ranks, first + 32)


@numba.njit(nogil=True, cache=True)
def _add_touched(
    rows: _Rows, begin: int, end: int, row: npt.NDArray[np.uint32], touched: npt.NDArray[np.uint32]
) -> int:
    """Add the latents of units[begin:end] to row [F], noting each when it is first met.

    Returns how many were met.
    """
    found = np.uint64(0)
    for k in range(begin, end):
        _ask_ahead(rows, k + _AHEAD, end)
        unit = np.int64(rows.units[k])
        for j in range(rows.unit_ends[unit], rows.unit_ends[unit + 1]):
            rank = rows.ranks[j]
            joint = row[rank]
            touched[found] = rank
            found += np.uint64(joint == 0)
            row[rank] = joint + np.uint32(1)
    return int(found)


@numba.njit(nogil=True, cache=True)
def _add_all(
    rows: _Rows, begin: int, end: int, row: npt.NDArray[np.uint32], touched: npt.NDArray[np.uint32]
) -> int:
    """As `_add_touched`, but those that were met are found by a look at the whole row."""
    for k in range(begin, end):
        _ask_ahead(rows, k + _AHEAD, end)
        unit = np.int64(rows.units[k])
        for j in range(rows.unit_ends[unit], rows.unit_ends[unit + 1]):
            row[rows.ranks[j]] += np.uint32(1)
    found = np.uint64(0)
    for rank in range(len(row)):
        touched[found] = rank
        found += np.uint64(row[rank] > 0)
    return int(found)


@numba.njit(nogil=True, cache=True)
def _phi(joint: float, n1: float, n2: float, n: float) -> float:
    """As `association.phi`; 0 where a latent is active everywhere."""
    below = np.sqrt((n1 * (n - n1)) * (n2 * (n - n2)))
    return (joint * n - n1 * n2) / below if below > 0 else 0.0


@numba.njit(nogil=True, cache=True)
def _offer_waiting(
    waiting: Ints,
    by_joint: Ints,
    counts: npt.NDArray[np.uint32],
    asked: Asked,
    scores: Floats,
    packed: Ints,
) -> None:
    """Offer those that wait, largest joint counts first, so that the lists fill with the best."""
    if len(waiting) == 0:
        return
    last = 0
    for entry in waiting:
        last = max(last, _bucket(entry & 0xFFFFFFFF))
    ends = np.zeros(last + 2, dtype=np.int64)
    for entry in waiting:
        ends[last - _bucket(entry & 0xFFFFFFFF) + 1] += 1
    for place in range(last + 1):
        ends[place + 1] += ends[place]
    for entry in waiting:
        place = last - _bucket(entry & 0xFFFFFFFF)
        by_joint[ends[place]] = entry
        ends[place] += 1
    bucket, limit = -1, np.inf
    for k in range(len(waiting)):
        joint, other = int(by_joint[k] & 0xFFFFFFFF), by_joint[k] >> 32
        if _bucket(joint) != bucket or k % _SOLVE_AGAIN == 0:
            bucket = _bucket(joint)
            limit = _limit(_largest(bucket), asked, scores)
        count = counts[other]
        if count <= limit or not _orders_behind(scores, packed, joint, other):
            _offer_all(scores, packed, joint, float(count), asked, by_joint[k])


@numba.njit(nogil=True, cache=True)
def _orders_behind(scores: Floats, packed: Ints, joint: int, other: int) -> bool:
    """Whether a partner comes behind all that the list of joint counts holds."""
    last = scores.shape[1] - 1
    weakest = scores[_JOINT, last]
    return joint < weakest or (joint == weakest and other > packed[_JOINT, last] >> 32)


@numba.njit(nogil=True, cache=True)
def _solve_firsts(firsts: Ints, last: int, asked: Asked, scores: Floats, above: Ints) -> None:
    """The smallest ranks of buckets 1..last that may still enter a list as it is."""
    for bucket in range(1, last + 1):
        limit = _limit(_largest(bucket), asked, scores)
        firsts[bucket] = above[int(limit)] if limit < len(above) else 0


@numba.njit(nogil=True, cache=True)
def _offer_all(
    scores: Floats, packed: Ints, joint: int, n2: float, asked: Asked, entry: int
) -> None:
    """Offer a partner, packed as (id << 32) | joint, to the lists [LISTS, k] of the strongest."""
    n1, n, minimum_joint, needed = asked
    j = float(joint)
    _offer(scores, packed, _PHI, _phi(j, n1, n2, n), entry)
    _offer(scores, packed, _JACCARD, j / (n1 + n2 - j), entry)
    _offer(scores, packed, _GIVEN, j / n2, entry)
    _offer(scores, packed, _JOINT, j, entry)
    if joint >= minimum_joint:
        information = np.log(n) - np.log(j)
        pmi = np.log(j) + np.log(n) - np.log(n1) - np.log(n2)
        npmi = pmi / information if information > 0 else 0.0
        _offer(scores, packed, _NPMI, npmi, entry)
    if joint >= needed and j * n >= IMPLIED_LIFT * n1 * n2:
        _offer(scores, packed, _IMPLIED, j * n / (n1 * n2), entry)


@numba.njit(nogil=True, cache=True)
def _offer(scores: Floats, packed: Ints, which: int, score: float, entry: int) -> None:
    """Insert into a descending list of the best; of equal ones the smaller id comes first."""
    place = scores.shape[1] - 1
    weakest = scores[which, place]
    if score < weakest or (score == weakest and entry > packed[which, place]):
        return
    while place > 0 and (
        scores[which, place - 1] < score
        or (scores[which, place - 1] == score and packed[which, place - 1] > entry)
    ):
        scores[which, place] = scores[which, place - 1]
        packed[which, place] = packed[which, place - 1]
        place -= 1
    scores[which, place] = score
    packed[which, place] = entry


@numba.njit(nogil=True, cache=True)
def _limit(joint: int, asked: Asked, scores: Floats) -> float:
    """The largest count of a partner with which it may still enter a list, by its joint count.

    Each measure falls as the partner's count rises, so each is solved for the count at which it
    equals the weakest kept score; a little above it, since rounding may not decide. The list of
    joint counts does not depend on the partner's own: `_orders_behind` speaks for it.
    """
    n1, n, minimum_joint, needed = asked
    j = float(joint)
    last = scores.shape[1] - 1
    by_phi, by_jaccard = scores[_PHI, last], scores[_JACCARD, last]
    if by_phi <= 0 or by_jaccard <= 0:
        return np.inf
    # phi(j, x) = s squared: A x^2 - B x + C = 0, of which the smaller root counts.
    spread = by_phi**2 * n1 * (n - n1)
    A, B, C = n1 * n1 + spread, 2 * j * n * n1 + spread * n, (j * n) ** 2
    limit = 2 * C / (B + np.sqrt(max(B * B - 4 * A * C, 0.0)))
    limit = max(limit, j / by_jaccard - n1 + j, j / scores[_GIVEN, last])
    expected = j * n / n1
    if joint >= minimum_joint:
        if scores[_NPMI, last] == -np.inf:
            return np.inf
        limit = max(limit, expected * (j / n) ** scores[_NPMI, last])
    if joint >= needed:
        limit = max(limit, expected / max(scores[_IMPLIED, last], IMPLIED_LIFT))
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
def _union(
    packed: Ints,
    asked: Asked,
    counts: npt.NDArray[np.uint32],
    listed: npt.NDArray[np.bool_],
    result: Ints,
) -> int:
    """Every kept partner once into result [LISTS * k], by descending phi; returns their number."""
    n1, n = asked[0], asked[1]
    values = np.empty(len(result))
    total = 0
    for entry in packed.ravel():
        other = entry >> 32
        if entry < 0 or listed[other]:
            continue
        listed[other] = True
        value = _phi(float(entry & 0xFFFFFFFF), n1, float(counts[other]), n)
        place = total
        while place > 0 and (
            values[place - 1] < value or (values[place - 1] == value and result[place - 1] > entry)
        ):
            values[place] = values[place - 1]
            result[place] = result[place - 1]
            place -= 1
        values[place] = value
        result[place] = entry
        total += 1
    for entry in result[:total]:
        listed[entry >> 32] = False
    return total
