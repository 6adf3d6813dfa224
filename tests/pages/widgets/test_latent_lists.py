"""The lists of the Latent page: a click on a name opens a latent, on a number the pair."""

import pytest

from analysis.bundle import Bundle
from charts.latent_lists import listed_partners
from tests.pages.conftest import Open, texts


@pytest.mark.parametrize(("column", "page"), [("name", "Latent"), ("phi", "Pair")])
def test_a_click_opens_what_the_column_stands_for(
    open_page: Open, planted_bundle: Bundle, column: str, page: str
) -> None:
    app = open_page("latent", latent=8)
    partner = listed_partners(planted_bundle, 8, "phi").rows["latent"][1].as_py()
    key = "list of partners phi None of 8"
    app.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": [(1, column)]}}
    app.run()
    assert app.title[0].value == page
    named = "latent" if page == "Latent" else "partner"
    assert app.query_params[named] == str(partner)


def test_a_latent_without_partners_says_why(open_page: Open) -> None:
    app = open_page("latent", latent=190)
    assert "Latent 190 is dead" in texts(app)
