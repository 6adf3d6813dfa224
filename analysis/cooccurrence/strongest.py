"""The strongest partners of every latent by six rankings, from exact joint counts.

In plain Python, with n[b] the units of latent b, for a latent `a` and `k` partners to keep:

    kept = set()
    for score in (phi, jaccard, p_a_given_b, joint, npmi, implied_lift):
        partners = [b for b in latents if b != a and joint[a, b] > 0 and score(a, b) is not None]
        partners.sort(key=lambda b: (-score(a, b), -joint[a, b], n[b], b))
        kept.update(partners[:k])
    rows[a] = sorted(kept, key=lambda b: (-phi(a, b), b))

`npmi` is None below the minimum joint count, `implied_lift` where a does not imply b. P(b given a)
needs no ranking of its own: for a fixed a it orders partners as the joint count does.

A latent co-occurs with thousands of others; sorting them six times would take longer than counting.
Every score falls as n[b] rises, so of all partners with the same joint count only the k rarest can
be kept. They form one group for each joint count, and the rarest of a group is its strongest by
every score. Each ranking is therefore a merge of these groups that stops after k partners.

Memory: about 10 bytes per latent and thread, and 48 k bytes per latent for the result. Any number
of threads and any division into blocks give the same bytes.
"""

from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.association import LEAST_LIFT, SURE, Z95
from analysis.cooccurrence.counting import Layout, joint_counts
from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.prefetch import prefetch
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints, UInt32s
from analysis.runtime.threads import over_spans

RANKINGS = 6
_PHI, _JACCARD, _P_A_GIVEN_B, _JOINT, _NPMI, _IMPLIED_LIFT = range(RANKINGS)
_AHEAD = 16
"""Latents between prefetching a joint count and reading it."""
_GROUPED = 1024
"""Partners with a joint count below this are collected by joint count, the others are sorted."""
_SMALL = (1 << 16) - 1
"""The most units of a latent whose joint counts are counted in two bytes."""


class Ranking(NamedTuple):
    """How many partners are kept, and the fewest joint units for a ranking by NPMI."""

    partners_kept: int
    """By each ranking."""
    minimum_joint: int
    """NPMI is largest for pairs that share one unit, so it does not rank pairs below this."""


class Kept(NamedTuple):
    """The kept partners of consecutive latents, one latent after the other."""

    sizes: Ints
    """[latents] number of partners of each latent."""
    partners: Int32s
    """[pairs] ids."""
    joint: Ints
    """[pairs] joint units."""


class _Latents(NamedTuple):
    """Ids, ranks and counts of the latents."""

    of_rank: UInt32s
    """[F] latent ids by rank."""
    ranks: UInt32s
    """[F] ranks by latent id, the inverse of `of_rank`."""
    counts: UInt32s
    """[F] units of each latent, by rank."""


class _Limits(NamedTuple):
    """The values of one latent on which the scores of all its partners depend."""

    n1: float
    """Units of the latent."""
    n: float
    """All units."""
    minimum_joint: int
    """The fewest joint units for NPMI."""
    implying_joint: int
    """The fewest joint units for an implication, `implying_joint`."""


class _Shortlist(NamedTuple):
    """Partners that may be kept, in groups of one joint count: descending, each rarest first."""

    ends: Ints
    """[groups + 1] group g is [ends[g]:ends[g + 1]] of the other arrays."""
    partners: UInt32s
    """[m] ids."""
    joint: UInt32s
    """[m] joint units."""
    counts: Floats
    """[m] units of each partner."""


def strongest_partners(incidence: Incidence, start: int, stop: int, ranking: Ranking) -> Kept:
    """Partners of latents start..stop-1 that are among the first by one of the six rankings.

    The rankings are phi, Jaccard, P(a given b), the joint count (the order of P(b given a)), NPMI
    among pairs of at least `minimum_joint` units, and lift among the latents that a implies:
    Wilson's lower bound of P(b given a) at least .9 and lift at least 2. The first `partners_kept`
    of each are kept. Ties go to the larger joint count, then to the partner on fewer units, then to
    the smaller id. Partners of a latent descend in phi; ties go to the smaller id. Pairs without
    a joint unit are not kept.
    """
    width = RANKINGS * ranking.partners_kept
    partners = np.empty((stop - start, width), dtype=np.int32)
    joint = np.empty((stop - start, width), dtype=np.uint32)
    sizes = np.zeros(stop - start, dtype=np.int64)
    counts = incidence.counts
    kernel = partial(
        _choose_partners,
        Layout(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends),
        _Latents(
            incidence.latent_of_rank,
            incidence.rank_of_latent,
            counts[incidence.latent_of_rank].astype(np.uint32),
        ),
        implying_joint(counts[start:stop]),
        float(incidence.n_units),
        ranking.minimum_joint,
        start,
        (partners, joint, sizes),
    )
    over_spans(stop - start, kernel)
    filled = np.arange(width) < sizes[:, None]
    return Kept(sizes, partners[filled], joint[filled].astype(np.int64))


