"""Back and Forward are one step each, and a page begins at its top; the address says where."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FIELD, PATIENCE, OpenPage, settle

pytestmark = pytest.mark.browser
MAIN = "[data-testid=stMain]"
"""The element that scrolls."""


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


def _scrolled(page: Page) -> float:
    return float(page.locator(MAIN).evaluate("main => main.scrollTop"))


def test_another_page_begins_at_its_top_and_the_same_page_stays(open_page: OpenPage) -> None:
    page = open_page("clusters", height=400)
    button = page.get_by_role("button", name="Select its latents on every page")
    button.scroll_into_view_if_needed()
    at = _scrolled(page)
    assert at > 0
    button.click()
    page.wait_for_function("location.search.includes('select=')", timeout=PATIENCE)
    settle(page)
    assert _scrolled(page) == at
    assert (_step(page, -1), _selection(page), _scrolled(page)) == ("/clusters", "", at)
    page.get_by_role("link", name="Co-occurrence").click()
    expect(page).to_have_url(re.compile("/cooccurrence"))
    settle(page)
    assert _scrolled(page) == 0
    page.locator(MAIN).evaluate("main => main.scrollTo(0, 300)")
    assert _scrolled(page) == 300
    assert (_step(page, -1), _scrolled(page)) == ("/clusters", 0)


def test_a_card_opens_a_page_at_its_top(open_page: OpenPage) -> None:
    page = open_page("", height=600)
    card = page.get_by_role("button", name="Show the cluster").first
    card.scroll_into_view_if_needed()
    assert _scrolled(page) > 0
    card.click()
    expect(page).to_have_url(re.compile("/clusters"))
    settle(page)
    assert _scrolled(page) == 0
