"""Whether a latent fires in more documents with a value than by chance.

The unit is the document. The null model permutes the values among documents of similar length
(`cooccurrence/document_null.py` has the strata). In a stratum of n documents, of which a latent
fires in a and b have the value, the number of both is hypergeometric(n, a, b). The sum over the
strata is the statistic of Cochran, Mantel and Haenszel.

A hypergeometric count, and so the sum, is a sum of independent trials (Vatutin and Mikhailov 1982).
It is near the binomial distribution with the same mean and variance, which has var / mean = 1 - p
(Ehm 1991). That is used where p is large and for the power: under a lift, the binomial keeps its
number of trials and gets a larger p, which is the exponential tilt of `cooccurrence/power.py`. The
far tail of the binomial is too small, so every p that may count comes from the distribution of the
sum itself.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy import special

from analysis.cooccurrence.association import LEVEL, POWER
from analysis.cooccurrence.document_null import chances_of_more
from analysis.runtime.arrays import Bools, Floats, Ints

SCREEN = 0.2
"""p of the binomial up to which the exact one is computed."""
_NEARLY_POISSON = 1e-9
"""Smallest p of a binomial; smaller ones give the same tail."""


class ValueCounts(NamedTuple):
    """Documents with each value in which each unit fires, and their null."""

    observed: Ints
    """[units, values]"""
    expected: Floats
    """[units, values]"""
    variance: Floats
    """[units, values]"""
    sizes: Ints
    """[strata] documents of each stratum."""
    firing: Ints
    """[units, strata] documents in which each unit fires."""
    having: Ints
    """[values, strata] documents with each value."""

    @property
    def largest(self) -> Ints:
        """[units, values] the most documents that there can be of both kinds."""
        most = np.minimum(self.firing.sum(axis=1)[:, None], self.having.sum(axis=1)[None])
        return np.asarray(most)


def fires_in(counts: Ints, lengths: Ints) -> Bools:
    """In which documents a unit fires [units, documents], by its active tokens there.

    `lengths` [documents] are the kept tokens of each document. A unit that is active in more than
    half of the documents fires in those where its share of active tokens is above its median;
    otherwise nearly every document would count, and no test could show anything.
    """
    active = counts > 0
    kept = lengths > 0
    busy = np.flatnonzero(active[:, kept].sum(axis=1) > 0.5 * kept.sum())
    if len(busy):
        share = counts[busy] / np.maximum(lengths, 1)
        median = np.median(share[:, kept], axis=1)
        active[busy] = share > median[:, None]
    return active


def count_values(fires: Bools, codes: Ints, values: int, strata: Ints) -> ValueCounts:
    """Count documents of each value, with mean and variance under the null.

    fires [units, documents]; codes [documents] in 0..values-1, or -1 for a document that does not
    count; strata [documents], or -1.
    """
    counted = np.flatnonzero((codes >= 0) & (strata >= 0))
    known, stratum = np.unique(strata[counted], return_inverse=True)
    by_value = _indicator(codes[counted], values)
    by_stratum = _indicator(stratum, len(known))
    having = np.asarray((by_value @ by_stratum.T).todense())
    sizes = np.bincount(stratum, minlength=len(known))
    own = fires[:, counted].T.astype(np.int64)
    firing = np.ascontiguousarray((by_stratum @ own).T)
    share = (having / np.maximum(sizes, 1)).T
    spread = share * (1 - share) / np.maximum(sizes - 1, 1)[:, None]
    return ValueCounts(
        np.ascontiguousarray((by_value @ own).T),
        firing @ share,
        (firing * (sizes - firing)) @ spread,
        sizes,
        firing,
        np.ascontiguousarray(having),
    )


def chance_of_more(counts: ValueCounts) -> Floats:
    """P(as many documents or more) under the null, [units, values]."""
    p = _upper_tail(counts.observed, *_binomial(counts))
    pairs = np.argwhere((p <= SCREEN) & (counts.observed > 0))
    unit, value = pairs.T
    p[unit, value] = chances_of_more(
        counts.sizes, counts.firing, counts.having, pairs, counts.observed[unit, value]
    )
    return p


def smallest_lifts(counts: ValueCounts) -> Floats:
    """The smallest observed / expected that would be significant at LEVEL with probability POWER.

    Infinite where even all possible documents would not be enough.
    """
    trials, p = _binomial(counts)
    low = np.zeros(counts.observed.shape)
    high = counts.largest.astype(np.float64) + 1  # the first count that is significant is at most
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = _upper_tail(middle, trials, p) <= LEVEL
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    possible = (high <= counts.largest) & (high <= trials) & (counts.expected > 0)
    critical = np.where(possible, high, 1.0)
    others = np.where(possible, trials - high + 1, 1.0)
    raised = special.betaincinv(critical, others, POWER)
    lift = trials * raised / np.where(possible, counts.expected, 1.0)
    return np.where(possible, lift, np.inf)


def _binomial(counts: ValueCounts) -> tuple[Floats, Floats]:
    """Trials and p of the binomial with the same mean and variance."""
    mean = np.where(counts.expected > 0, counts.expected, 1.0)
    p = np.clip(1 - counts.variance / mean, _NEARLY_POISSON, 1.0)
    return mean / p, p


def _upper_tail(observed: Ints | Floats, trials: Floats, p: Floats) -> Floats:
    """P(X >= observed) of binomials whose number of trials need not be whole."""
    inside = (observed > 0) & (observed < trials + 1) & (p < 1)
    first = np.where(inside, observed, 1.0)
    second = np.where(inside, trials - observed + 1, 1.0)
    tail = special.betainc(first, second, p)
    certain = (observed <= 0) | ((p >= 1) & (observed <= trials + 0.5))
    return np.where(inside, tail, np.where(certain, 1.0, np.finfo(np.float64).tiny))


def _indicator(codes: Ints, rows: int) -> scipy.sparse.csr_matrix:
    """int64 [rows, len(codes)], 1 where a column has the code of the row."""
    ones = np.ones(len(codes), dtype=np.int64)
    return scipy.sparse.csr_matrix((ones, (codes, np.arange(len(codes)))), (rows, len(codes)))
