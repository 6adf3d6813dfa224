"""The explanation of a selection, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, settle

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1440, 390])
def test_the_explanation_fits_and_its_link_shows_it_again(open_page: OpenPage, width: int) -> None:
    page = open_page("?select=near(100)", width)
    page.get_by_role("button", name="Explain this selection").click()
    expect(page.get_by_text("Clusters that overlap the selection most")).to_be_visible()
    settle(page)
    main = "document.querySelector('[data-testid=stMain]')"
    wide, shown = page.evaluate(f"[{main}.scrollWidth, {main}.clientWidth]")
    assert wide <= shown
    again = open_page(page.url, width)
    expect(again.get_by_text("Fires on, more than the rest")).to_be_visible()
