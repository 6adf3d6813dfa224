"""The selection bar in a real browser: read from the page and from the link."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FIELD, PATIENCE, OpenPage
from tests.browser.test_selection_steps import _select, _selection, _wait_for

pytestmark = pytest.mark.browser


def _count(page: Page) -> str:
    return page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ latents$")).inner_text()


def test_chips_undo_and_redo(open_page: OpenPage) -> None:
    page = open_page("clusters")
    _select(page, "flag=live & latent=3..40")
    both = _count(page)
    page.locator(".st-key-chip-0 button:visible").click()
    _wait_for(page, "latent=3..40")
    assert _count(page).startswith("38 of ")
    page.locator(".st-key-undo-selection button:visible").click()
    _wait_for(page, "flag=live & latent=3..40")
    assert _count(page) == both
    page.locator(".st-key-redo-selection button:visible").click()
    _wait_for(page, "latent=3..40")


def test_the_number_is_hidden_while_another_selection_is_typed(open_page: OpenPage) -> None:
    page = open_page("clusters?select=latent%3D3..40")
    number = page.get_by_text(re.compile(r"^38 of [\d,]+ latents$"))
    expect(number).to_be_visible()
    field = page.locator(FIELD)
    field.press("End")
    field.press_sequentially(" & fl")
    expect(number).to_be_hidden()
    field.press("Enter")
    _wait_for(page, 'latent=3..40 & "fl"')
    assert not _count(page).startswith("38 ")


def test_named_selections_stay_in_the_browser(open_page: OpenPage) -> None:
    page = open_page("clusters")
    _select(page, "latent=3..40")
    page.get_by_role("button", name="Saved").click()
    page.get_by_label("Name of this selection").fill("first <b>ones</b>")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="first <b>ones</b>", exact=True)).to_be_visible()
    page.reload()
    _wait_for(page, "latent=3..40")
    page.get_by_role("button", name="Clear", exact=True).click()
    _wait_for(page, "")
    page.get_by_role("button", name="Saved").click()
    page.get_by_role("button", name="Rename first <b>ones</b>").click()
    page.get_by_label("New name").fill("first ones")
    page.get_by_label("New name").press("Enter")
    page.get_by_role("button", name="first ones", exact=True).click()
    _wait_for(page, "latent=3..40")
    assert _selection(page) == "latent=3..40"
    if not page.get_by_role("button", name="Delete first ones").is_visible():
        page.get_by_role("button", name="Saved").click()
    page.get_by_role("button", name="Delete first ones").click()
    expect(page.get_by_role("button", name="first ones", exact=True)).to_be_hidden()
    assert page.evaluate("localStorage.getItem('clearwater.selections')") == "[]"


@pytest.mark.parametrize("marks", ["cells_marks", "pairs_marks"])
def test_a_drag_over_the_heatmap_or_the_pairs_selects_their_latents(
    open_page: OpenPage, marks: str
) -> None:
    page = open_page("cooccurrence?select=cluster%3D3")
    drawn = page.locator(f".{marks} path")
    drawn.nth(3).scroll_into_view_if_needed()
    first, last = drawn.nth(1).bounding_box(), drawn.nth(3).bounding_box()
    assert first is not None and last is not None
    page.mouse.move(first["x"] + 3, first["y"] + first["height"] / 2)
    page.mouse.down()
    page.mouse.move(last["x"] + 7, last["y"] + last["height"] / 2 + 3, steps=8)
    page.mouse.up()
    page.wait_for_function("location.search.includes('latent%3D')", timeout=PATIENCE)
    assert re.fullmatch(r"cluster=3 & latent=[\d,.]+", _selection(page))
    assert "/cooccurrence" in page.url
