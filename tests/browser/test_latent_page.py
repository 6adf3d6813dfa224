"""The Latent page as a reader sees it: what is above the fold, its ranges and its documents."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from analysis.bundle import Bundle
from tests.browser.conftest import PATIENCE, OpenPage, settle

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 1440, 900
CONTEXTS = "[class*=st-key-card-latent-][class*=-contexts-] .vega-embed svg"


def typical(bundle: Bundle) -> int:
    """A live latent with a scored label and many active tokens."""
    rows = bundle.latents.to_pylist()
    scored = [
        row
        for row in rows
        if row["flag"] == "live" and row["label"] and row["label_precision"] is not None
    ]
    return int(max(scored, key=lambda row: row["active_tokens"])["latent"])


def test_name_score_and_contexts_are_above_the_fold(open_page: OpenPage, bundle: Bundle) -> None:
    latent = typical(bundle)
    page = open_page(f"latent?latent={latent}", WIDTH, HEIGHT)
    title = page.get_by_role("heading", name=re.compile(rf" latent {latent}$"))
    score = page.get_by_text(re.compile(r"^Label on .*precision"))
    for part in (title, score):
        box = part.bounding_box()
        assert box is not None and box["y"] + box["height"] < HEIGHT
    lines = page.locator(f"{CONTEXTS} .mark-text text").evaluate_all(_LINES)
    assert sum(line < HEIGHT for line in lines) >= 8
    assert page.evaluate(_CONTROLS) <= 6
    assert page.evaluate(_WHOLE_HEIGHT) <= 2.5 * HEIGHT


def test_a_drag_over_the_histogram_and_a_click_on_a_line(
    open_page: OpenPage, bundle: Bundle
) -> None:
    latent = typical(bundle)
    page = open_page(f"latent?latent={latent}", WIDTH, HEIGHT)
    box = page.locator("[class*=st-key-card-latent-][class*=-activations]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 110)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 110, steps=5)
    page.mouse.up()
    expect(page.get_by_text("Contexts and partners of")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert "regime=" in page.url
    _click_a_line(page)
    document = page.get_by_role("dialog").get_by_text("Activation along the document")
    expect(document).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert "passage=" in page.url
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('passage=')")
    assert "regime=" in page.url


def _click_a_line(page: Page) -> None:
    box = page.locator(CONTEXTS).first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.55 * box["width"], box["y"] + 0.4 * box["height"])


_LINES = """
texts => [...new Set(texts.map(text => Math.round(text.getBoundingClientRect().bottom)))]
"""
_WHOLE_HEIGHT = "() => document.querySelector('[data-testid=stMain]').scrollHeight"
# The fields and buttons of the page itself; those of every page are in the bar of the selection.
_CONTROLS = """
() => {
  const kinds = ['stNumberInput', 'stTextInput', 'stSelectbox', 'stButton', 'stPopover',
    'stButtonGroup', 'stCheckbox'];
  const figure = document.querySelector('.vega-embed');
  const of_every_page = '.st-key-selection-bar, .st-key-page-name, .st-key-chips';
  const all = document.querySelectorAll(kinds.map(kind => `[data-testid=${kind}]`).join(', '));
  return Array.from(all).filter(control => !control.closest(of_every_page)
    && !control.closest('[data-testid=stSidebar]')
    && !control.closest('[class*=st-key-head-room]')
    && control.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING).length;
}
"""


def test_colour_bars_keep_their_colours_when_the_address_changes(
    open_page: OpenPage, bundle: Bundle
) -> None:
    page = open_page(f"latent?latent={typical(bundle)}", WIDTH, HEIGHT)
    bar = page.locator(f"{CONTEXTS} [fill*='#legend-colours-']").first
    expect(bar).to_be_visible()
    page.evaluate("history.replaceState(null, '', location.pathname + '?changed=1')")
    fill = bar.get_attribute("fill") or ""
    assert re.fullmatch(r"url\(#legend-colours-\d+\)", fill)
    assert page.locator(f"linearGradient{fill[4:-1]}").count() == 1
    picture = Image.open(io.BytesIO(bar.screenshot())).convert("RGB")
    assert len(picture.getcolors(2**16) or []) > 10
