"""Stability of clusterings: the agreement of two of them, and which clusters are weak.

Pages import it, so it loads neither numba nor torch.

The adjusted Rand index is computed here and not by scikit-learn, which needs a label of its own for
every noise latent and takes eight times as long at 65,536 latents (58 and 8 ms a pair; a build
compares about 90 pairs). The tests compare the two.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.runtime.arrays import Int32s, Ints

NOISE = -1
"""Label of a latent that is in no cluster."""

WEAK = 0.5
"""Stability, from 0 to 1, below which a clustering or cluster allows no conclusion."""


def agreement(first: Ints | Int32s, second: Ints | Int32s) -> float:
    """Adjusted Rand index of two clusterings [n], in which every noise latent is its own cluster.

    Hubert and Arabie 1985. 1 is equal, 0 is chance. Agreement on noise does not count. 0 if
    either clustering has no cluster of two or more latents.
    """
    both = (first >= 0) & (second >= 0)
    width = int(second.max(initial=0)) + 1
    joint = np.unique(first[both].astype(np.int64) * width + second[both], return_counts=True)[1]
    in_both = _pairs(joint)
    in_first = _pairs(np.bincount(first[first >= 0]))
    in_second = _pairs(np.bincount(second[second >= 0]))
    if in_first == 0 or in_second == 0:
        return 0.0
    expected = in_first * in_second / _pairs(np.array([len(first)]))
    largest = (in_first + in_second) / 2
    return (in_both - expected) / (largest - expected) if largest > expected else 1.0


def mean_agreement(clusterings: Sequence[Ints | Int32s]) -> float:
    """Mean agreement over all pairs of at least two clusterings [n]."""
    return float(np.mean([agreement(a, b) for a, b in combinations(clusterings, 2)]))


def recovery(clusters: pa.Table) -> pa.ChunkedArray:
    """The lower of stability and bootstrap of every row of the cluster table; 0 to 1.

    Stability is the overlap with the clusters of other seeds, bootstrap that with the clusters of
    resampled latents. Null if neither was measured.
    """
    return pc.min_element_wise(clusters["stability"], clusters["bootstrap"], skip_nulls=True)


def reappearing(clusters: pa.Table) -> pa.ChunkedArray:
    """Whether every row of the cluster table reappears: its recovery is at least WEAK."""
    return pc.fill_null(pc.greater_equal(recovery(clusters), WEAK), False)


def weak(clusters: pa.Table) -> pa.ChunkedArray:
    """Whether every row of the cluster table is weak evidence: not reproducible.

    Where nothing is known of nulls, a cluster is weak if its recovery is below WEAK.
    """
    unstable = pc.less(recovery(clusters), WEAK)
    return pc.fill_null(pc.coalesce(pc.invert(clusters["believable"]), unstable), False)


def _pairs(counts: np.ndarray) -> float:
    """Pairs inside groups of these sizes."""
    exact = counts.astype(np.float64)
    return float((exact * (exact - 1) / 2).sum())
