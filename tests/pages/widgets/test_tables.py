"""The tables of the pages: how they are drawn, what a click does, and their exports."""

from fnmatch import fnmatch
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from charts import tables as charts_tables
from charts.core.export import ROWS_KINDS
from charts.core.figure import Figure
from pages.widgets import tables
from pages.widgets.export_menu import SHOWN
from pages.widgets.frames import frame as displayed
from pages.widgets.tables import _clicked_row, heading
from tests.pages.conftest import Open, open_menus, texts

AS_PERCENTAGES = ("member_share",)
"""Shares of the table of clusters that are drawn as percentages."""


@pytest.mark.parametrize(
    ("cells", "rows", "expected"),
    [([], 5, None), ([(2, "label")], 5, 2), ([(4, "max")], 5, 4), ([(5, "max")], 5, None)],
)
def test_the_clicked_row(cells: list[tuple[int, str]], rows: int, expected: int | None) -> None:
    assert _clicked_row({"selection": {"cells": cells}}, rows) == expected


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (1_234, "**Pairs** · 1,234 · click"),
        (1_000, "**Pairs** · 1,234, the 1,000 strongest shown · click"),
    ],
)
def test_the_heading_states_how_many_rows_are_shown(shown: int, text: str) -> None:
    assert heading("Pairs", 1_234, shown, "strongest", "click") == text


def test_selected_rows_have_a_mark() -> None:
    rows = pa.table({"selected": [True, False], "latent": [3, 8]})
    assert tables._with_marks(rows).to_pydict() == {"selected": ["●", ""], "latent": [3, 8]}
    assert tables._with_marks(rows.drop_columns(["selected"])).column_names == ["latent"]


def with_table(app: AppTest) -> AppTest:
    """The Map page with the table in its rail, which is made when its tab is opened."""
    app.session_state["tabs of the rail"] = "Latents"
    return app.run()


def test_ticked_rows_become_the_selection_in_one_step(open_page: Open) -> None:
    app = with_table(open_page("map", select="latent=3,8,20 & active_tokens>0"))
    listed = app.dataframe[0].value["latent"].tolist()
    key = f"table of selected latents {tables._digest(listed)}"
    app.session_state[key] = {"selection": {"rows": [0, 2], "columns": [], "cells": []}}
    app.run()
    app.button(key="select the ticked selected latents").click().run()
    kept = ",".join(str(i) for i in sorted((listed[0], listed[2])))
    assert app.query_params["select"] == f"active_tokens>0 & latent={kept}"
    assert sorted(app.dataframe[0].value["latent"].tolist()) == sorted((listed[0], listed[2]))
    app.button(key="undo selection").click().run()
    assert app.query_params["select"] == "latent=3,8,20 & active_tokens>0"
    assert "ticked" not in " ".join(button.label for button in app.button)


@pytest.mark.parametrize(
    ("page", "params", "tables_of_page"),
    [
        ("map", {"select": "density<0.02"}, ["selected-latents"]),
        ("clusters", {}, ["clusters-decoder-0", "members-of-cluster-*"]),
        ("cooccurrence", {}, ["pairs-table-phi"]),
        ("cooccurrence", {"tab": "relations"}, ["relations-table-all"]),
        ("cooccurrence", {"tab": "components"}, ["selected-latents"]),
        ("pair", {"latent": 1, "partner": 8}, ["pair-1-8-tests"]),
    ],
)
def test_every_table_exports_the_rows_that_it_shows(
    open_page: Open, page: str, params: dict[str, object], tables_of_page: list[str]
) -> None:
    app = open_page(page, **params)
    if page == "map":
        app = with_table(app)
    # The map is made for a report only when one is saved.
    shown = [one for one in app.session_state[SHOWN] if not callable(one)]
    exported = [one for one in shown if not isinstance(one, Figure)]
    assert len(exported) == len(tables_of_page)
    opened = open_menus(app)
    for table, name in zip(exported, tables_of_page, strict=True):
        assert fnmatch(table.name, name)
        assert table.call is not None and table.rows.num_rows
        assert table.caption.parameters.get("selection", "") == params.get("select", "")
        keys = [str(vars(one)["proto"].id) for one in opened.get("download_button")]
        for kind in ROWS_KINDS:
            assert any(key.endswith(f"export {table.name} {kind}") for key in keys), kind
    for frame, table in zip(app.dataframe, exported, strict=False):
        marks = [name for name in ("chosen",) if name in frame.value]
        if marks:
            chosen = int(app.query_params["cluster"])
            marked = ["▸" if one == chosen else "" for one in frame.value["cluster"]]
            assert frame.value["chosen"].tolist() == marked
        drawn = frame.value.drop(columns=marks)
        assert list(drawn.columns) == table.rows.column_names
        for name in set(drawn.columns) - {"selected", "top_tokens"}:
            wanted = displayed(table.rows.select([name])).to_pandas()[name]
            if page == "clusters" and name in AS_PERCENTAGES:
                wanted = 100 * wanted
            pd.testing.assert_series_equal(drawn[name], wanted, check_names=False)