def implying_joint(counts: Ints) -> Ints:
    """The fewest joint units [F] at which Wilson's lower bound of P(b given a) reaches .9.

    `counts` [F] are the units of a. Wilson's interval is the inverted score test:
    n (p - .9)^2 >= z^2 .9 .1; Wilson 1927. Where even n of n is too little, the result is above n.
    """
    n = counts.astype(np.float64)
    spread = Z95 * np.sqrt(n * SURE * (1 - SURE))
    return np.ceil(n * SURE + spread - 1e-9).astype(np.int64)


@numba.njit(nogil=True, cache=True)
def _choose_partners(  # noqa: PLR0913, PLR0917 - a kernel
    layout: Layout,
    latents: _Latents,
    implying: Ints,
    n: float,
    minimum_joint: int,
    first: int,
    result: tuple[Int32s, UInt32s, Ints],
    start: int,
    stop: int,
) -> None:
    """Fill rows start..stop-1 of the result's partners, joint [latents, width] and sizes.

    Row 0 belongs to latent `first`.
    """
    partners, joint, sizes = result
    F, k = len(latents.counts), partners.shape[1] // RANKINGS
    # Counters of two bytes, where they cannot overflow, fit the cache twice as often.
    small, large = np.zeros(F, dtype=np.uint16), np.zeros(F, dtype=np.uint32)
    met = np.empty(F + 1, dtype=np.uint32)
    rarest = np.empty((_GROUPED, k), dtype=np.uint32)
    last = int(layout.latent_ends[first + stop])
    for i in range(start, stop):
        units = int(layout.latent_ends[first + i + 1] - layout.latent_ends[first + i])
        limits = _Limits(float(units), n, minimum_joint, int(implying[i]))
        work = layout, latents, limits, first + i, last
        if units <= _SMALL:
            shortlist, order = _strongest(work, small, met, rarest)
        else:
            shortlist, order = _strongest(work, large, met, rarest)
        sizes[i] = len(order)
        partners[i, : len(order)] = shortlist.partners[order]
        joint[i, : len(order)] = shortlist.joint[order]


@numba.njit(nogil=True, cache=True)
def _strongest(
    work: tuple[Layout, _Latents, _Limits, int, int],
    row: npt.NDArray[Any],
    met: UInt32s,
    rarest: UInt32s,
) -> tuple[_Shortlist, Ints]:
    """The shortlist of one latent, and its places that are kept, by descending phi.

    `work` has the latent and the end of the units that may be prefetched. `row`, `met` and `rarest`
    are working space, described in `joint_counts` and `_shortlist`.
    """
    layout, latents, limits, latent, last = work
    listed = joint_counts(layout, latent, last, row, met)
    row[latents.ranks[latent]] = 0  # a latent is not its own partner
    limit = min(int(limits.n1) + 1, _GROUPED)
    shortlist = _shortlist(row, met[:listed], limit, rarest, latents)
    kept = np.zeros(len(shortlist.partners), dtype=np.bool_)
    for which in range(RANKINGS):
        _keep_strongest(shortlist, which, limits, rarest.shape[1], kept)
    return shortlist, _by_phi(shortlist, kept, limits)


@numba.njit(nogil=True, cache=True)
def _shortlist(
    row: npt.NDArray[Any], met: UInt32s, limit: int, rarest: UInt32s, latents: _Latents
) -> _Shortlist:
    """The partners that may be kept; clears `row` [F].

    `row` has the joint counts by rank, `met` the ranks with a count (and the latent itself, with
    0). A larger rank is a rarer latent, or as rare and of a smaller id. `rarest` [_GROUPED, k] is
    working space: the k rarest partners of each joint count below `limit`, rarest first.
    """
    k = rarest.shape[1]
    lengths = np.zeros(limit, dtype=np.int64)
    frequent = 0
    for m in range(len(met)):
        prefetch(row, met[min(m + _AHEAD, len(met) - 1)])
        rank = met[m]
        joint = row[rank]
        if joint >= _GROUPED:
            met[frequent] = rank
            frequent += 1
            continue
        row[rank] = 0
        if joint == 0:
            continue
        place = lengths[joint]
        if place < k:
            lengths[joint] += 1
        elif rank < rarest[joint, k - 1]:
            continue
        else:
            place = k - 1
        while place > 0 and rarest[joint, place - 1] < rank:
            rarest[joint, place] = rarest[joint, place - 1]
            place -= 1
        rarest[joint, place] = rank
    return _in_groups(row, met[:frequent], rarest, lengths, latents)


