"""Both tails of a sum of independent small counts, exact where that is affordable.

A permutation null that shuffles inside groups (documents, or strata of documents) gives the count
of each group a small distribution, and the total is their sum. Its distribution is computed by
convolution in float64. All terms are positive, so even a tail of 1e-200 keeps its
relative precision. Where the convolution takes more than LARGEST_CONVOLUTION multiplications, the
tails come from the saddlepoint approximation for sums of integers.

Sources: Lugannani & Rice 1980; Daniels 1987, with its second continuity correction (sinh).
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from analysis.runtime.arrays import Floats, Ints

LARGEST_CONVOLUTION = 1 << 22
"""Most multiplications (a few milliseconds) for one sum; above it the saddlepoint is used. Sums
this expensive have hundreds of possible values, where it is accurate to one percent of the tail."""

SMALLEST = np.finfo(np.float64).tiny
"""Replaces a probability that underflows, since a tail that holds the observed value is not 0."""

_UNDERFLOW = 1e-300
_STEEPEST = 1024.0  # only chances that underflowed could need a steeper tilt
_SAME_MEAN = 1e-9
_NEAR_MEAN = 1e-3  # in standard deviations; nearer, the two terms of the formula cancel


class Parts(NamedTuple):
    """The distributions of independent counts. The first and last chance of each part exceed 0."""

    chances: Floats
    """Of all parts, one after another."""
    ends: Ints
    """[parts] where the chances of each part end."""
    lows: Ints
    """[parts] the smallest value: its chance comes first, then that of the next larger value."""


class Tails(NamedTuple):
    """Moments of a sum, and the probabilities of values as large, or as small, as observed."""

    mean: float
    std: float
    more: float
    """P(sum >= observed), in (0, 1]."""
    fewer: float
    """P(sum <= observed), in (0, 1]."""
    exact: bool


@numba.njit(nogil=True, cache=True)
def tails_of_sum(parts: Parts, observed: int, largest: int) -> Tails:
    """The tails of the sum of the parts at `observed`, which must be one of its possible values.

    Above `largest` multiplications the tails are approximate.
    """
    chances, ends, lows = parts
    mean, variance, cost, width = 0.0, 0.0, 0, 1
    above = observed
    start = 0
    for i in range(len(ends)):
        part = chances[start : ends[i]]
        first, second = 0.0, 0.0
        for k in range(len(part)):
            first += k * part[k]
        for k in range(len(part)):
            second += (k - first) ** 2 * part[k]
        mean += lows[i] + first
        variance += second
        above -= lows[i]
        width += len(part) - 1
        cost += width * len(part)
        start = ends[i]
    std = np.sqrt(variance)
    if cost > largest:
        more, fewer = _saddlepoint_tails(chances, ends, above, width - 1)
        return Tails(mean, std, _chance(more), _chance(fewer), False)
    total = _convolved(chances, ends, width)
    more, fewer = total[above:].sum(), total[: above + 1].sum()
    return Tails(mean, std, _chance(more), _chance(fewer), True)


@numba.njit(nogil=True, cache=True)
def tilted(parts: Parts, mean: float) -> Parts:
    """The parts with chances proportional to p(k) exp(t k), where t gives the sum this mean.

    Of all distributions with this mean, these are nearest to the given ones (in relative entropy;
    Csiszar 1975). A mean that the sum cannot have is replaced by the nearest that it can have.
    """
    chances, ends, lows = parts
    present, most = _mean(chances, ends)
    wanted = mean - lows.sum()
    if most == 0 or abs(wanted - present) <= _SAME_MEAN * most:
        return parts
    wanted = min(max(wanted, _SAME_MEAN * most), (1.0 - _SAME_MEAN) * most)
    t = _tilt(chances, ends, wanted)
    result = np.empty_like(chances)
    start = 0
    for i in range(len(ends)):
        part = chances[start : ends[i]]
        origin = len(part) - 1 if t > 0 else 0
        weight = 0.0
        for k in range(len(part)):
            result[start + k] = part[k] * math.exp(t * (k - origin))
            weight += result[start + k]
        result[start : ends[i]] /= weight
        start = ends[i]
    return Parts(result, ends, lows)


@numba.njit(nogil=True, cache=True)
def _mean(chances: Floats, ends: Ints) -> tuple[float, int]:
    """The mean of the sum above its smallest value, and its largest value above that."""
    mean, most, start = 0.0, 0, 0
    for i in range(len(ends)):
        for k in range(ends[i] - start):
            mean += k * chances[start + k]
        most += ends[i] - start - 1
        start = ends[i]
    return mean, most


def distribution_of_sum(parts: Parts) -> Floats | None:
    """The chances of the sum, from its smallest value upwards.

    None if the convolution takes more than LARGEST_CONVOLUTION multiplications.
    """
    lengths = np.diff(parts.ends, prepend=0)
    widths = 1 + np.cumsum(lengths - 1)
    if (widths * lengths).sum() > LARGEST_CONVOLUTION:
        return None
    return _convolved(parts.chances, parts.ends, int(widths[-1]) if len(widths) else 1)


@numba.njit(nogil=True, cache=True)
def _chance(p: float) -> float:
    return min(max(p, SMALLEST), 1.0)


@numba.njit(nogil=True, cache=True)
def _convolved(chances: Floats, ends: Ints, width: int) -> Floats:
    """The distribution [width] of the sum, from its smallest value upwards."""
    total, longer = np.zeros(width), np.zeros(width)
    total[0] = 1.0
    top = 0
    start = 0
    for i in range(len(ends)):
        part = chances[start : ends[i]]
        longer[: top + len(part)] = 0.0
        for j in range(len(part)):
            if part[j] > 0:
                for k in range(top + 1):
                    longer[k + j] += part[j] * total[k]
        top += len(part) - 1
        # Set values that are about to underflow to 0, because arithmetic with subnormal numbers
        # is a hundred times slower.
        while longer[top] < _UNDERFLOW and top > 0:
            longer[top] = 0.0
            top -= 1
        total, longer = longer, total
        start = ends[i]
    total[top + 1 :] = 0.0
    return total


@numba.njit(nogil=True, cache=True)
def _saddlepoint_tails(chances: Floats, ends: Ints, above: int, most: int) -> tuple[float, float]:
    """Approximate P(sum >= above) and P(sum <= above) of a sum whose values are 0..most."""
    more = 1.0 if above == 0 else _upper_tail(chances, ends, above - 0.5)
    fewer = 1.0 if above == most else _lower_tail(chances, ends, above + 0.5)
    return more, fewer


@numba.njit(nogil=True, cache=True)
def _upper_tail(chances: Floats, ends: Ints, x: float) -> float:
    w, correction = _saddlepoint(chances, ends, x)
    return _normal_tail(w) + correction


@numba.njit(nogil=True, cache=True)
def _lower_tail(chances: Floats, ends: Ints, x: float) -> float:
    w, correction = _saddlepoint(chances, ends, x)
    return _normal_tail(-w) - correction


@numba.njit(nogil=True, cache=True)
def _normal_tail(z: float) -> float:
    """P(Z >= z) of a standard normal."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@numba.njit(nogil=True, cache=True)
