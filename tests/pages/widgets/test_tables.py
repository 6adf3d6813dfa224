"""The rows of the tables: which ones, in which order, and how many."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from pages.widgets import tables
from pages.widgets.tables import _clicked_row, latent_rows


def test_selected_latents_are_listed_densest_first(planted_bundle: Bundle) -> None:
    mask = np.zeros(planted_bundle.latents.num_rows, dtype=bool)
    mask[[3, 170, 8, 190]] = True
    density = planted_bundle.latents["density"].to_pylist()
    expected = sorted([3, 170, 8, 190], key=lambda i: (-density[i], i))
    assert latent_rows(planted_bundle, mask)["latent"].to_pylist() == expected


def test_only_the_densest_rows_are_listed(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    density = planted_bundle.latents["density"].to_pylist()
    rows = latent_rows(planted_bundle, np.ones(len(density), dtype=bool))
    expected = sorted(range(len(density)), key=lambda i: (-density[i], i))[:3]
    assert rows["latent"].to_pylist() == expected


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
