"""Each selection selects the latents that a plain loop over the rows of the bundle selects."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import CLUSTER_COLUMNS, SPACES, Bundle, Space
from analysis.notes.note import Note
from analysis.notes.note_content import note_content
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.subjects import latent_subject, new_collection
from analysis.runtime.errors import InputError
from analysis.selection import (
    RELATIONS,
    Box,
    Cluster,
    Lasso,
    Near,
    Partners,
    Related,
    Selection,
    evaluate,
    parse,
)
from tests.planted_profiles import planted_languages, with_profiles

Row = dict[str, Any]


def _selected(selection: Selection, bundle: Bundle) -> set[int]:
    return set(np.flatnonzero(evaluate(selection, bundle)).tolist())


def _words(row: Row) -> str:
    return "\n".join([row["label"], row["explanation"], *row["top_tokens"]]).lower()


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("", lambda r: True),
        ("density<0.01", lambda r: r["density"] < 0.01),
        ("mean>=1.5", lambda r: r["mean"] is not None and r["mean"] >= 1.5),
        ("!mean>=1.5", lambda r: not (r["mean"] is not None and r["mean"] >= 1.5)),
        ("density=0.01..0.1", lambda r: 0.01 <= r["density"] <= 0.1),
        ("mean=1..1.5", lambda r: r["mean"] is not None and 1 <= r["mean"] <= 1.5),
        ("latent>=150", lambda r: r["latent"] >= 150),
        ("latent=3,5..9,198..900", lambda r: r["latent"] in (3, 5, 6, 7, 8, 9, 198, 199)),
        ("label_contexts>=20", lambda r: r["label_contexts"] >= 20),
        ("cluster=0..0", lambda r: r["cluster"] == 0),
        ("/wh.le|^py/", lambda r: re.search("wh.le|^py", _words(r), re.IGNORECASE | re.M)),
        ("w a l", lambda r: all(letter in _words(r) for letter in "wal")),
        ("flag=dead,dense", lambda r: r["flag"] in ("dead", "dense")),
        ("latent=3,7,4000", lambda r: r["latent"] in (3, 7)),
        ('"whale"', lambda r: "whale" in _words(r)),
        ('"WHALE" | latent=0', lambda r: r["latent"] == 0 or "whale" in _words(r)),
        ("cluster=none,cooccurrence", lambda r: r["cluster_cooccurrence"] is None),
        ("cluster=0", lambda r: r["cluster"] == 0),
        (
            "flag=live & density>0.001 & max<3",
            lambda r: r["flag"] == "live" and r["density"] > 0.001 and (r["max"] or math.inf) < 3,
        ),
    ],
)
def test_selections_equal_a_loop_over_the_rows(
    planted_bundle: Bundle, text: str, test: Callable[[Row], object]
) -> None:
    expected = [bool(test(row)) for row in planted_bundle.latents.to_pylist()]
    assert evaluate(parse(text), planted_bundle).tolist() == expected


@pytest.mark.parametrize(
    ("sign", "compare"),
    [
        ("<", lambda value, bound: value < bound),
        ("<=", lambda value, bound: value <= bound),
        (">", lambda value, bound: value > bound),
        (">=", lambda value, bound: value >= bound),
        ("=", lambda value, bound: value == bound),
    ],
)
def test_comparisons_at_the_bound(
    planted_bundle: Bundle, sign: str, compare: Callable[[int, int], bool]
) -> None:
    counts = planted_bundle.latents["active_tokens"].to_pylist()
    bound = sorted(counts)[100]
    expected = [compare(count, bound) for count in counts]
    assert 0 < sum(expected) < len(counts)
    assert evaluate(parse(f"active_tokens{sign}{bound}"), planted_bundle).tolist() == expected


def test_a_box_selects_the_points_inside_and_on_its_edges(planted_bundle: Bundle) -> None:
    placed = [row for row in planted_bundle.latents.to_pylist() if row["x"] is not None]
    xs, ys = (sorted(row[axis] for row in placed) for axis in ("x", "y"))
    x0, x1, y0, y1 = xs[20], xs[-60], ys[10], ys[-20]
    inside = {r["latent"] for r in placed if x0 <= r["x"] <= x1 and y0 <= r["y"] <= y1}
    assert _selected(Box(x0, x1, y0, y1), planted_bundle) == inside
    assert 0 < len(inside) < len(placed)
    corner = placed[0]
    point = Box(corner["x"], corner["x"], corner["y"], corner["y"])
    assert corner["latent"] in _selected(point, planted_bundle)


def test_a_rectangular_lasso_selects_the_points_of_the_box(planted_bundle: Bundle) -> None:
    placed = [row for row in planted_bundle.latents.to_pylist() if row["x"] is not None]
    xs, ys = (sorted(row[axis] for row in placed) for axis in ("x", "y"))
    x0, x1 = (xs[20] + xs[21]) / 2, (xs[-60] + xs[-61]) / 2
    y0, y1 = (ys[10] + ys[11]) / 2, (ys[-20] + ys[-21]) / 2
    lasso = Lasso(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    assert _selected(lasso, planted_bundle) == _selected(Box(x0, x1, y0, y1), planted_bundle)
    other = replace(lasso, map="cooccurrence")
    box = Box(x0, x1, y0, y1, "cooccurrence")
    assert _selected(other, planted_bundle) == _selected(box, planted_bundle)


def test_a_box_on_the_other_map_reads_the_coordinates_of_that_map(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    mirrored = latents
    for name, axis in (("x_cooccurrence", "x"), ("y_cooccurrence", "y")):
        column = pa.array(latents[axis].to_pylist()[::-1], latents.schema.field(name).type)
        mirrored = mirrored.set_column(latents.column_names.index(name), name, column)
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = mirrored  # where cached_property keeps the table
    middle = float(np.median(latents["x"].drop_null().to_numpy()))
    right = Box(middle, 1e9, -1e9, 1e9, "cooccurrence")
    placed = [row for row in mirrored.to_pylist() if row["x_cooccurrence"] is not None]
    expected = {row["latent"] for row in placed if row["x_cooccurrence"] >= middle}
    assert _selected(right, bundle) == expected
    assert expected != _selected(replace(right, map="decoder"), bundle)


def test_near_is_the_latent_and_its_nearest_decoder_vectors(planted_bundle: Bundle) -> None:
    rows = planted_bundle.neighbours.all().to_pylist()
    nearest = {row["neighbour"] for row in rows if row["latent"] == 11 and row["rank"] < 4}
    assert len(nearest) == 4
    assert _selected(Near(11, 4), planted_bundle) == nearest | {11}
    every = {row["neighbour"] for row in rows if row["latent"] == 11}
    assert _selected(Near(11), planted_bundle) == every | {11}


@pytest.mark.parametrize("text", ["near(200)", "partners(200)", "latent=200"])
def test_unknown_latents_select_nothing(planted_bundle: Bundle, text: str) -> None:
    assert planted_bundle.latents.num_rows == 200
    assert not evaluate(parse(text), planted_bundle).any()


def test_partners_are_ranked_by_the_measure(planted_bundle: Bundle) -> None:
    active = planted_bundle.latents["active_tokens"].to_pylist()
    rows = planted_bundle.partners.of(11).to_pylist()

    def jaccard(row: Row) -> float:
        both = int(row["joint_tokens"])
        return float(both / (active[11] + active[row["partner"]] - both))

    ranked = sorted(rows, key=lambda row: (-jaccard(row), row["partner"]))
    expected = {11} | {row["partner"] for row in ranked[:5]}
    assert _selected(Partners(11, "jaccard", 5), planted_bundle) == expected


def test_clusters_of_any_level_are_those_of_the_membership_table(planted_bundle: Bundle) -> None:
    rows = planted_bundle.memberships.to_pylist()
    for cluster in {row["cluster"] for row in rows}:
        expected = {row["latent"] for row in rows if row["cluster"] == cluster}
        assert _selected(Cluster((cluster,)), planted_bundle) == expected


def test_clusters_of_both_spaces_are_selected_by_their_id(planted_bundle: Bundle) -> None:
    rows = planted_bundle.memberships.to_pylist()
    last = planted_bundle.clusters.num_rows - 1
    assert planted_bundle.clusters["space"][last].as_py() == "cooccurrence"
    expected = {row["latent"] for row in rows if row["cluster"] in (0, last)}
    assert _selected(parse(f"cluster=0,{last}"), planted_bundle) == expected
    assert len(expected) > 3


@pytest.mark.parametrize("first", SPACES)
def test_none_is_of_the_space_shown_first_or_of_the_one_that_is_named(
    planted_bundle: Bundle, first: Space
) -> None:
    manifest = planted_bundle.manifest.model_copy(update={"clusters_shown_first": first})
    bundle = replace(planted_bundle, manifest=manifest)
    for text, column in (
        ("cluster=none", CLUSTER_COLUMNS[first]),
        ("cluster=none,cooccurrence", "cluster_cooccurrence"),
        ("cluster=none,decoder", "cluster"),
    ):
        stored = enumerate(bundle.latents[column].to_pylist())
        assert _selected(parse(text), bundle) == {i for i, own in stored if own is None}


@pytest.mark.parametrize("kind", [None, *RELATIONS])
def test_relations_are_looked_up_from_both_ends(planted_bundle: Bundle, kind: str | None) -> None:
    rows = [
        row for row in planted_bundle.relations.all().to_pylist() if kind in (None, row["relation"])
    ]
    for latent in {row["a"] for row in rows[:9]} | {row["b"] for row in rows[:9]} | {0}:
        pairs = [row for row in rows if latent in (row["a"], row["b"])]
        expected = {row[end] for row in pairs for end in "ab"} | {latent}
        assert _selected(Related(latent, kind), planted_bundle) == expected
    every = {row[end] for row in rows for end in "ab"}
    assert _selected(Related(None, kind), planted_bundle) == every


def test_a_relation_of_an_unknown_latent_selects_nothing(planted_bundle: Bundle) -> None:
    assert not evaluate(parse("relation(200)"), planted_bundle).any()


def test_joined_selections_are_set_operations(planted_bundle: Bundle) -> None:
    dense, near = (_selected(parse(t), planted_bundle) for t in ("density>0.01", "near(11)"))
    assert dense & near and dense - near and near - dense
    for text, expected in (
        ("density>0.01 & near(11)", dense & near),
        ("density>0.01 | near(11)", dense | near),
        ("density>0.01 & !near(11)", dense - near),
    ):
        assert _selected(parse(text), planted_bundle) == expected


def test_a_search_in_labels_and_explanations_ignores_case(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    for name, latent in (("label", 5), ("explanation", 7)):
        texts = ["" if i != latent else "Striped ZEBRA, 42 km" for i in range(latents.num_rows)]
        latents = latents.set_column(latents.column_names.index(name), name, [texts])
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = latents
    for text in ('"zebra"', '"Zebra"', '"ZEBRA"', '"42 KM"'):
        assert _selected(parse(text), bundle) == {5, 7}


def test_conditions_about_notes_ask_the_notes(planted_bundle: Bundle) -> None:
    notes = (
        Note(latent_subject(3), note_content("Days", ["time"], "of the week", "checked"), 1),
        Note(latent_subject(8), note_content("", ["time", "odd"], "", "open"), 2),
    )
    suspects = Note(new_collection([5, 8, 4000]), note_content("My list"), 1)
    noted = NotedLatents(notes, (suspects,), frozenset({9}))
    every = set(range(planted_bundle.latents.num_rows))
    expected = {
        "tag=time": {3, 8},
        "tag=odd,none": {8},
        "status=checked": {3},
        "status=none": every - {3, 8, 9},
        "note~DAYS": {3},
        'note~"the week"': {3},
        'collection="my list"': {5, 8},
        "tag=time & !status=open": {3},
        'collection="my list" | latent=7': {5, 7, 8},
        "(tag=odd | status=checked) & latent<5": {3},
    }
    for text, latents in expected.items():
        mask = evaluate(parse(text), planted_bundle, noted)
        assert set(np.flatnonzero(mask).tolist()) == latents, text


def test_conditions_about_notes_need_notes(planted_bundle: Bundle) -> None:
    for text in ("tag=a", "latent=3 & !status=none", "note~a", "collection=a"):
        with pytest.raises(InputError, match="is about notes, which only the dashboard can read"):
            evaluate(parse(text), planted_bundle)


def test_profiles_select_by_the_main_value_or_by_a_share(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    languages = {"language": planted_languages(planted_bundle)}
    bundle = with_profiles(planted_bundle, tmp_path, languages)
    rows = pq.read_table(bundle.path / "latent_profiles.parquet").to_pylist()
    total = Counter[int]()
    for row in rows:
        total[row["latent"]] += row["active_tokens"]
    sure = [row for row in rows if row["q_value"] <= 0.05]
    assert {"fr", "de"} <= {row["value"] for row in sure}
    for value in ("fr", "de"):
        own = [row for row in sure if row["value"] == value]
        best = {
            row["latent"]
            for row in own
            if all(
                other["active_tokens"] < row["active_tokens"] or other is row
                for other in sure
                if other["latent"] == row["latent"]
            )
        }
        assert _selected(parse(f"profile(language,{value})"), bundle) == best
        for share in (0, 0.4, 0.7):
            most = {r["latent"] for r in own if r["active_tokens"] >= share * total[r["latent"]]}
            assert _selected(parse(f"profile(language,{value},{share})"), bundle) == most
    for text in ("profile(language,cs)", "profile(genre,fr)", "profile(language,cs,0)"):
        assert not evaluate(parse(text), bundle).any()
    assert not evaluate(parse("profile(language,fr)"), planted_bundle).any()
