"""Names of clusters and latents for the browser, against the tables."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LevelName
from analysis.runtime.errors import InputError
from analysis.selection import MAP_COLUMNS
from charts import names_by_zoom
from charts.cluster_level import level_of
from charts.core.hues import ink
from charts.map_view import whole_map
from charts.names_by_zoom import MOST_SELECTED, cluster_names, latent_names, selected_names
from tests.charts.conftest import with_tables


def with_column(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def named(bundle: Bundle) -> Bundle:
    """The bundle with plain names of all clusters, all reproducible."""
    rows = bundle.clusters.num_rows
    clusters = with_column(
        bundle.clusters, "label", [f"name {'abcdefghij'[i % 10]}{i}" for i in range(rows)]
    )
    clusters = with_column(clusters, "believable", [True] * rows)
    return with_tables(bundle, clusters=clusters)


def test_every_named_cluster_of_the_space_is_there_with_its_text_and_size(tiny: Bundle) -> None:
    bundle = named(tiny)
    names = cluster_names(bundle, "decoder", LevelName("decoder", 0))
    stored = bundle.clusters.to_pandas().query("space == 'decoder'").set_index("cluster")
    assert names.levels == [1, 0]
    assert {name["id"] for name in names.names} == set(stored.index)
    for name in names.names:
        assert name["text"] == stored.loc[name["id"], "label"]
        assert name["size"] == stored.loc[name["id"], "size"]
        assert name["level"] == stored.loc[name["id"], "level"]
    assert names.frame == whole_map(bundle)


def test_places_are_among_the_members_on_either_map(tiny: Bundle) -> None:
    manifest = tiny.manifest.model_copy(update={"map_cooccurrence": tiny.manifest.map})
    bundle = replace(named(tiny), manifest=manifest)
    vars(bundle).update(latents=tiny.latents, clusters=named(tiny).clusters)
    of_latent = level_of(tiny, LevelName("decoder", 0)).of_latent
    for map_name, columns in MAP_COLUMNS.items():
        for name in cluster_names(bundle, map_name, LevelName("decoder", 0)).names:
            members = of_latent == name["id"]
            for axis, column in zip(("x", "y"), columns, strict=True):
                values = tiny.latents[column].to_numpy(zero_copy_only=False)[members]
                assert name["level"] or np.nanmin(values) <= name[axis] <= np.nanmax(values)


def test_a_cluster_without_a_member_on_the_map_has_no_name(tiny: Bundle) -> None:
    bundle = named(tiny)
    of_latent = level_of(bundle, LevelName("decoder", 0)).of_latent
    latents = bundle.latents
    for axis in ("x", "y"):
        values = latents[axis].to_pylist()
        shown = [None if of_latent[i] == 3 else value for i, value in enumerate(values)]
        latents = with_column(latents, axis, shown)
    names = cluster_names(with_tables(bundle, latents=latents), "decoder").names
    every = {name["id"] for name in cluster_names(bundle, "decoder").names}
    assert {name["id"] for name in names} == every - {3}
    assert np.isfinite([name[axis] for name in names for axis in ("x", "y")]).all()


def test_believable_readable_names_come_first_and_weak_ones_yield(tiny: Bundle) -> None:
    rows = tiny.clusters.num_rows
    labels = ["plain words"] * rows
    labels[:4] = ["words ending in -ing", "↵", "mixed: and · or", "other words"]
    believable = [True] * rows
    believable[3] = False
    clusters = with_column(named(tiny).clusters, "label", labels)
    bundle = with_tables(tiny, clusters=with_column(clusters, "believable", believable))
    names = cluster_names(bundle, "decoder", LevelName("decoder", 0)).names
    order = [name["id"] for name in names]
    plain = [i for i in order if labels[i] == "plain words"]
    sizes = {name["id"]: name["size"] for name in names}
    assert order[: len(plain)] == plain == sorted(plain, key=lambda i: (-sizes[i], i))
    # Pieces of words, then weak names (largest first), then signs.
    assert order[len(plain)] == 0
    assert set(order[len(plain) + 1 : -1]) == {2, 3}
    assert order[-1] == 1
    assert {name["id"] for name in names if name["weak"]} == {2, 3}


def test_without_draws_a_cluster_is_weak_if_it_is_unstable(tiny: Bundle) -> None:
    rows = tiny.clusters.num_rows
    clusters = with_column(named(tiny).clusters, "believable", [None] * rows)
    names = cluster_names(with_tables(tiny, clusters=clusters), "decoder").names
    stored = clusters.to_pandas().set_index("cluster")
    for name in names:
        row = stored.loc[name["id"]]
        assert name["weak"] == (min(row["stability"], row["bootstrap"]) < 0.5)
    for stability, bootstrap, weak in ((0.5, 0.9, False), (0.9, 0.5, False), (0.49, 0.9, True)):
        both = {"stability": [stability] * rows, "bootstrap": [bootstrap] * rows}
        for column, values in both.items():
            clusters = with_column(clusters, column, values)
        names = cluster_names(with_tables(tiny, clusters=clusters), "decoder").names
        assert names and {name["weak"] for name in names} == {weak}


def test_clusters_of_the_coloured_level_have_their_hue_and_coarser_ones_a_common_one(
    tiny: Bundle,
) -> None:
    bundle = named(tiny)
    fine = level_of(bundle, LevelName("decoder", 0))
    names = cluster_names(bundle, "decoder", LevelName("decoder", 0)).names
    coarse = level_of(bundle, LevelName("decoder", 1)).of_latent
    for name in names:
        if name["level"] == 0:
            assert name["light"] == ink(fine.colours[name["id"]])
            assert name["dark"] == ink(fine.colours[name["id"]], dark=True)
        else:
            inside = fine.of_latent[coarse == name["id"]]
            known, counts = np.unique(inside[inside >= 0], return_counts=True)
            common = counts.max() >= 0.5 * len(inside)
            assert name["light"] == (
                ink(fine.colours[int(known[counts.argmax()])]) if common else ""
            )


def test_half_of_the_members_are_a_common_hue_and_fewer_are_not() -> None:
    of_latent = np.array([9, 9, 9, 9, 8, 8, 8, 8, 8, -1], np.int32)
    fine = np.array([1, 1, 2, -1, 3, 3, 4, 4, 5, 1], np.int32)
    hues = names_by_zoom._common_hues(of_latent, fine, np.array([9, 8, 7]))
    assert hues == [1, -1, -1]


def test_members_without_a_hue_count_among_the_members() -> None:
    """One, two and three of six members are in a cluster of the coloured level, all in the same."""
    of_latent = np.repeat(np.array([4, 5, 6], np.int32), 6)
    fine = np.full(18, -1, np.int32)
    fine[[0, 6, 7, 12, 13, 14]] = 2
    assert names_by_zoom._common_hues(of_latent, fine, np.array([4, 5, 6])) == [-1, -1, 2]


def test_the_top_of_a_cluster_is_the_coarsest_level_that_holds_it(tiny: Bundle) -> None:
    bundle = named(tiny)
    parents = bundle.clusters["parent"].to_pylist()
    parents[3] = None
    clusters = with_column(bundle.clusters, "parent", parents)
    names = cluster_names(with_tables(bundle, clusters=clusters), "decoder").names
    tops = {name["id"]: name["top"] for name in names}
    assert tops[3] == 0
    assert {tops[i] for i in (0, 1, 2, 4, 5, 6, 7, 8, 9)} == {1}


def test_a_browser_gets_at_most_the_best_names(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = cluster_names(named(tiny), "decoder").names
    monkeypatch.setattr(names_by_zoom, "MOST_CLUSTERS", 3)
    assert cluster_names(named(tiny), "decoder").names == every[:3]


def readable(bundle: Bundle) -> Bundle:
    labels = [f"word{'abcdefgh'[i % 8]}{i}" for i in range(bundle.latents.num_rows)]
    labels[10] = "…"
    return with_tables(bundle, latents=with_column(bundle.latents, "label", list(labels)))


def test_tiles_hold_every_latent_on_the_map_once(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_by_zoom, "MOST_LATENTS", 1000)
    bundle = readable(tiny)
    tiles = [latent_names(bundle, "decoder", 2, i, j) for i in range(4) for j in range(4)]
    ids = sorted(name["id"] for tile in tiles for name in tile["names"])
    on_map = np.flatnonzero(tiny.latents["x"].is_valid().to_numpy())
    assert ids == [i for i in on_map.tolist() if i != 10]
    assert sum(tile["count"] for tile in tiles) == len(on_map)


def test_a_tile_holds_the_latents_inside_its_edges(tiny: Bundle) -> None:
    bundle = readable(tiny)
    x0, x1, y0, y1 = whole_map(bundle)
    tile = latent_names(bundle, "decoder", 1, 1, 0)
    x, y = (bundle.latents[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    with np.errstate(invalid="ignore"):
        inside = (x >= (x0 + x1) / 2) & (y < (y0 + y1) / 2)
    assert tile["count"] == inside.sum()
    assert {name["id"] for name in tile["names"]} <= set(np.flatnonzero(inside))


def test_labels_that_are_right_come_first_and_the_best_f1_of_these(tiny: Bundle) -> None:
    bundle = readable(tiny)
    rows = bundle.latents.num_rows
    rng = np.random.default_rng(4)
    precision = [None if i % 7 == 0 else round(float(p), 2) for i, p in enumerate(rng.random(rows))]
    precision[20] = 0.5
    recall = [round(float(r), 2) for r in rng.random(rows)]
    latents = with_column(bundle.latents, "label_precision", list(precision))
    latents = with_column(latents, "label_recall", list(recall))
    bundle = replace(bundle)
    tile = latent_names(with_tables(bundle, latents=latents), "decoder", 0, 0, 0)
    names = tile["names"]
    assert len(names) == names_by_zoom.MOST_LATENTS
    stored = latents.select(["label_precision", "label_recall"]).to_pylist()

    def f1(latent: int) -> float:
        p, r = stored[latent]["label_precision"], stored[latent]["label_recall"]
        return 0.0 if not p or not r else 2 / (1 / p + 1 / r)

    for name in names:
        p = stored[name["id"]]["label_precision"]
        assert name["weak"] == (p is None or p < 0.5)
    good = [i for i, row in enumerate(stored) if (row["label_precision"] or 0) >= 0.5]
    on_map = bundle.latents["x"].is_valid().to_numpy()
    best = sorted((i for i in good if on_map[i] and i != 10), key=lambda i: (-f1(i), i))
    assert [name["id"] for name in names][: len(best)] == best[: len(names)]


def test_a_crowded_tile_names_none(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = readable(tiny)
    count = latent_names(bundle, "decoder", 0, 0, 0)["count"]
    monkeypatch.setattr(names_by_zoom, "CROWDED", count)
    assert latent_names(bundle, "decoder", 0, 0, 0)["names"]
    monkeypatch.setattr(names_by_zoom, "CROWDED", count - 1)
    assert latent_names(bundle, "decoder", 0, 0, 0) == {"count": count, "names": []}


@pytest.mark.parametrize("tile", [(-1, 0, 0), (17, 0, 0), (1, 2, 0), (1, 0, 2), (1, -1, 0)])
def test_a_tile_that_does_not_exist_is_refused(tiny: Bundle, tile: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="no such tile"):
        latent_names(tiny, "decoder", *tile)


def test_a_map_that_does_not_exist_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no map 'cooccurrence'"):
        cluster_names(tiny, "cooccurrence")


def test_limits_and_rounding(tiny: Bundle) -> None:
    limits = (names_by_zoom.MOST_CLUSTERS, names_by_zoom.MOST_LATENTS, names_by_zoom.CROWDED)
    assert limits == (2_000, 40, 4_000)
    assert latent_names(tiny, "decoder", 16, 0, 2**16 - 1)["names"] == []
    x, y = (tiny.latents[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    for name in latent_names(readable(tiny), "decoder", 0, 0, 0)["names"]:
        assert name["x"] == pytest.approx(float(x[name["id"]]), rel=5e-6)
        assert name["y"] == pytest.approx(float(y[name["id"]]), rel=5e-6)
        assert max(len(str(name[axis]).strip("-0.").replace(".", "")) for axis in "xy") <= 6


def test_a_small_selection_names_each_of_its_latents_on_the_map(tiny: Bundle) -> None:
    x = tiny.latents["x"].to_numpy(zero_copy_only=False)
    on_map = np.flatnonzero(np.isfinite(x))[: MOST_SELECTED - 1]
    off_map = np.flatnonzero(~np.isfinite(x))[:1]
    labels = ["same" if i in on_map[:2] else f"name{i}" for i in range(len(x))]
    bundle = with_tables(tiny, latents=with_column(tiny.latents, "label", labels))
    mask = np.isin(np.arange(len(x)), [*on_map, *off_map])
    names = selected_names(bundle, "decoder", mask)
    assert [name["id"] for name in names] == on_map.tolist()
    assert names[0]["text"] == f"same · {on_map[0]}" and names[1]["text"] == f"same · {on_map[1]}"
    assert [name["text"] for name in names[2:]] == [f"name{i}" for i in on_map[2:]]
    assert names[3]["x"] == pytest.approx(x[on_map[3]], rel=1e-5)
    assert not any(name["weak"] for name in names)
    assert selected_names(bundle, "decoder", None) == []
    assert selected_names(bundle, "decoder", mask & False) == []
    assert selected_names(bundle, "decoder", np.arange(len(x)) <= MOST_SELECTED) == []
