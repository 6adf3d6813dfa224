"""What is known of a kept pair beside its joint tokens: documents, cosine and Pearson's r.

The kernels follow one latent at a time over its units, as counting does. They wait for memory most
of the time, so tables are small enough for the cache, and what is read at random is prefetched.
"""

from functools import partial
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.counting import Layout, prefetch_units
from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.prefetch import prefetch
from analysis.cooccurrence.strongest import Kept
from analysis.runtime.arrays import Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.threads import over_spans

_PARTNERS_AHEAD = 8
"""Partners between prefetching where the units of one begin and counting them; the units are
prefetched half-way."""
_WAITING = 64
"""Joint tokens whose activations are prefetched before they are added."""
_CONSTANT = 1e-20  # a variance below this share of the mean square is a rounding error


def joint_units(incidence: Incidence, start: int, kept: Kept) -> Int32s:
    """Units [pairs] on which both latents of each kept pair are active.

    The pairs are those of latents start, start + 1, ...
    """
    shared = np.empty(len(kept.partners), dtype=np.int32)
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    size = int(incidence.units.max(initial=0)) + 1
    work = (incidence.units, incidence.latent_ends, start, ends, kept.partners, size, shared)
    over_spans(len(kept.sizes), partial(_shared_units, *work))
    return shared


