"""Groups of latents that duplicate each other, directly or through a third one."""

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from analysis.runtime.arrays import Ints


def duplicate_groups(F: int, pairs: Ints) -> Ints:
    """A number for each latent, int64 [F], that duplicates share; `pairs` [n, 2] are duplicates.

    Groups are numbered by their first latent.
    """
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = scipy.sparse.coo_array((ones, tuple(pairs.reshape(-1, 2).T)), shape=(F, F))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
