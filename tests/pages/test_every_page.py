"""Every page draws its figures and shows the selection."""

import pytest

from tests.pages.conftest import Open, charts, texts

PAGES = {"overview": 4, "map": 2, "clusters": 6, "cooccurrence": 2, "pair": 8, "latent": 2}
"""Charts on each page. A bundle without a model has no logit effects to draw. Each latent of the
first pair also fires where the other one does not, so that all three kinds of contexts are shown.
"""


@pytest.mark.parametrize("page", PAGES)
def test_every_page_draws_its_figures_without_errors(open_page: Open, page: str) -> None:
    app = open_page(page)
    assert not app.exception and not app.error
    assert len(charts(app)) == PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_selection_of_its_link(open_page: Open, page: str) -> None:
    app = open_page(page, select="flag=dead")
    assert not app.exception
    assert "**6** of 200 latents" in texts(app)
    assert app.text_input[0].value == "flag=dead"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_accepts_an_empty_selection(open_page: Open, page: str) -> None:
    app = open_page(page, select='"no such token anywhere"')
    assert not app.exception
    assert "**0** of 200 latents" in texts(app)
