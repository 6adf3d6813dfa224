"""A reader can see which latents are selected, on every page.

A click is tested in `tests/browser/test_search.py`.
"""

import pytest
from streamlit.testing.v1 import AppTest

from analysis.selection import text_search
from pages.widgets.selected_list import _MENU
from tests.pages.conftest import Open, texts


def opened(app: AppTest) -> AppTest:
    """The page with the list open, as the browser reports it."""
    app.session_state[_MENU] = True
    return app.run()


def listed(app: AppTest) -> list[int]:
    """The latents of the list."""
    keys = [str(button.key) for button in app.button]
    return [int(key.removeprefix("listed ")) for key in keys if key.startswith("listed ")]


@pytest.mark.parametrize("page", ["overview", "latent", "pair", "cooccurrence", "map"])
def test_the_selected_latents_are_listed_when_a_reader_asks(open_page: Open, page: str) -> None:
    app = open_page(page, select="latent=8,12,31")
    assert listed(app) == []
    assert listed(opened(app)) == [8, 12, 31]
    assert "top tokens" in texts(app)


def test_a_long_list_says_how_many_there_are(open_page: Open) -> None:
    app = opened(open_page("latent", select="latent=1..30"))
    assert listed(app) == list(range(1, 21))
    assert "The first 20 of 30, by id." in texts(app)
    app = opened(open_page("latent", select="latent=3 & latent=4"))
    assert listed(app) == [] and "No latent is selected." in texts(app)


def test_without_a_selection_there_is_no_list(open_page: Open) -> None:
    assert listed(opened(open_page("latent"))) == []


def test_a_selection_that_cannot_be_evaluated_has_no_list(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "MOST_SECONDS", 0)
    app = opened(open_page("latent", select="/a/"))
    assert "takes longer than 0 s" in app.error[0].value and listed(app) == []
