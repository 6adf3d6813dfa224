"""Notes in a real browser: the keys, a colleague's page, and text that is not interpreted."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import FIELD, PATIENCE, OpenPage, settle

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="document.title=1"> **b** $x$ \u202eabc'


def test_a_colleague_sees_a_note_without_reloading(open_page: OpenPage) -> None:
    writer, colleague = open_page("latent?latent=12"), open_page("latent?latent=12")
    expect(colleague.get_by_role("button", name=re.compile("^Note\\b"))).to_be_visible()
    writer.locator("body").press("n")
    writer.get_by_label("Text", exact=True).fill(f"seen in the browser {HOSTILE}")
    # A form is drawn again only when it is stored, whatever the page reads meanwhile.
    writer.wait_for_timeout(4_500)
    expect(writer.get_by_label("Text", exact=True)).to_have_value(re.compile("^seen in the"))
    writer.get_by_role("button", name="Save", exact=True).click()
    shown = colleague.locator(".clearwater-note")
    expect(shown).to_have_text(f"seen in the browser {HOSTILE}".replace("\u202e", "‹RLO›"))
    assert colleague.title() == writer.title() != "1"
    expect(writer.get_by_label("Text", exact=True)).to_be_hidden()


def test_a_page_with_a_note_is_left_while_a_colleague_writes(open_page: OpenPage) -> None:
    page, colleague = open_page("clusters"), open_page("latent?latent=12")
    for name in ("Clusters", "Pair"):
        if not page.url.partition("?")[0].endswith(name.lower()):
            page.get_by_role("link", name=name, exact=True).click()
            page.wait_for_url(re.compile(f"/{name.lower()}\\b"))
            settle(page)
        expect(page.get_by_role("button", name=re.compile("^Note\\b"))).to_be_visible()
        colleague.get_by_role("button", name=re.compile("^Fits")).click()
        page.locator(FIELD).click()
        page.keyboard.insert_text("the")
        page.get_by_role("option").first.wait_for()
        # The next question of the page is due while the other page is being opened.
        page.wait_for_timeout(2_500)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/latent\b"))
        settle(page)
        expect(page.get_by_role("button", name="Next without a note")).to_be_visible()
        expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_the_key_j_goes_to_the_next_latent(open_page: OpenPage) -> None:
    page = open_page("latent?latent=12&select=latent%3D12..14")
    expect(page.get_by_role("button", name="Next without a note")).to_be_visible()
    page.locator("body").press("j")
    page.wait_for_url(re.compile(r"latent=1[34]\b"))
    settle(page)


FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName"


def test_keys_label_latents_without_the_mouse(open_page: OpenPage) -> None:
    page = open_page("latent?latent=22&select=latent%3D22..24")
    expect(page.get_by_role("button", name="Next without a note")).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("Name", exact=True).wait_for()
    page.wait_for_function(f"() => ({FOCUSED}) === 'Name'", timeout=PATIENCE)
    page.keyboard.type("junk by x and j")  # keys of a page, which count as text here
    expect(page.get_by_label("Name", exact=True)).to_have_value("junk by x and j")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_hidden()
    expect(page.get_by_text("junk by x and j", exact=True)).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("1: the label does not fit")).to_be_visible()
    page.keyboard.press("y")
    expect(page.get_by_text("1: the label fits")).to_be_visible()
    page.keyboard.press("j")
    page.wait_for_url(re.compile(r"latent=2[34]\b"))
    settle(page)


def test_the_key_n_writes_a_note_on_the_latent_in_focus_on_the_map(open_page: OpenPage) -> None:
    page = open_page("map?latent=12")
    expect(page.get_by_text("Latent 12", exact=True)).to_be_visible()
    page.locator(".map canvas").first.focus()
    page.keyboard.press("n")
    page.wait_for_function(f"() => ({FOCUSED}) === 'Name'", timeout=PATIENCE)
    page.get_by_label("Text", exact=True).fill("from the map")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".clearwater-note")).to_have_text("from the map")
    settle(page)
