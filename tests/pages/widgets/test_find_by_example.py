"""The panel of the Overview that finds latents by example."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.bundle.positions import KeptTokens
from analysis.selection import Latents, example_ranking, ids_of, parse
from charts.example_table import example_table, example_values
from pages.widgets import find_by_example
from tests.pages.conftest import Open, click, texts
from tests.planted_profiles import planted_languages, with_profiles


def test_two_sets_give_latents_that_can_be_selected(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_ranking, "LEAST", 2)
    monkeypatch.setattr(find_by_example, "SIGNIFICANT", 0.3)  # there are few documents
    app = open_page("overview")
    assert "Latents more active" not in texts(app)
    first = next(field for field in app.text_input if field.label == "First set")
    first.set_value("captain")
    (unit,) = [choice for choice in app.button_group if choice.label == "Counted by"]
    assert unit.value == "window"
    unit.set_value("document")
    click(app, "Find latents")
    table = example_table(planted_bundle, "captain", "", "document")
    shown = next(frame.value for frame in app.dataframe if "auc" in frame.value)
    assert shown["latent"].tolist() == table.rows["latent"].to_pylist()
    assert "Latents more active in captain than in all others" in texts(app)
    better = find_by_example.significant(table)
    assert better == [row["latent"] for row in table.rows.to_pylist() if row["p_value"] <= 0.3]
    button = app.button(key="select by example")
    assert better and not button.disabled
    button.click().run()
    assert parse(app.query_params["select"]) == Latents(ids_of(better))


def test_windows_are_offered_where_some_document_has_more_than_one() -> None:
    for lengths, units in (
        ([256, 256, 9], ["document"]),
        ([256, 257, 9], ["document", "window"]),
    ):
        document = np.repeat(np.arange(3), lengths)
        kept = KeptTokens.of(document, np.ones(len(document), dtype=bool))
        bundle = cast(Bundle, SimpleNamespace(kept_tokens=kept))
        assert find_by_example.offered_units(bundle) == units


def test_the_sets_are_compared_by_the_chosen_unit(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, ...]] = []
    monkeypatch.setattr(find_by_example, "_show", lambda _, *sets: compared.append(sets))
    app = open_page("overview")
    for label, text in (("First set", "captain"), ("Second set", "whale")):
        next(field for field in app.text_input if field.label == label).set_value(text)
    click(app, "Find latents")
    (unit,) = [choice for choice in app.button_group if choice.label == "Counted by"]
    unit.set_value("document")
    click(app, "Find latents")
    units = [one[2] for one in compared]
    assert {one[:2] for one in compared} == {("captain", "whale")}
    assert units[0] == "window" and units[-1] == "document"


def test_a_set_that_names_nothing_is_explained(open_page: Open) -> None:
    app = open_page("overview")
    next(field for field in app.text_input if field.label == "First set").set_value("source=x")
    click(app, "Find latents")
    assert "no document has one" in app.error[0].value.replace("\\", "")


def test_the_columns_of_the_corpus_are_named(planted_bundle: Bundle, tmp_path: Path) -> None:
    assert "column" not in find_by_example.ways_to_give_a_set(planted_bundle)
    columns = {"language": planted_languages(planted_bundle)}
    profiled = with_profiles(planted_bundle, tmp_path, columns)
    first, *others = example_values(profiled)["language"]
    expected = f"a value of a column (language={first} or {', '.join(others)})"
    assert expected in find_by_example.ways_to_give_a_set(profiled)


def test_a_latent_at_the_limit_beats_chance() -> None:
    rows = pa.table({"latent": [5, 3, 9], "p_value": [0.05, 0.0501, 0.01]})
    table = SimpleNamespace(rows=rows)
    assert find_by_example.significant(table) == [5, 9]  # type: ignore[arg-type]