@numba.njit(nogil=True, cache=True)
def _in_groups(
    row: npt.NDArray[Any], frequent: UInt32s, rarest: UInt32s, lengths: Ints, latents: _Latents
) -> _Shortlist:
    """The groups in one list, by descending joint count; clears what is left in `row`.

    `frequent` are the ranks with _GROUPED or more joint units. Such counts are seldom equal, so
    each of these partners is a group of one.
    """
    size = len(frequent) + lengths.sum()
    ranks, joint = np.empty(size, dtype=np.uint32), np.empty(size, dtype=np.uint32)
    ends = np.zeros(len(frequent) + np.count_nonzero(lengths) + 1, dtype=np.int64)
    rarest_first = np.sort(frequent)[::-1]
    large = row[rarest_first]
    row[rarest_first] = 0
    group, filled = 0, 0
    for m in np.argsort(-large.astype(np.int64), kind="mergesort"):
        ranks[filled], joint[filled] = rarest_first[m], large[m]
        group, filled = group + 1, filled + 1
        ends[group] = filled
    for value in range(len(lengths) - 1, 0, -1):
        if lengths[value]:
            for place in range(lengths[value]):
                ranks[filled + place], joint[filled + place] = rarest[value, place], value
            group, filled = group + 1, filled + lengths[value]
            ends[group] = filled
    counts = latents.counts[ranks].astype(np.float64)
    return _Shortlist(ends, latents.of_rank[ranks], joint, counts)


@numba.njit(nogil=True, cache=True)
def _keep_strongest(
    shortlist: _Shortlist, which: int, limits: _Limits, k: int, kept: Bools
) -> None:
    """Mark the k strongest of the shortlist by one ranking: a merge of its groups.

    The heads are the strongest partners of each group that are not marked yet. Ties go to the
    first group, which has the larger joint count.
    """
    ends = shortlist.ends
    heads = ends[:-1].copy()
    values = np.empty(len(heads))
    for group, m in enumerate(heads):
        values[group] = _score(which, shortlist.joint[m], shortlist.counts[m], limits)
    for _ in range(k):
        best, highest = -1, -np.inf
        for group in range(len(heads)):
            if values[group] > highest:
                best, highest = group, values[group]
        if best < 0:
            return
        kept[heads[best]] = True
        heads[best] += 1
        m = heads[best]
        values[best] = -np.inf
        if m < ends[best + 1]:
            values[best] = _score(which, shortlist.joint[m], shortlist.counts[m], limits)


@numba.njit(nogil=True, cache=True)
def _by_phi(shortlist: _Shortlist, kept: Bools, limits: _Limits) -> Ints:
    """The kept places of the shortlist by descending phi; ties by ascending id."""
    order = np.flatnonzero(kept)
    values = np.empty(len(order))
    for i, m in enumerate(order):
        value = _score(_PHI, shortlist.joint[m], shortlist.counts[m], limits)
        # Insertion, because the shortlist is nearly in this order already.
        place = i
        while place > 0 and (
            values[place - 1] < value
            or (
                values[place - 1] == value
                and shortlist.partners[order[place - 1]] > shortlist.partners[m]
            )
        ):
            values[place], order[place] = values[place - 1], order[place - 1]
            place -= 1
        values[place], order[place] = value, m
    return order


@numba.njit(nogil=True, cache=True)
def _score(  # noqa: PLR0911 - one return for each ranking
    which: int, joint: int, n2: float, limits: _Limits
) -> float:
    """A partner's score in one ranking; minus infinity if the ranking excludes it.

    The formulas are those of `association`; phi is 0 where a latent is active on every unit.
    """
    j, n1, n = float(joint), limits.n1, limits.n
    if which == _PHI:
        below = np.sqrt((n1 * (n - n1)) * (n2 * (n - n2)))
        return (j * n - n1 * n2) / below if below > 0 else 0.0
    if which == _JACCARD:
        return j / (n1 + n2 - j)
    if which == _P_A_GIVEN_B:
        return j / n2
    if which == _JOINT:
        return j
    if which == _NPMI and joint >= limits.minimum_joint:
        information = np.log(n) - np.log(j)
        pmi = np.log(j) + np.log(n) - np.log(n1) - np.log(n2)
        return pmi / information if information > 0 else 0.0
    if which == _IMPLIED_LIFT and joint >= limits.implying_joint and j * n >= LEAST_LIFT * n1 * n2:
        return j * n / (n1 * n2)
    return -np.inf
