"""Bars of clusters, against independent counts."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
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


def test_a_cluster_with_a_recovery_of_one_half_is_not_weak(tiny: Bundle) -> None:
    recovered = np.where(np.arange(tiny.clusters.num_rows) % 2, 0.5, 0.4375)
    clusters = tiny.clusters
    for name in ("stability", "bootstrap"):
        place = clusters.schema.get_field_index(name)
        values = pa.array(recovered, clusters.schema.field(name).type)
        clusters = clusters.set_column(place, name, values)
    bundle = SimpleNamespace(
        clusters=clusters,
        memberships=tiny.memberships,
        latents=tiny.latents,
        name=tiny.name,
        manifest=tiny.manifest,
    )
    chart = cluster_bars(bundle).chart.to_dict()  # type: ignore[arg-type]
    drawn = max(chart["datasets"].values(), key=len)
    weak = {row["recovery"]: row["text"].endswith(", weak") for row in drawn}
    assert weak == {0.5: False, 0.4375: True}
    (bars,) = (layer for layer in chart["layer"] if layer["encoding"].get("opacity"))
    opacity = bars["encoding"]["opacity"]
    assert opacity["condition"]["test"] == "datum.recovery < 0.5"
    assert opacity["condition"]["value"] < opacity["value"]
