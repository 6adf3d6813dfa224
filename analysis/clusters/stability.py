"""Stability of clusterings: the agreement of two of them, and the overlap of their clusters.

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

from analysis.runtime.arrays import Floats, Int32s, Ints

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


def cluster_stability(labels: Ints | Int32s, others: Sequence[Ints | Int32s]) -> Floats:
    """For each cluster of labels [n], its best Jaccard overlap in each of the others, averaged.

    Hennig 2007, "Cluster-wise assessment of cluster stability". 1 if every other clustering has the
    same cluster; 0 without others.
    """
    count = int(labels.max(initial=NOISE)) + 1
    sizes = np.bincount(labels[labels >= 0], minlength=count)
    best = np.zeros((len(others), count))
    for i, other in enumerate(others):
        both = (labels >= 0) & (other >= 0)
        width = int(other.max(initial=0)) + 1
        pair, joint = np.unique(
            labels[both].astype(np.int64) * width + other[both], return_counts=True
        )
        own, theirs = np.divmod(pair, width)
        other_sizes = np.bincount(other[other >= 0], minlength=width)
        overlap = joint / (sizes[own] + other_sizes[theirs] - joint)
        np.maximum.at(best[i], own, overlap)
    return np.asarray(best.mean(axis=0)) if len(others) else np.zeros(count)


def recovery(clusters: pa.Table) -> pa.ChunkedArray:
    """The lower of stability and bootstrap of every row of the cluster table; 0 to 1.

    Stability is the overlap with the clusters of other seeds, bootstrap that with the clusters of
    resampled edges. Null if neither was measured.
    """
    return pc.min_element_wise(clusters["stability"], clusters["bootstrap"], skip_nulls=True)


def _pairs(counts: np.ndarray) -> float:
    """Pairs inside groups of these sizes."""
    exact = counts.astype(np.float64)
    return float((exact * (exact - 1) / 2).sum())
