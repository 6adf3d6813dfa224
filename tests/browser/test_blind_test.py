"""The intruder test by keyboard, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser


def test_keys_answer_the_trials_and_the_page_comes_back(open_page: OpenPage) -> None:
    page = open_page("latent?latent=100", 390)
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name="Test yourself").click()
    expect(page.get_by_text("Which context is foreign?")).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(0)
    clock = page.locator(".clearwater-clock i")
    width = clock.evaluate("bar => bar.getBoundingClientRect().width")
    page.wait_for_timeout(300)
    assert clock.evaluate("bar => bar.getBoundingClientRect().width") < width
    for number, key in enumerate("15", 1):
        page.keyboard.press(key)
        expect(page.get_by_text(f"{number} answered")).to_be_visible()
    page.get_by_role("button", name=re.compile("^stop Stop$|^Stop$")).last.click()
    expect(page.get_by_text("Your test of latent 100")).to_be_visible()
    # The words may tie and then get a part of a trial; trials are drawn anew each time.
    score = re.compile(r"^(2|[01]?(\.\d+)?) of 2 \(")
    expect(page.get_by_text(score)).to_have_count(2)
    page.get_by_role("button", name="Back to latent 100").click()
    expect(page.locator("[data-testid=stVegaLiteChart]").first).to_be_visible()
