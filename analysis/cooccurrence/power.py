"""The power of the tests: the smallest lift that a test could have shown.

A test that finds nothing has two readings. Either the two latents do not fire together more often
than by chance, or they fire too rarely for these documents to show it. The smallest lift that would
be significant at LEVEL with probability POWER tells them apart.

The distribution under a lift is the null distribution tilted exponentially to a larger mean
(`tails.tilted`); the lift is the ratio of the two means. Where the distribution is too expensive,
it is taken as normal with a variance that grows like the mean.
"""

import math
from statistics import NormalDist

import numpy as np

from analysis.cooccurrence.association import LEAST_LIFT, LEVEL, POWER
from analysis.cooccurrence.tails import Parts, distribution_of_sum, tails_of_sum
from analysis.runtime.arrays import Bools, Floats, Ints


def is_too_rare(lift: float) -> bool:
    """Whether a test with this smallest lift cannot show LEAST_LIFT, the least of a relation."""
    return lift > LEAST_LIFT


def smallest_lift(parts: Parts) -> float:
    """The smallest lift that a test with this null could have shown; infinite if there is none."""
    chances = distribution_of_sum(parts)
    lowest = int(parts.lows.sum())
    if chances is None:
        tails = tails_of_sum(parts, lowest, 0)
        return _normal_lift(tails.mean, tails.std)
    counts = lowest + np.arange(len(chances))
    mean = float(counts @ chances)
    more = np.cumsum(chances[::-1])[::-1]
    significant = more <= LEVEL
    if not significant.any() or mean <= 0:
        return math.inf
    return _mean_of_power(chances, counts, significant) / mean


def _mean_of_power(chances: Floats, counts: Ints, significant: Bools) -> float:
    """The mean of the tilted distribution that gives the significant counts POWER together."""
    low, high = 0.0, 1.0

    def tilt(t: float) -> Floats:
        with np.errstate(divide="ignore"):
            logarithm = np.log(chances) + t * (counts - counts[0])
        weights = np.exp(logarithm - logarithm.max())
        return weights / weights.sum()

    while tilt(high)[significant].sum() < POWER:
        low, high = high, 2 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        if tilt(middle)[significant].sum() < POWER:
            low = middle
        else:
            high = middle
    return float(counts @ tilt(high))


def _normal_lift(mean: float, std: float) -> float:
    """The lift L at which L mean - z2 std sqrt(L) = mean + z1 std + 1/2."""
    z1, z2 = NormalDist().inv_cdf(1 - LEVEL), NormalDist().inv_cdf(POWER)
    root = z2 * std + math.sqrt((z2 * std) ** 2 + 4 * mean * (mean + z1 * std + 0.5))
    return (root / (2 * mean)) ** 2


def smallest_lift_of_counts(n1: int, n2: int, n_tokens: int) -> float:
    """The smallest lift that `n_tokens` independent tokens could show for two latents.

    They are active on n1 and n2 tokens. The joint count is Poisson with mean n1 n2 / n_tokens, so
    for latents that fire in bursts the result is too small. Infinite if even the largest possible
    lift, n_tokens / max(n1, n2), is smaller.
    """
    from scipy import special  # noqa: PLC0415 - SciPy delays the first page by 0.2 s

    if n1 == 0 or n2 == 0:
        return math.inf
    mean = n1 * n2 / n_tokens
    critical = 1
    if special.pdtr(0, mean) < 1 - LEVEL:
        critical += math.ceil(special.pdtrik(1 - LEVEL, mean))
    lift = float(special.gammaincinv(critical, POWER)) / mean
    return lift if lift <= n_tokens / max(n1, n2) else math.inf
