"""The rows of the tables of the pages: which ones, in which order, and how many."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, LatentTable, LevelName
from analysis.cooccurrence.significance import tests_of_pair as significance_of
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from charts import tables
from charts.context_snippets import MOST_MEMBERS
from charts.core.export import KINDS, ROWS_KINDS, export
from charts.core.figure import CaptionedTable, Figure
from charts.pairs import strongest_pairs
from charts.relations import RELATIONS, relation_rows
from charts.reproduction import reproduce
from charts.tables import (
    clusters_table,
    latents_table,
    pair_tests_table,
    pairs_table,
    relations_table,
)
from tests.charts.test_context_snippets import expected_snippet


def listed(bundle: Bundle, mask: Bools) -> pa.Table:
    return latents_table(bundle, mask, "Some").rows


def _expected(bundle: Bundle, latents: list[int]) -> list[int]:
    """In reading order; those without a place follow by density, and then by id."""
    rank, density = (bundle.latents[name].to_pylist() for name in ("reading_rank", "density"))
    return sorted(
        latents, key=lambda i: (rank[i] is None, rank[i] if rank[i] is not None else -density[i], i)
    )


def test_selected_latents_are_listed_in_reading_order(planted_bundle: Bundle) -> None:
    mask = np.zeros(planted_bundle.latents.num_rows, dtype=bool)
    mask[[3, 170, 8, 190, 196, 199, 0]] = True
    expected = _expected(planted_bundle, [3, 170, 8, 190, 196, 199, 0])
    assert listed(planted_bundle, mask)["latent"].to_pylist() == expected
    assert expected[-3:] == [199, 196, 190]  # dense ones, then a dead one


def test_only_the_first_rows_are_listed(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    everything = list(range(planted_bundle.latents.num_rows))
    rows = listed(planted_bundle, np.ones(len(everything), dtype=bool))
    assert rows["latent"].to_pylist() == _expected(planted_bundle, everything)[:3]


def test_the_column_of_explanations_is_left_out_if_all_are_empty(planted_bundle: Bundle) -> None:
    everything = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    assert set(planted_bundle.latents["explanation"].to_pylist()) == {""}
    assert "explanation" not in listed(planted_bundle, everything).column_names


def test_no_table_opens_on_its_densest_unlabelled_rows(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    bundle = replace(planted_bundle)
    labels = pa.array(["" if i % 2 else "sea" for i in range(latents.num_rows)])
    for name, values in (
        ("label", labels),
        ("reading_rank", pa.nulls(latents.num_rows, pa.int32())),
    ):
        latents = latents.set_column(latents.column_names.index(name), name, values)
    vars(bundle)["latents"] = latents
    rows = listed(bundle, np.ones(latents.num_rows, dtype=bool)).to_pylist()
    stored = labels.to_pylist()
    groups = [
        0 if r["flag"] == "live" and stored[r["latent"]] else 1 + (r["flag"] != "live")
        for r in rows
    ]
    assert groups == sorted(groups) and set(groups) == {0, 1, 2}
    for group in range(3):
        density = [r["density"] for r, g in zip(rows, groups, strict=True) if g == group]
        assert density == sorted(density, reverse=True)


def test_latents_of_one_density_are_in_the_order_of_their_ids(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    density = pa.array([0.25 if i % 2 else 0.5 for i in range(latents.num_rows)], pa.float64())
    bundle = replace(planted_bundle)
    for name, values in (
        ("density", density),
        ("reading_rank", pa.nulls(latents.num_rows, pa.int32())),
    ):
        latents = latents.set_column(latents.column_names.index(name), name, values)
    vars(bundle)["latents"] = latents
    mask = np.zeros(latents.num_rows, dtype=bool)
    mask[[9, 3, 8, 4, 5, 6]] = True
    assert listed(bundle, mask)["latent"].to_pylist() == [4, 6, 8, 3, 5, 9]
    assert tables.MOST_ROWS == 1_000


def test_the_column_of_the_selected_is_there_if_only_some_are(planted_bundle: Bundle) -> None:
    mask = np.zeros(planted_bundle.latents.num_rows, dtype=bool)
    mask[[3, 8, 170]] = True
    selected = np.zeros_like(mask)
    for same in (selected, ~selected):
        rows = latents_table(planted_bundle, mask, "Some", same).rows
        assert "selected" not in rows.column_names
    selected[[8, 9]] = True
    rows = latents_table(planted_bundle, mask, "Some", selected).rows
    pairs = zip(*(rows[name].to_pylist() for name in ("latent", "selected")), strict=True)
    assert dict(pairs) == {3: False, 8: True, 170: False}


def test_the_caption_says_which_part_is_shown(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    table = latents_table(planted_bundle, everything, "All of them")
    assert (table.name, table.title) == ("all-of-them", "All of them")
    assert table.caption.parameters["latents"] == "200"
    monkeypatch.setattr(tables, "MOST_ROWS", 7)
    cut = latents_table(planted_bundle, everything, "All")
    assert cut.caption.parameters["latents"] == "the 7 first in reading order of 200"


def test_clusters_are_listed_with_their_selected_members(planted_bundle: Bundle) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) % 3 == 0
    members = planted_bundle.memberships.to_pandas().query("space == 'cooccurrence' and level == 0")
    stored = planted_bundle.clusters.to_pandas().query("space == 'cooccurrence' and level == 0")
    rows = clusters_table(planted_bundle, LevelName("cooccurrence", 0), mask).rows
    order = sorted(zip(-stored["size"], stored["cluster"], strict=True))
    assert rows["cluster"].to_pylist() == [cluster for _, cluster in order]
    for row in rows.to_pylist():
        own = members["latent"][members["cluster"] == row["cluster"]]
        assert row["selected"] == mask[own].sum()


def test_a_row_of_the_clusters_has_a_context_that_shows_its_name(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    level, mask = LevelName("cooccurrence", 0), np.ones(planted_bundle.latents.num_rows, dtype=bool)
    rows = clusters_table(planted_bundle, level, mask).rows
    for row in rows.to_pylist():
        snippet = expected_snippet(planted_bundle, row["cluster"])[1]
        assert row["context"] == snippet.line != ""
    monkeypatch.setattr(tables, "MOST_ROWS", 1)
    assert tables._with_contexts(planted_bundle, rows) == 1
    cut = tables._contexts_of(planted_bundle, rows, 1)
    assert cut == [rows["context"][0].as_py(), *[""] * (rows.num_rows - 1)]
    assert rows.num_rows > 1


def test_only_so_many_clusters_have_a_context_as_few_row_groups_hold(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if every latent were in a row group of its own."""
    monkeypatch.setattr(LatentTable, "groups_of", lambda _, latents: latents)
    level, mask = LevelName("cooccurrence", 0), np.ones(planted_bundle.latents.num_rows, dtype=bool)
    clusters = clusters_table(planted_bundle, level, mask)
    assert "contexts" not in clusters.caption.parameters
    rows = clusters.rows
    sizes = np.cumsum(rows["size"].to_numpy())
    assert (np.diff(sizes) > 1).all() and rows["size"].to_numpy().max() <= MOST_MEMBERS
    for most, expected in (
        (sizes[2], 3),
        (sizes[2] - 1, 2),
        (sizes[0] - 1, 1),
        (10_000, len(rows)),
    ):
        monkeypatch.setattr(tables, "MOST_GROUPS", most)
        assert tables._with_contexts(planted_bundle, rows) == expected
    assert tables._with_contexts(planted_bundle, rows.slice(0, 0)) == 0
    monkeypatch.setattr(tables, "MOST_GROUPS", sizes[2])
    cut = clusters_table(replace(planted_bundle), level, mask)
    assert cut.caption.parameters["contexts"] == "of the first 3"
    assert cut.rows["context"].to_pylist() == [
        *rows["context"].to_pylist()[:3],
        *[""] * (rows.num_rows - 3),
    ]


