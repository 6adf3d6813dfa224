"""The tree of clusters, against independent counts."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.cluster_tree import _places, cluster_tree, null_tree
from charts.core.theme import PALE_SEQUENTIAL
from tests.charts.conftest import NEXT_CLUSTER, TOGETHER
from tests.charts.drawn import marks

THIRD = np.arange(120) % 3 == 0


CLUSTER = 3


def test_the_tree_of_another_space(tiny: Bundle) -> None:
    figure = cluster_tree(tiny, space="cooccurrence")
    assert figure.rows["cluster"].to_pylist() == list(range(NEXT_CLUSTER, NEXT_CLUSTER + TOGETHER))
    assert figure.rows["selected"].to_pylist() == figure.rows["size"].to_pylist()
    assert figure.caption.parameters["space"] == "co-occurrence"
    assert "From fine to coarse: 6 clusters, 4 latents in none. Of those" in str(figure.note)


def members(bundle: Bundle, cluster: int) -> np.ndarray:
    rows = bundle.memberships.to_pandas()
    return rows["latent"][rows["cluster"] == cluster].to_numpy()


def test_the_tree_places_every_cluster_inside_its_parent(tiny: Bundle) -> None:
    rows = cluster_tree(tiny, THIRD, CLUSTER).rows.to_pandas().set_index("cluster")
    assert rows.index.tolist() == list(range(NEXT_CLUSTER))
    for cluster, row in rows.iterrows():
        assert row["end"] - row["start"] >= row["size"]
        assert row["selected"] == THIRD[members(tiny, int(str(cluster)))].sum()
        if np.isfinite(row["parent"]):
            parent = rows.loc[int(row["parent"])]
            assert parent["start"] <= row["start"] and row["end"] <= parent["end"]
    for _, level in rows.groupby("level"):
        spans = sorted(zip(level["start"], level["end"], strict=True))
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_parent_is_as_wide_as_its_children_and_orphans_come_last() -> None:
    sizes, levels = [10, 4, 3, 5, 7], [1, 1, 0, 0, 0]
    start, end = _places(sizes, levels, [None, None, 1, 1, None])
    assert (start[0], end[0]) == (0, 10)
    assert (start[1], end[1]) == (10, 18)
    assert (start[3], end[3]) == (10, 15) and (start[2], end[2]) == (15, 18)
    assert (start[4], end[4]) == (18, 25)


def test_a_parent_is_as_wide_as_its_own_latents_if_its_children_have_fewer() -> None:
    sizes, levels = [9, 6, 2, 3, 4], [2, 1, 0, 0, 1]
    start, end = _places(sizes, levels, [None, 0, 1, 1, None])
    assert (start[0], end[0]) == (0, 9) and (start[1], end[1]) == (0, 6)
    assert (start[3], end[3]) == (0, 3) and (start[2], end[2]) == (3, 5)
    assert (start[4], end[4]) == (9, 13), "beside the whole parent, not inside the room it leaves"


def test_a_selection_changes_no_colour_and_a_line_is_as_long_as_its_share(tiny: Bundle) -> None:
    every, some = (cluster_tree(tiny, mask, CLUSTER).specification() for mask in (None, THIRD))
    boxes, of_some = every["layer"][0]["encoding"], some["layer"][0]["encoding"]
    assert boxes["color"] == of_some["color"]
    assert len(some["layer"]) == len(every["layer"]) + 1
    line = some["layer"][1]
    assert line["mark"]["type"] == "rule" and line["encoding"]["x2"]["field"] == "selected_end"
    (only_some, end) = line["transform"]
    assert only_some == {"filter": "datum.selected > 0"}
    box = SimpleNamespace(start=10, end=20, selected=3, size=5)
    assert eval(end["calculate"], {"datum": box}) == 16


def test_the_chosen_cluster_is_outlined_and_a_click_reports_the_cluster(tiny: Bundle) -> None:
    spec = cluster_tree(tiny, None, CLUSTER).specification()
    assert spec["layer"][1]["data"] == {"name": "chosen"}
    assert [row["cluster"] for row in spec["datasets"]["chosen"]] == [CLUSTER]
    assert "chosen" not in cluster_tree(tiny).specification()["datasets"]
    assert spec["params"][0]["select"]["fields"] == ["cluster"]


@pytest.mark.parametrize("most", [0, 1, 3, 9, 10])
def test_narrow_neighbours_share_a_box(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("charts.cluster_tree.MOST_BOXES", most)
    figure = cluster_tree(tiny, THIRD, 0, "decoder")
    rows = figure.rows.to_pandas()
    drawn = figure.specification()["datasets"]
    wide = {row["cluster"] for row in drawn["rows"]}
    widths = (rows["end"] - rows["start"]).set_axis(rows["cluster"])
    assert len(wide) == most and all(
        widths[one] >= widths[other] for one in wide for other in set(widths.index) - wide
    )
    assert [row["cluster"] for row in drawn["chosen"]] == [0]

    expected: list[list[int]] = []
    for _, level in rows.groupby("level"):
        run: list[int] = []
        for cluster in level.sort_values("start")["cluster"]:
            if cluster not in wide:
                run.append(cluster)
            elif run:
                expected, run = [*expected, run], []
        expected += [run] if run else []
    by_cluster = rows.set_index("cluster")
    shared = [
        (b["clusters"], b["latents"], b["largest"], b["selected"], b["believable"], b["start"])
        for b in drawn.get("shared", [])
    ]
    assert sorted(shared) == sorted(
        (
            len(run),
            by_cluster.loc[run, "size"].sum(),
            by_cluster.loc[run, "size"].max(),
            by_cluster.loc[run, "selected"].sum(),
            (~by_cluster.loc[run, "weak"]).sum(),
            by_cluster.loc[run, "start"].min(),
        )
        for run in expected
    )
    assert sum(box[0] for box in shared) == len(rows) - most
    layers = [layer["data"]["name"] for layer in figure.specification()["layer"]]
    assert ("shared" in layers) == (most < len(rows))
    narrow = len(rows) - most
    assert (f"The {narrow} narrowest, of at most " in str(figure.note)) == (narrow > 0)


def test_clusters_of_one_size_are_placed_by_their_id() -> None:
    assert _places([5, 5, 7], [0, 0, 0], [None, None, None]) == ([7, 12, 0], [12, 17, 7])


def test_the_note_counts_the_clusters_and_the_latents_in_none_of_each_level(tiny: Bundle) -> None:
    note = str(cluster_tree(tiny).note)
    assert "From fine to coarse: 8 clusters, 14 latents in none; 2 clusters, 14 latents" in note
    assert "recovery is below 0.5" in note
    assert note.endswith(" Of those in none, 2 latents were left out for their density.")


def test_nothing_is_noted_if_all_latents_were_clustered(tiny: Bundle) -> None:
    levels = [
        level.model_copy(update={"noise": level.noise + 2}) for level in tiny.manifest.clustering
    ]
    manifest = tiny.manifest.model_copy(update={"clustering": levels})
    note = str(cluster_tree(replace(tiny, manifest=manifest)).note)
    assert note.endswith("2 clusters, 14 latents in none.")


def test_larger_clusters_are_placed_first(tiny: Bundle) -> None:
    rows = cluster_tree(tiny).rows.to_pandas()
    coarse = rows[rows["level"] == 1].sort_values("start")
    assert coarse["size"].is_monotonic_decreasing
    for _, inside in rows[rows["level"] == 0].groupby("parent"):
        assert inside.sort_values("start")["size"].is_monotonic_decreasing


def test_the_colour_is_pale_up_to_a_recovery_of_one_half(tiny: Bundle) -> None:
    colour = cluster_tree(tiny, THIRD).specification()["layer"][0]["encoding"]["color"]
    assert (colour["field"], colour["scale"]["domain"]) == ("recovery", [0, 0.5, 1])
    assert colour["scale"]["range"] == PALE_SEQUENTIAL


def test_a_box_shows_its_name_from_a_width_of_30_pixels_beside_the_margins(tiny: Bundle) -> None:
    (texts,) = (
        layer["encoding"]
        for layer in cluster_tree(tiny).chart.to_dict()["layer"]
        if layer["mark"]["type"] == "text"
    )
    condition, shown, hidden = texts["opacity"]["value"]["expr"].replace(" : ", " ? ").split(" ? ")
    assert (shown, hidden) == ("1", "0")
    total = int(cluster_tree(tiny).rows["end"].to_numpy().max())
    for width, is_shown in ((38 * total, False), (38 * total + 1, True)):
        box = SimpleNamespace(start=5, end=6)  # one latent wide, with a margin of 8 pixels
        assert eval(condition, {"datum": box, "width": width}) is is_shown


def test_the_tree_of_chance_has_the_clusters_of_the_draw_all_of_them_weak(tiny: Bundle) -> None:
    figure = null_tree(tiny, "decoder")
    rows = figure.rows.to_pandas()
    assert rows["cluster"].tolist() == [0, 1, 2, 3] and rows["weak"].all()
    assert rows["size"].tolist() == tiny.null_clusters["size"].to_pylist()
    assert np.allclose(rows["recovery"], [0.3, 0.4, 0.6, 0.9])
    assert figure.title.startswith("What chance looks like")
    assert "It has 4 clusters" in str(figure.note) and not figure.selections
    none = null_tree(tiny, "cooccurrence")
    assert none.rows.num_rows == 0 and "It has 0 clusters" in str(none.note)
    assert none.chart.to_dict()["datasets"]["rows"] == []


def test_the_selected_share_is_a_line_in_a_box_and_weak_boxes_are_pale(tiny: Bundle) -> None:
    assert marks(cluster_tree(tiny, THIRD, CLUSTER)) == [
        "rect: stroke paper, x start, x2 end, y layer, color recovery, "
        "opacity 0.45 if datum.weak else 1",
        "rule: color ink, x start, x2 selected_end, y layer, only datum.selected > 0, "
        "selected_end = datum.start + (datum.end - datum.start) * datum.selected / datum.size",
        "rect: stroke ink, filled False, x start, x2 end, y layer",
        "text: x start, y layer, "
        "opacity (datum.end - datum.start) / 106 * width - 8 > 30 ? 1 : 0, text name",
    ]
    assert marks(null_tree(tiny, "decoder")) == [
        "rect: stroke paper, x start, x2 end, y layer, color recovery, "
        "opacity 0.45 if datum.weak else 1",
        "text: x start, y layer, "
        "opacity (datum.end - datum.start) / 92 * width - 8 > 30 ? 1 : 0, text name",
    ]
