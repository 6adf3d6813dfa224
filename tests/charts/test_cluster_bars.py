"""Bars of clusters, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.cluster_bars import cluster_bars

THIRD = np.arange(120) % 3 == 0


@pytest.mark.parametrize("mask", [None, THIRD])
def test_cluster_bars_count_the_selection(tiny: Bundle, mask: np.ndarray | None) -> None:
    rows = cluster_bars(tiny, mask).rows.to_pandas()
    cluster = tiny.latents.to_pandas()["cluster"]
    counted = cluster[mask].value_counts() if mask is not None else cluster.value_counts()
    assert dict(zip(rows["cluster"], rows["selected"], strict=True)) == counted.to_dict()
    assert rows["selected"].is_monotonic_decreasing
    sizes = tiny.clusters.to_pandas().set_index("cluster")
    assert np.array_equal(rows["size"], sizes["size"][rows["cluster"]])
    assert np.array_equal(rows["stability"], sizes["stability"][rows["cluster"]])


def test_weak_clusters_are_marked_and_pale(tiny: Bundle) -> None:
    figure = cluster_bars(tiny)
    drawn = max(figure.chart.to_dict()["datasets"].values(), key=len)
    for row in drawn:
        recovered = min(row["stability"], row["bootstrap"])
        assert row["text"].startswith(f"recovery {recovered:.3f}")
        assert row["text"].endswith(", weak") == (recovered < 0.5)
    assert {row["text"].endswith(", weak") for row in drawn} == {True, False}