def _saddlepoint(chances: Floats, ends: Ints, x: float) -> tuple[float, float]:
    """w and the correction in P(sum > x) = P(Z >= w) + correction, for x between two integers."""
    tilt = _tilt(chances, ends, x)
    logarithm, _, variance, third = _cumulants(chances, ends, tilt)
    w = math.copysign(math.sqrt(max(2.0 * (tilt * x - logarithm), 0.0)), tilt)
    density = math.exp(-0.5 * w * w) / math.sqrt(2.0 * math.pi)
    if abs(w) < _NEAR_MEAN:
        return w, -density * third / (6.0 * variance**1.5)
    u = 2.0 * math.sinh(0.5 * tilt) * math.sqrt(variance)
    return w, density * (1.0 / u - 1.0 / w)


@numba.njit(nogil=True, cache=True)
def _tilt(chances: Floats, ends: Ints, x: float) -> float:
    """The t at which the exponentially tilted sum has mean x, by Newton steps inside a bracket."""
    low, high = -1.0, 1.0
    while low > -_STEEPEST and _cumulants(chances, ends, low)[1] > x:
        low *= 2.0
    while high < _STEEPEST and _cumulants(chances, ends, high)[1] < x:
        high *= 2.0
    t = 0.0
    for _ in range(200):
        _, mean, variance, _ = _cumulants(chances, ends, t)
        if mean < x:
            low = t
        else:
            high = t
        step = t + (x - mean) / variance if variance > 0 else low
        following = step if low < step < high else 0.5 * (low + high)
        if abs(following - t) <= 1e-12 * max(1.0, abs(t)):
            break
        t = following
    return t


@numba.njit(nogil=True, cache=True)
def _cumulants(chances: Floats, ends: Ints, t: float) -> tuple[float, float, float, float]:
    """log E exp(t sum), then mean, variance and third central moment of the tilted sum."""
    logarithm, mean, variance, third = 0.0, 0.0, 0.0, 0.0
    start = 0
    for i in range(len(ends)):
        part = chances[start : ends[i]]
        # Weights are relative to the end that t favours, so that none overflows.
        origin = len(part) - 1 if t > 0 else 0
        weight, first = 0.0, 0.0
        for k in range(len(part)):
            tilted = part[k] * math.exp(t * (k - origin))
            weight += tilted
            first += k * tilted
        first /= weight
        second, cube = 0.0, 0.0
        for k in range(len(part)):
            tilted = part[k] * math.exp(t * (k - origin)) / weight
            second += (k - first) ** 2 * tilted
            cube += (k - first) ** 3 * tilted
        logarithm += math.log(weight) + t * origin
        mean += first
        variance += second
        third += cube
        start = ends[i]
    return logarithm, mean, variance, third
