"""The lists of the Latent page: a click on a name opens a latent, on a number the pair."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.latent_lists import listed_partners, listed_tokens
from pages.widgets import latent_lists
from tests.pages.conftest import Open, texts


@pytest.mark.parametrize(("column", "page"), [("name", "Latent"), ("phi", "Pair")])
def test_a_click_opens_what_the_column_stands_for(
    open_page: Open, planted_bundle: Bundle, column: str, page: str
) -> None:
    app = open_page("latent", latent=8)
    partner = listed_partners(planted_bundle, 8, "phi").rows["latent"][1].as_py()
    key = "list of partners phi None of 8"
    if column == "name":  # a row that another bundle had below the last one
        below = listed_partners(planted_bundle, 8, "phi").rows.num_rows
        app.session_state[key] = {
            "selection": {"rows": [], "columns": [], "cells": [(below, column)]}
        }
        app.run()
        assert not app.exception and app.query_params["latent"] == "8"
    app.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [(1, column)]}}
    app.run()
    assert app.title[0].value == page
    named = "latent" if page == "Latent" else "partner"
    assert app.query_params[named] == str(partner)


def test_a_latent_without_partners_says_why(open_page: Open) -> None:
    app = open_page("latent", latent=190)
    assert "Latent 190 is dead" in texts(app)


def test_the_tokens_of_a_latent_follow_the_range(open_page: Open, planted_bundle: Bundle) -> None:
    values = np.sort(planted_bundle.activations.of_latent(8)[1])
    regime = float(values[len(values) // 2]), float(values[-1])
    for chosen, params in ((None, {}), (regime, {"regime": "{:.7g},{:.7g}".format(*regime)})):
        app = open_page("latent", latent=8, **params)
        table = listed_tokens(planted_bundle, 8, chosen)
        (shown,) = [frame.value for frame in app.dataframe if "share" in frame.value][:1]
        assert shown["active_tokens"].tolist() == table.rows["active_tokens"].to_pylist()
        expected = [text.replace(" ", "␣", 1) for text in table.rows["token"].to_pylist()]
        assert shown["token"].tolist() == expected
        assert table.title in texts(app)


@pytest.mark.parametrize(
    ("values", "bounded", "end", "digits"),
    [([0.5, 0.25], True, 0.5, "%.3f"), ([None, 7.0], False, 7.0, "%.3g"), ([], True, 1.0, "%.3f"),
     ([0.0, -1.0], True, 1.0, "%.3f")],
)  # fmt: skip
def test_a_bar_ends_at_the_largest_value(
    values: list[float | None], bounded: bool, end: float, digits: str
) -> None:
    stored = pa.chunked_array([pa.array(values, pa.float64())])
    column: Any = latent_lists._bar("phi", stored, bounded)
    bar = column["type_config"]
    assert (bar["min_value"], bar["max_value"], bar["format"]) == (0, end, digits)


def test_the_space_before_a_word_can_be_seen_and_no_other() -> None:
    tokens = pa.chunked_array([[" sea", "a b", "  ", "x "]])
    shown = latent_lists.with_leading_space(tokens).to_pylist()
    assert shown == ["␣sea", "a b", "␣ ", "x "]
