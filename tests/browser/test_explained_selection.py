"""The explanation of a selection, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, settle

pytestmark = pytest.mark.browser


def test_the_explanation_fits_and_its_link_shows_it_again(open_page: OpenPage) -> None:
    page = open_page("?select=near(100)", 1440)
    page.get_by_role("button", name="Explain this selection").click()
    expect(page.get_by_text("Clusters that it overlaps most")).to_be_visible()
    settle(page)
    assert page.evaluate(_FITS)
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function(_FITS)  # charts take their new width
    again = open_page(page.url, 390)
    expect(again.get_by_text("Fires on, more than the rest")).to_be_visible()
    again.wait_for_function(_FITS)


_FITS = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return main.scrollWidth <= main.clientWidth;
}"""
