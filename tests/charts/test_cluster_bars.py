"""Bars of clusters, against independent counts."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.cluster_bars import cluster_bars
from tests.charts.conftest import with_tables
from tests.charts.drawn import drawn_rows, marks

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
        # Of the tiny bundle, a cluster is reproducible if its bootstrap is above .55.
        assert row["text"].endswith(", weak") == row["weak"] == (recovered <= 0.55)
    assert {row["text"].endswith(", weak") for row in drawn} == {True, False}


def test_a_cluster_with_a_recovery_of_one_half_is_not_weak(tiny: Bundle) -> None:
    recovered = np.where(np.arange(tiny.clusters.num_rows) % 2, 0.5, 0.4375)
    clusters = tiny.clusters
    for name in ("stability", "bootstrap"):
        place = clusters.schema.get_field_index(name)
        values = pa.array(recovered, clusters.schema.field(name).type)
        clusters = clusters.set_column(place, name, values)
    place = clusters.schema.get_field_index("believable")
    clusters = clusters.set_column(place, "believable", pa.nulls(clusters.num_rows, pa.bool_()))
    bundle = dataclasses.replace(tiny)
    bundle.__dict__["clusters"] = clusters
    chart = cluster_bars(bundle).chart.to_dict()
    drawn = max(chart["datasets"].values(), key=len)
    weak = {row["recovery"]: row["text"].endswith(", weak") for row in drawn}
    assert weak == {0.5: False, 0.4375: True}
    (bars,) = (layer for layer in chart["layer"] if layer["encoding"].get("opacity"))
    opacity = bars["encoding"]["opacity"]
    assert opacity["condition"]["test"] == "datum.weak"
    assert opacity["condition"]["value"] < opacity["value"]


def bundle_of(tiny: Bundle, sizes: list[int], selected: list[int]) -> tuple[Bundle, np.ndarray]:
    """Clusters of these sizes from latent 0 on, and the mask with so many latents of each."""
    count = len(sizes)
    clusters = pa.table(
        {
            "cluster": pa.array(range(count), pa.int32()),
            "space": ["decoder"] * count,
            "level": [0] * count,
            "label": ["sea"] * count,
            "size": sizes,
            "stability": [0.75] * count,
            "bootstrap": [0.625] * count,
            "believable": pa.nulls(count, pa.bool_()),
            "x": [float(i) for i in range(count)],
            "y": [0.0] * count,
        }
    )
    owner = np.repeat(np.arange(count), sizes)
    members = {
        "latent": np.arange(len(owner)),
        "space": ["decoder"] * len(owner),
        "level": [0] * len(owner),
        "cluster": owner,
    }
    first = np.cumsum(sizes) - sizes
    mask = np.zeros(tiny.latents.num_rows, dtype=bool)
    for start, chosen in zip(first, selected, strict=True):
        mask[start : start + chosen] = True
    return with_tables(tiny, clusters=clusters, memberships=pa.table(members)), mask


def test_clusters_with_equally_many_selected_latents_are_in_the_order_of_their_ids(
    tiny: Bundle,
) -> None:
    bundle, mask = bundle_of(tiny, [4, 5, 4, 9, 5], [2, 0, 2, 1, 5])
    mask[[110, 119]] = True  # in no cluster
    figure = cluster_bars(bundle, mask)
    assert figure.rows["cluster"].to_pylist() == [4, 0, 2, 3]
    assert figure.rows["selected"].to_pylist() == [5, 2, 2, 1]
    assert figure.rows["share"].to_pylist() == [1, 0.5, 0.5, 1 / 9]
    assert dict(figure.caption.parameters) == {
        "latents": 12, "cluster_level": "decoder level 0", "without_cluster": 2,
    }  # fmt: skip
    assert "2 of these latents belong to no cluster." in str(figure.note)
    assert figure.title == "Clusters of the selection"
    assert cluster_bars(bundle).title == "Largest clusters"


def test_a_small_part_of_a_large_cluster_can_be_seen(tiny: Bundle) -> None:
    bundle, mask = bundle_of(tiny, [100, 10], [1, 9])
    figure = cluster_bars(bundle, mask)
    assert [row["seen"] for row in drawn_rows(figure, "seen")] == [9, 2]  # 2 % of the longest bar
    assert figure.rows["selected"].to_pylist() == [9, 1]
    assert "are drawn longer" in str(figure.note)
    assert "are drawn longer" not in str(cluster_bars(bundle).note)


@pytest.mark.parametrize(("clusters", "left_out"), [(20, 0), (23, 3)])
def test_at_most_twenty_clusters_are_drawn(tiny: Bundle, clusters: int, left_out: int) -> None:
    bundle, _ = bundle_of(tiny, [4] * clusters, [4] * clusters)
    figure = cluster_bars(bundle)
    assert figure.rows["cluster"].to_pylist() == list(range(20))
    assert (f"{left_out} smaller clusters are not drawn" in str(figure.note)) == (left_out > 0)


def test_latents_that_are_not_on_the_map_are_counted_among_those_in_no_cluster(
    tiny: Bundle,
) -> None:
    figure = cluster_bars(tiny, THIRD)
    latents = tiny.latents.to_pandas()[THIRD]
    none = int(latents["cluster"].isna().sum())
    off_map = int((latents["cluster"].isna() & latents["x"].isna()).sum())
    assert 0 < off_map < none
    assert f"{none} of these latents belong to no cluster, {off_map} of them" in str(figure.note)
    assert figure.caption.parameters["latents"] == THIRD.sum()
    assert figure.caption.parameters["without_cluster"] == none


def test_the_tooltip_gives_counts_and_a_percentage(tiny: Bundle) -> None:
    tooltip = cluster_bars(tiny).chart.to_dict()["layer"][0]["encoding"]["tooltip"]
    formats = {entry["field"]: entry.get("format") for entry in tooltip}
    assert formats["selected"] == formats["size"] == ",d"
    assert formats["share"] == ".3~p"


def test_a_selection_changes_only_rows(tiny: Bundle) -> None:
    bundle, mask = bundle_of(tiny, [40, 5, 4, 9, 5], [0, 2, 0, 0, 1])
    every, some = cluster_bars(bundle), cluster_bars(bundle, mask)
    assert every.chart.specification == some.chart.specification
    assert every.rows.num_rows == 5 and some.rows.num_rows == 2
    ends = [{row["end"] for row in drawn_rows(figure, "end")} for figure in (every, some)]
    assert ends == [{84.0}, {10.5}]  # 2.1 times the largest cluster that is drawn


def test_selected_latents_are_drawn_over_the_size_of_a_cluster(tiny: Bundle) -> None:
    assert marks(cluster_bars(tiny, THIRD)) == [
        "bar: color unselected, x size, y name",
        "bar: x seen, y name, color colour, opacity 0.45 if datum.weak else 0.95",
        "text: color quiet ink, x size, y name, text written, "
        "written = (containerSize()[0] + 0 * width) < 430 ? replace(datum.text, 'recovery ', "
        "'') : datum.text",
    ]
