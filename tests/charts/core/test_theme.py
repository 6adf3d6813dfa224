"""Colours of clusters."""

import numpy as np

from charts.core.theme import CLUSTER_COLOURS, cluster_colours


def test_neighbouring_clusters_differ_in_colour() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (2, 300))
    colours = cluster_colours(np.arange(300), x, y)
    assert len(CLUSTER_COLOURS) >= 20
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(1)
    assert all(colours[i] != colours[int(nearest[i])] for i in range(300))
