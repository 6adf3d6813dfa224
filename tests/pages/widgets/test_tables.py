"""The rows of the tables: which ones, in which order, and how many."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import streamlit as st

from analysis.bundle import Bundle, LevelName
from pages.widgets import tables
from pages.widgets.pickers import ChosenCluster
from pages.widgets.tables import _clicked_row, cluster_rows, latent_rows, with_marks
from tests.pages.conftest import Open


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
    assert latent_rows(planted_bundle, mask)["latent"].to_pylist() == expected
    assert expected[-3:] == [199, 196, 190]  # dense ones, then a dead one


def test_only_the_first_rows_are_listed(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    everything = list(range(planted_bundle.latents.num_rows))
    rows = latent_rows(planted_bundle, np.ones(len(everything), dtype=bool))
    assert rows["latent"].to_pylist() == _expected(planted_bundle, everything)[:3]


def test_the_column_of_explanations_is_left_out_if_all_are_empty(planted_bundle: Bundle) -> None:
    everything = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    assert set(planted_bundle.latents["explanation"].to_pylist()) == {""}
    assert "explanation" not in latent_rows(planted_bundle, everything).column_names


@pytest.mark.parametrize(
    ("cells", "rows", "expected"),
    [([], 5, None), ([(2, "label")], 5, 2), ([(4, "max")], 5, 4), ([(5, "max")], 5, None)],
)
def test_the_clicked_row(cells: list[tuple[int, str]], rows: int, expected: int | None) -> None:
    assert _clicked_row({"selection": {"cells": cells}}, rows) == expected


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
    assert latent_rows(bundle, mask)["latent"].to_pylist() == [4, 6, 8, 3, 5, 9]
    assert tables.MOST_ROWS == 1_000


def test_clusters_are_listed_with_their_selected_members_and_the_chosen_one_is_marked(
    planted_bundle: Bundle,
) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) % 3 == 0
    members = planted_bundle.memberships.to_pandas().query("space == 'cooccurrence' and level == 0")
    stored = planted_bundle.clusters.to_pandas().query("space == 'cooccurrence' and level == 0")
    chosen = int(stored["cluster"].iloc[2])
    page = SimpleNamespace(bundle=planted_bundle, mask=mask)
    rows = cluster_rows(page, ChosenCluster(chosen, LevelName("cooccurrence", 0), mask, 2))  # type: ignore[arg-type]
    order = sorted(zip(-stored["size"], stored["cluster"], strict=True))
    assert rows["cluster"].to_pylist() == [cluster for _, cluster in order]
    for row in rows.to_pylist():
        own = members["latent"][members["cluster"] == row["cluster"]]
        assert row["selected"] == mask[own].sum()
        assert row["chosen"] == ("▸" if row["cluster"] == chosen else "")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (1_234, "**Pairs** · 1,234 · click"),
        (1_000, "**Pairs** · 1,234, the 1,000 strongest shown · click"),
    ],
)
def test_the_heading_states_how_many_rows_are_shown(
    shown: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    tables._heading("Pairs", 1_234, shown, "strongest", "click")
    assert written == [text]


def test_rows_are_marked_if_only_some_are_selected(planted_bundle: Bundle) -> None:
    mask = np.zeros(planted_bundle.latents.num_rows, dtype=bool)
    mask[[3, 8, 170]] = True
    rows = latent_rows(planted_bundle, mask)
    selected = np.zeros_like(mask)
    assert with_marks(rows, selected) is rows
    assert with_marks(rows, ~selected) is rows
    selected[[8, 9]] = True
    marked = with_marks(rows, selected)
    assert dict(zip(*(marked[c].to_pylist() for c in ("latent", "selected")), strict=True)) == {
        3: "",
        8: "●",
        170: "",
    }


def test_ticked_rows_become_the_selection_in_one_step(open_page: Open) -> None:
    app = open_page("map", select="latent=3,8,20 & active_tokens>0")
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