def test_the_number_of_selected_members_is_shown_after_the_size_if_it_tells() -> None:
    columns = ("label", "size", "stability")
    assert tables._first(columns, None) == ["label", "size", "stability"]
    some = np.array([True, False])
    assert tables._first(columns, some) == ["label", "size", "selected", "stability"]


@pytest.mark.parametrize(("largest", "end"), [(0.25, 0.25), (7.0, 7.0), (0.0, 1.0)])
def test_the_bar_of_the_measure_comes_first_and_ends_at_the_largest_value(
    largest: float, end: float
) -> None:
    columns: Any = tables._pair_columns("lift", largest)
    assert list(columns)[:3] == ["lift", "latent", "latent_label"]
    assert list(columns).count("lift") == 1
    bar = columns["lift"]["type_config"]
    assert (bar["type"], bar["min_value"], bar["max_value"]) == ("progress", 0, end)
    assert "expected" in columns and "joint_tokens" in columns


def test_shares_are_drawn_in_percent_and_nothing_else_is() -> None:
    shown = pa.table({"stability": [0.5, None], "bootstrap": [0.25, 0.5]})
    drawn = tables._in_percent(shown, "stability")
    assert drawn["stability"].to_pylist() == [50, None]
    assert drawn["bootstrap"].to_pylist() == [0.25, 0.5]


def _members(path: str, latents: list[int]) -> None:
    import numpy as np  # noqa: PLC0415
    import streamlit as st  # noqa: PLC0415

    from analysis.bundle import open_bundle  # noqa: PLC0415
    from pages.widgets.tables import latent_table  # noqa: PLC0415

    bundle = st.cache_resource(open_bundle)(path)
    mask = np.isin(np.arange(bundle.latents.num_rows), latents)
    st.markdown(f"ticked: {latent_table(bundle, mask, 'Members')}")


@pytest.mark.parametrize("rows", [[], [1], [0, 2]])
def test_only_a_single_ticked_latent_has_its_note_shown(
    planted_bundle: Bundle, rows: list[int]
) -> None:
    given = {"path": str(planted_bundle.path), "latents": [3, 8, 20]}
    app = AppTest.from_function(_members, kwargs=given, default_timeout=60).run()
    listed = app.dataframe[0].value["latent"].tolist()
    key = f"table of members {tables._digest(listed)}"
    app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    app.run()
    ticked = [one.value for one in app.markdown if one.value.startswith("ticked")]
    assert ticked == [f"ticked: {listed[rows[0]] if len(rows) == 1 else None}"]
    labels = [button.label for button in app.button if "ticked" in button.label]
    assert labels == [f"Select the {len(rows)} ticked"] * bool(rows)
    # A row that the table does not have, in a forged message.
    app.session_state[key] = {"selection": {"rows": [*rows, 9], "columns": [], "cells": []}}
    app.run()
    assert not app.exception and not app.error
    assert [one.value for one in app.markdown if one.value.startswith("ticked")] == ticked


def test_a_relation_opens_its_pair_and_the_heading_counts_all_listed(
    open_page: Open, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts_tables, "MOST_ROWS", 2)
    app = open_page("cooccurrence", tab="relations", flagged="shown")
    listed = planted_bundle.relations.all().num_rows
    assert f"**Relations** · {listed}, the 2 smallest q shown" in texts(app)
    rows = app.dataframe[0].value
    a, b = rows["a"].tolist(), rows["b"].tolist()
    assert len(a) == 2 and a[1] != b[1]
    app.session_state["relations"] = {"selection": {"rows": [], "columns": [], "cells": [(1, "q")]}}
    app.run()
    assert app.title[0].value == "Pair"
    assert (app.query_params["latent"], app.query_params["partner"]) == (str(a[1]), str(b[1]))