@numba.njit(nogil=True, cache=True)
def _shared_units(  # noqa: PLR0913, PLR0917 - a kernel
    units: UInt32s,
    latent_ends: Ints,
    first: int,
    ends: Ints,
    partners: Int32s,
    size: int,
    shared: Int32s,
    start: int,
    stop: int,
) -> None:
    """Fill `shared` for latents first + start .. first + stop - 1.

    `ends` [latents + 1] are where the pairs of each latent end; units are below `size`.
    """
    marked = np.zeros(size, dtype=np.uint8)
    for i in range(start, stop):
        if ends[i] == ends[i + 1]:
            continue
        own = units[latent_ends[first + i] : latent_ends[first + i + 1]]
        for unit in own:
            marked[unit] = 1
        for pair in range(ends[i], ends[i + 1]):
            if pair + _PARTNERS_AHEAD < ends[stop]:
                prefetch(latent_ends, np.int64(partners[pair + _PARTNERS_AHEAD]))
            if pair + _PARTNERS_AHEAD // 2 < ends[stop]:
                prefetch(units, latent_ends[partners[pair + _PARTNERS_AHEAD // 2]])
            b = partners[pair]
            total = np.int32(0)
            for unit in units[latent_ends[b] : latent_ends[b + 1]]:
                total += marked[unit]
            shared[pair] = total
        for unit in own:
            marked[unit] = 0


class _Met(NamedTuple):
    """Joint tokens that wait for their activation to be fetched; arrays [_WAITING]."""

    at: Ints
    """Where the activation of the partner is."""
    place: npt.NDArray[np.uint16]
    """The partner: its place among the pairs of the latent, from 1 on."""
    own: Floats
    """The activation of the latent, minus its mean."""


class ValueAssociations(NamedTuple):
    """Association of the activations of pairs over all tokens; arrays [pairs]."""

    cosine: Floats
    """sum_t x_a x_b / sqrt(sum_t x_a^2 sum_t x_b^2); 0 if a latent is dead."""
    pearson: Floats
    """Pearson's r; 0 if a latent is constant."""


def value_associations(incidence: Incidence, start: int, kept: Kept) -> ValueAssociations:
    """Cosine and Pearson's r of the activations of each kept pair over all tokens.

    The pairs are those of latents start, start + 1, ... Sums are over deviations from the mean m of
    the active tokens, since a difference of large sums has no digits left for a latent that is
    always active. With u = x - m on active tokens and 0 elsewhere,

        N cov(x_a, x_b) = sum u_a u_b + m_a sum u_b + m_b sum u_a + m_a m_b (n11 - n_a n_b / N)
        N var(x_a) = sum u_a^2 + m_a^2 n_a (N - n_a) / N

    where the sums of the first line are over the n11 joint tokens. All are added in float64, in the
    order of the tokens.
    """
    sums = np.zeros((len(kept.partners), 3))
    ends = np.concatenate([[0], np.cumsum(kept.sizes)])
    work = (
        Layout(incidence.units, incidence.latent_ends, incidence.ranks, incidence.unit_ends),
        (incidence.values_by_latent, incidence.values_by_unit),
        incidence.rank_of_latent,
        incidence.means,
    )
    over_spans(len(kept.sizes), partial(_add_products, *work, start, ends, kept.partners, sums))
    own = np.repeat(np.arange(start, start + len(kept.sizes)), kept.sizes)
    mean, n = incidence.means, incidence.counts.astype(np.float64)
    m_a, m_b, n_a, n_b = mean[own], mean[kept.partners], n[own], n[kept.partners]
    both, of_a, of_b = sums.T
    cross = both + m_a * of_b + m_b * of_a
    product = cross + m_a * m_b * kept.joint
    covariance = cross + m_a * m_b * (kept.joint - n_a * n_b / incidence.n_units)
    squares = incidence.deviations + n * mean**2
    variances = incidence.deviations + n * (incidence.n_units - n) / incidence.n_units * mean**2
    variances[variances <= _CONSTANT * squares] = 0.0
    return ValueAssociations(
        _normalised(product, squares[own] * squares[kept.partners]),
        _normalised(covariance, variances[own] * variances[kept.partners]),
    )


def _normalised(products: Floats, squares: Floats) -> Floats:
    """products / sqrt(squares), in [-1, 1]; 0 where `squares` is 0."""
    below = np.sqrt(squares)
    ratio = np.divide(products, below, out=np.zeros_like(products), where=below > 0)
    return np.clip(ratio, -1.0, 1.0)


@numba.njit(nogil=True, cache=True)
def _add_products(  # noqa: PLR0913, PLR0917 - a kernel
    layout: Layout,
    values: tuple[Float32s, Float32s],
    rank_of: UInt32s,
    means: Floats,
    first: int,
    ends: Ints,
    partners: Int32s,
    sums: Floats,
    start: int,
    stop: int,
) -> None:
    """Fill `sums` [pairs, 3] for latents a = first + start .. first + stop - 1.

    For each pair: sum u_a u_b, sum u_a and sum u_b over its joint tokens, where u is an activation
    minus the latent's mean. `values` are the activations by latent and by unit, and `ends`
    [latents + 1] are where the pairs of each latent end.
    """
    # Two bytes, so that it fits the cache: a latent has at most 6 x 10,000 partners.
    place_of = np.zeros(len(rank_of), dtype=np.uint16)
    met = _Met(np.empty(_WAITING, np.int64), np.empty(_WAITING, np.uint16), np.empty(_WAITING))
    last = layout.latent_ends[first + stop]
    for i in range(start, stop):
        if ends[i] == ends[i + 1]:
            continue
        own_partners = partners[ends[i] : ends[i + 1]]
        of_place = np.zeros((1 + len(own_partners), 3))
        for place, b in enumerate(own_partners):
            place_of[rank_of[b]] = place + 1
        means_of = np.concatenate((means[first + i : first + i + 1], means[own_partners]))
        _add_products_of(layout, values, first + i, last, place_of, met, means_of, of_place)
        sums[ends[i] : ends[i + 1]] = of_place[1:]
        for b in own_partners:
            place_of[rank_of[b]] = 0


@numba.njit(nogil=True, cache=True)
def _add_products_of(
    layout: Layout,
    values: tuple[Float32s, Float32s],
    latent: int,
    last: int,
    place_of: npt.NDArray[np.uint16],
    met: _Met,
    means_of: Floats,
    sums_of: Floats,
) -> None:
    """Add the products of one latent to `sums_of` [1 + partners, 3].

    `place_of` [F] has the place of each partner, by rank, from 1 on, and 0 for all others.
    `means_of` [1 + partners] begins with the mean of the latent itself. `last` is the end of the
    units that may be prefetched, and `met` working space.
    """
    by_latent, by_unit = values
    at, place_at, own_at = met.at, met.place, met.own
    waiting = np.uint64(0)
    for k in range(layout.latent_ends[latent], layout.latent_ends[latent + 1]):
        prefetch_units(layout, k, last)
        unit, own = np.int64(layout.units[k]), np.float64(by_latent[k]) - means_of[0]
        begin, end = layout.unit_ends[unit], layout.unit_ends[unit + 1]
        # A slice, so that numba does not look whether each index is below zero.
        for j, rank in enumerate(layout.ranks[begin:end]):
            place = place_of[rank]
            if place:
                prefetch(by_unit, begin + j)
                at[waiting], place_at[waiting], own_at[waiting] = begin + j, place, own
                waiting += np.uint64(1)
                if waiting == _WAITING:
                    _add_waiting(met, int(waiting), by_unit, means_of, sums_of)
                    waiting = np.uint64(0)
    _add_waiting(met, int(waiting), by_unit, means_of, sums_of)


@numba.njit(nogil=True, cache=True)
def _add_waiting(
    met: _Met, waiting: int, by_unit: Float32s, means_of: Floats, sums_of: Floats
) -> None:
    """Add the first `waiting` joint tokens of `met` to `sums_of`, in their order."""
    for m in range(waiting):
        place, own = met.place[m], met.own[m]
        other = np.float64(by_unit[met.at[m]]) - means_of[place]
        sums_of[place, 0] += own * other
        sums_of[place, 1] += own
        sums_of[place, 2] += other
