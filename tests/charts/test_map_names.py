"""Names on the map, against independent counts."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LevelName
from charts import map_names
from charts.cluster_level import Level, level_of
from charts.map import latent_map


def test_names_never_overlap(tiny: Bundle) -> None:
    rng = np.random.default_rng(1)
    clustering = level_of(tiny)
    rows = latent_map(tiny).rows
    frame = (-9.0, 9.0, -9.0, 9.0)
    for _ in range(5):
        table = clustering.table
        for i, name in enumerate(table.column_names):
            if name in ("x", "y"):
                field = table.schema.field(i)
                values = rng.uniform(-3, 3, table.num_rows).astype(np.float32)
                table = table.set_column(i, field, pa.array(values))
        moved = type(clustering)(clustering.name, clustering.of_latent, table, clustering.colours)
        centres = np.column_stack([table[name].to_numpy() for name in ("x", "y")])
        names = map_names.names_on_map(moved, centres, rows, frame).to_pylist()
        assert names
        boxes = []
        for name in names:
            px = (name["x"] + 9) / 18 * map_names.PLACED_FOR[0]
            py = (9 - name["y"]) / 18 * map_names.PLACED_FOR[1]
            half = 3.6 * len(name["name"])
            boxes.append((px - half, px + half, py - 9, py + 9))
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def test_a_highlighted_latent_that_is_not_on_the_map_has_no_ring(tiny: Bundle) -> None:
    with_ring = latent_map(tiny, highlight=50).chart.to_dict()
    without = latent_map(tiny, highlight=0).chart.to_dict()
    assert len(with_ring["layer"]) == len(without["layer"]) + 3


FRAME = (0.0, 10.0, 0.0, 10.0)


def named(
    sizes: list[int], selected: list[int], at: list[tuple[float, float]] | None = None
) -> list[int]:
    """The clusters that are named, of clusters given by their sizes and selected latents.

    The clusters are far apart, unless their places are given.
    """
    table = pa.table(
        {
            "cluster": range(len(sizes)),
            "size": sizes,
            "label": [f"c{i}" for i in range(len(sizes))],
        }
    )
    clusters = np.repeat(np.arange(len(sizes)), selected)
    rows = pa.table({"cluster": pa.array(clusters, pa.int32()), "selected": [True] * len(clusters)})
    clustering = Level(LevelName("decoder", 0), np.empty(0, np.int32), table, {})
    place = np.array(at or [(2.0 + 6.0 * (i % 2), 0.5 + i / 2) for i in range(len(sizes))])
    return map_names.names_on_map(clustering, place, rows, FRAME)["cluster"].to_pylist()


def test_a_cluster_is_named_if_at_least_a_fifth_of_it_is_selected() -> None:
    # The two of the first cluster are less than a twentieth of the 42 that are selected.
    assert named([10, 40], [2, 40]) == [1, 0]
    assert named([11, 40], [2, 40]) == [1]


def test_a_cluster_is_named_if_it_has_at_least_a_twentieth_of_the_selection() -> None:
    assert named([100, 38], [2, 38]) == [1, 0]
    assert named([100, 39], [2, 39]) == [1]


def test_clusters_with_most_selected_latents_are_named_first_and_ties_by_id() -> None:
    assert named([9, 30, 9, 30], [5, 20, 5, 30]) == [3, 1, 0, 2]
    same_place = [(5.0, 5.0)] * 3
    assert named([9, 9, 9], [5, 9, 5], same_place) == [1]
    assert named([9, 9, 9], [5, 5, 5], same_place) == [0]


def test_only_clusters_inside_the_frame_or_on_its_edge_are_named() -> None:
    on_edges = [(0.0, 5.0), (10.0, 2.0), (5.0, 0.0), (5.0, 10.0)]
    assert named([9] * 4, [9] * 4, on_edges) == [0, 1, 2, 3]
    outside = [(-0.1, 5.0), (10.1, 2.0), (5.0, -0.1), (5.0, 10.1)]
    assert named([9] * 4, [9] * 4, outside) == []


def test_at_most_28_clusters_are_named() -> None:
    at = [(1.0 + 2.5 * (i % 4), 0.5 + i // 4) for i in range(36)]
    assert named([9] * 36, [9] * 36, at) == list(range(28))


def test_names_that_several_clusters_share_have_the_id_of_the_cluster() -> None:
    table = pa.table({"cluster": [3, 4, 5], "size": [9] * 3, "label": ["sea", "law", "sea"]})
    rows = pa.table({"cluster": pa.array([3, 4, 5], pa.int32()), "selected": [True] * 3})
    place = np.array([(2.0, 2.0), (5.0, 5.0), (8.0, 8.0)])
    names = map_names.names_on_map(
        Level(LevelName("decoder", 0), np.empty(0, np.int32), table, {}), place, rows, FRAME
    )
    assert names["name"].to_pylist() == ["sea (3)", "law", "sea (5)"]


def test_the_centre_of_a_cluster_is_the_median_of_its_members(tiny: Bundle) -> None:
    clustering = level_of(tiny)
    found = map_names.centres(tiny, clustering, "cooccurrence")
    latents = tiny.latents.to_pandas()
    for cluster, centre in zip(clustering.table["cluster"].to_pylist(), found, strict=True):
        own = latents[clustering.of_latent == cluster][["x_cooccurrence", "y_cooccurrence"]]
        assert centre == pytest.approx(own.median().to_numpy())
        assert centre != pytest.approx(own.mean().to_numpy())


def test_a_latent_on_the_edge_of_the_frame_has_its_ring(tiny: Bundle) -> None:
    x, y = (tiny.latents[name][50].as_py() for name in ("x", "y"))
    for frame in ((x, x + 1, y, y + 1), (x - 1, x, y - 1, y)):
        assert len(map_names.ring(tiny, 50, frame, "decoder")) == 3
    for frame in ((x + 0.1, x + 1, y, y + 1), (x - 1, x, y - 1, y - 0.1)):
        assert map_names.ring(tiny, 50, frame, "decoder") == []


def test_latents_that_are_not_selected_do_not_count() -> None:
    table = pa.table({"cluster": [0, 1], "size": [5, 5], "label": ["sea", "law"]})
    clusters = pa.array([0, 1, 1, 1, 1, 1], pa.int32())
    rows = pa.table({"cluster": clusters, "selected": [True, *[False] * 5]})
    level = Level(LevelName("decoder", 0), np.empty(0, np.int32), table, {})
    names = map_names.names_on_map(level, np.array([(2.0, 2.0), (8.0, 8.0)]), rows, FRAME)
    assert names["cluster"].to_pylist() == [0]


def test_a_name_at_an_edge_is_moved_inside_and_a_long_one_is_cut() -> None:
    table = pa.table({"cluster": [0, 1, 2], "size": [5] * 3, "label": ["sea", "law", "w" * 40]})
    rows = pa.table({"cluster": pa.array([0, 1, 2], pa.int32()), "selected": [True] * 3})
    level = Level(LevelName("decoder", 0), np.empty(0, np.int32), table, {})
    at = np.array([(0.0, 2.0), (10.0, 5.0), (5.0, 8.0)])
    left, right, long = map_names.names_on_map(level, at, rows, FRAME).to_pylist()
    half = (3.6 * 3 + 4) / 560 * 10
    assert (left["x"], left["y"]) == (pytest.approx(half), 2.0)
    assert (right["x"], right["y"]) == (pytest.approx(10 - half), 5.0)
    assert long["name"] == "w" * 25 + "…" and long["x"] == pytest.approx(5)
