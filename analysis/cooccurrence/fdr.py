"""False discovery rates over a declared family of tests."""

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.runtime.arrays import Floats


def benjamini_hochberg(p: npt.ArrayLike, family: int) -> Floats:
    """q-values [n] of p-values [n] in a family of `family` tests; Benjamini & Hochberg 1995.

    q is the smallest false discovery rate at which a test is called. Tests of the family without a
    p-value count as p = 1. They only raise the rank-weighted p-values m p_(i) / i by the factor
    family / n, and clipping at 1 commutes with a factor of at least 1.

    Raises ValueError if the family is smaller than n, or a p-value is outside [0, 1].
    """
    values = np.asarray(p, dtype=np.float64)
    if family < len(values):
        raise ValueError(f"family is {family}, but must be at least the {len(values)} p-values")
    if not len(values):
        return values
    return np.minimum(stats.false_discovery_control(values) * (family / len(values)), 1.0)