def test_the_largest_clusters_of_a_level_are_listed(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    level, mask = LevelName("cooccurrence", 0), np.ones(planted_bundle.latents.num_rows, dtype=bool)
    whole = clusters_table(planted_bundle, level, mask)
    total = whole.rows.num_rows
    assert whole.caption.parameters["clusters"] == str(total)
    monkeypatch.setattr(tables, "MOST_CLUSTERS", 4)
    cut = clusters_table(replace(planted_bundle), level, mask)
    assert cut.rows.equals(whole.rows.slice(0, 4))
    assert cut.caption.parameters["clusters"] == f"the 4 largest of {total}"


@pytest.mark.parametrize("measure", ["phi", "lift"])
def test_pairs_are_those_of_the_ranking(planted_bundle: Bundle, measure: str) -> None:
    latents = np.arange(0, 60)
    table = pairs_table(planted_bundle, latents, measure, within=True)
    ranked = strongest_pairs(planted_bundle, latents, measure, within=True)
    assert table.rows.column_names[0] == measure and table.rows.num_rows == ranked.rows.num_rows
    for name in table.rows.column_names:
        assert name == "q_value" or table.rows[name].equals(ranked.rows[name])
    q_values: dict[frozenset[int], float] = {}
    for one in planted_bundle.relations.all().to_pylist():
        pair = frozenset((one["a"], one["b"]))
        q_values[pair] = min(one["q_value"], q_values.get(pair, 1.0))
    expected = [
        q_values.get(frozenset((r["latent"], r["partner"]))) for r in ranked.rows.to_pylist()
    ]
    assert table.rows["q_value"].to_pylist() == expected
    assert None in expected and len(set(expected)) > 2
    assert table.caption.parameters["pairs"] == f"{ranked.total:,}"


def test_a_pair_in_several_relations_has_their_smallest_q(planted_bundle: Bundle) -> None:
    relations = pa.table(
        {
            "a": pa.array([3, 5, 3, 7, 3], pa.int32()),
            "b": pa.array([5, 3, 9, 2, 5], pa.int32()),
            "q_value": [0.04, 0.01, 0.02, 0.03, 0.05],
        }
    )
    bundle = replace(planted_bundle)
    vars(bundle)["relations"] = SimpleNamespace(all=lambda: relations)
    latents, partners = ([5, 3, 3, 2, 9, 4], [3, 5, 9, 7, 3, 1])
    rows = pa.table(
        {"latent": pa.array(latents, pa.int32()), "partner": pa.array(partners, pa.int32())}
    )
    assert tables._listed_q(bundle, rows).to_pylist() == [0.01, 0.01, 0.02, 0.03, 0.02, None]


def test_relations_have_names_and_their_order(planted_bundle: Bundle) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 40
    table = relations_table(planted_bundle, mask)
    rows, hidden = relation_rows(planted_bundle, mask)
    assert table.rows["relation"].to_pylist() == [
        RELATIONS[name] for name in rows["relation"].to_pylist()[: tables.MOST_ROWS]
    ]
    assert table.rows["a"].to_pylist() == rows["a"].to_pylist()[: tables.MOST_ROWS]
    assert table.caption.parameters["hidden_with_a_flagged_latent"] == hidden


def test_tests_of_a_pair_are_rows(planted_bundle: Bundle) -> None:
    tests = significance_of(planted_bundle, 1, 8)
    rows = pair_tests_table(planted_bundle, 1, 8).rows.to_pylist()
    assert [row["p_more"] for row in rows] == [test.p_more for test in tests]
    assert [row["observed"] for row in rows] == [test.observed for test in tests]
    with pytest.raises(InputError, match="are one latent"):
        pair_tests_table(planted_bundle, 3, 3)


def every_table(bundle: Bundle) -> list[CaptionedTable]:
    mask = np.arange(bundle.latents.num_rows) % 3 == 0
    return [
        latents_table(bundle, mask, "Selected latents"),
        clusters_table(bundle, LevelName("decoder", 0), mask),
        pairs_table(bundle, np.flatnonzero(mask), "phi", hide_flags=False),
        relations_table(bundle, mask, hide_flags=False),
        pair_tests_table(bundle, 1, 8),
    ]


def test_every_table_is_made_again_from_its_files(planted_bundle: Bundle, tmp_path: Path) -> None:
    for table in every_table(planted_bundle):
        assert table.rows.num_rows and not isinstance(table, Figure)
        names = {"csv-metadata": "a.csv-metadata.json", "spreadsheet": "a.spreadsheet.csv"}
        for kind in ROWS_KINDS:
            file = tmp_path / names.get(kind, f"a.{kind}")
            file.write_bytes(export(table, kind))
        for kind in ROWS_KINDS:
            made = reproduce(tmp_path / names.get(kind, f"a.{kind}"), planted_bundle.path)
            assert made.difference == "", (table.name, kind)
    assert set(ROWS_KINDS) < set(KINDS)


def test_the_relations_and_pairs_that_are_listed_are_counted_among_all(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 40
    every = relations_table(planted_bundle, mask, "duplicate", hide_flags=False)
    assert set(every.rows["relation"].to_pylist()) == {RELATIONS["duplicate"]}
    total = relation_rows(planted_bundle, mask, "duplicate", hide_flags=False)[0].num_rows
    assert every.caption.parameters["pairs"] == str(total) and total > 3
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    cut = relations_table(planted_bundle, mask, "duplicate", hide_flags=False)
    assert cut.rows.equals(every.rows.slice(0, 3))
    assert cut.caption.parameters["pairs"] == f"the 3 with the smallest q of {total}"
    latents = np.array([3, 8, 196, 198])  # two of them are dense
    of_pairs = pairs_table(planted_bundle, latents, "joint", hide_flags=False)
    for hide_flags, same in ((False, True), (True, False)):
        ranked = strongest_pairs(planted_bundle, latents, "joint", hide_flags=hide_flags)
        part = ranked.rows.select(["latent", "partner"])
        assert of_pairs.rows.select(["latent", "partner"]).equals(part) is same
    shown = ranked._replace(rows=ranked.rows.slice(0, 5))
    monkeypatch.setattr(tables, "strongest_pairs", lambda *args, **kwargs: shown)
    few = pairs_table(planted_bundle, latents, "lift")
    assert few.caption.parameters["pairs"] == f"the 5 strongest of {ranked.total:,}"


def test_the_column_of_explanations_is_there_if_a_row_has_one(planted_bundle: Bundle) -> None:
    texts = ["a ship" if i == 8 else "" for i in range(planted_bundle.latents.num_rows)]
    place = planted_bundle.latents.column_names.index("explanation")
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = planted_bundle.latents.set_column(place, "explanation", [texts])
    for latents, has in (([3, 8], True), ([3, 9], False)):
        mask = np.isin(np.arange(len(texts)), latents)
        assert ("explanation" in listed(bundle, mask).column_names) is has
