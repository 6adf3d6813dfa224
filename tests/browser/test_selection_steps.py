"""Back and Forward are one step each; what a reader did is read from the address."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FIELD, PATIENCE, OpenPage, settle

pytestmark = pytest.mark.browser


def _select(page: Page, text: str) -> None:
    field = page.locator(FIELD)
    field.fill(text)
    field.press("Enter")
    _wait_for(page, text)


def _wait_for(page: Page, selection: str) -> None:
    page.wait_for_function(
        "text => (new URLSearchParams(location.search).get('select') ?? '') === text",
        arg=selection,
        timeout=PATIENCE,
    )
    settle(page)


def _selection(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("select", [""])[0]


def _steps(page: Page) -> int:
    return int(page.evaluate("history.length"))


def _step(page: Page, by: int) -> str:
    """Go back or forward; the path of the address after it."""
    page.evaluate(f"history.go({by})")
    page.wait_for_timeout(500)
    settle(page)
    return urlsplit(page.url).path


def test_back_and_forward_are_one_step_for_each_page_and_selection(open_page: OpenPage) -> None:
    page = open_page("clusters")
    first = _steps(page)
    _select(page, "flag=live")
    assert _steps(page) == first + 1
    page.get_by_role("link", name="Co-occurrence").click()
    _wait_for(page, "flag=live")
    expect(page).to_have_url(re.compile("/cooccurrence"))
    assert _steps(page) == first + 2
    _select(page, "latent=3..40")
    assert _steps(page) == first + 3

    assert (_step(page, -1), _selection(page)) == ("/cooccurrence", "flag=live")
    assert (_step(page, -1), _selection(page)) == ("/clusters", "flag=live")
    assert (_step(page, -1), _selection(page)) == ("/clusters", "")
    for path, selection in (
        ("/clusters", "flag=live"),
        ("/cooccurrence", "flag=live"),
        ("/cooccurrence", "latent=3..40"),
    ):
        assert (_step(page, 1), _selection(page)) == (path, selection)
    assert _steps(page) == first + 3
    expect(page.get_by_text(re.compile(r"^38 of [\d,]+ latents$"))).to_be_visible()


def test_opening_a_latent_is_one_step(open_page: OpenPage) -> None:
    page = open_page("latent?latent=3&select=latent%3D1..9")
    first = _steps(page)
    page.get_by_role("button", name=re.compile("^Next")).first.click()
    page.wait_for_function("!location.search.includes('latent=3&')", timeout=PATIENCE)
    settle(page)
    assert _steps(page) == first + 1


def test_a_link_opens_with_the_same_selection_in_a_fresh_browser(open_page: OpenPage) -> None:
    page = open_page("clusters")
    _select(page, "flag=live & !latent=3..40")
    shown = page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ latents$")).inner_text()
    fresh = open_page(page.url)
    expect(fresh.get_by_text(shown, exact=True)).to_be_visible()
    assert _selection(fresh) == "flag=live & !latent=3..40"
