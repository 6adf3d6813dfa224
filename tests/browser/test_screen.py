"""Every page at three widths, in light and in dark colours, as a reader sees it or hears it."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from charts.core.scheme import Scheme, dark_of
from charts.core.theme import ACCENT, INK, PAPER
from tests.browser.accessibility import violations
from tests.browser.conftest import FIELD, PATIENCE, OpenPage, settle

pytestmark = pytest.mark.browser

PAGES = (
    "",
    "map",
    "clusters",
    "cooccurrence",
    "cooccurrence?tab=relations",
    "cooccurrence?tab=components",
    "cooccurrence?tab=neighbourhood",
    "pair",
    "latent",
)
SIZES = ((1440, 900), (1024, 768), (390, 844))
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def shown(colour: str, scheme: Scheme) -> str:
    """A colour of the light scheme as the style of an element in a scheme."""
    return f"rgb{rgb(colour if scheme == 'light' else dark_of(colour))}"


@pytest.mark.parametrize("name", PAGES, ids=[name or "overview" for name in PAGES])
def test_every_page_fits_and_has_the_colours_of_its_scheme(open_page: OpenPage, name: str) -> None:
    page = open_page(name, *SIZES[0], scheme=SCHEMES[0])
    # What is drawn again is pale for a moment, as the tours are when their tests end.
    expect(page.get_by_text("Testing this on the bundle")).to_have_count(0)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(".vega-embed svg, .vega-embed canvas").first).to_have_css(
            "background-color", shown(PAPER, scheme)
        )
        settle(page)
        # In dark from the last size back: every change of the width draws all charts again.
        for width, height in SIZES if scheme == SCHEMES[0] else SIZES[::-1]:
            page.set_viewport_size({"width": width, "height": height})
            size = f"{scheme} {width}x{height}"
            errors = "[data-testid=stException], [data-testid=stAlertContentError]"
            assert page.locator(errors).count() == 0, size
            page.wait_for_function(_FITS)  # charts take their new width
            page.wait_for_timeout(300)
            assert page.evaluate(_CUT_CHARTS) == [], size
            assert page.evaluate(_CUT_TEXTS) == [], size
            if scheme == SCHEMES[0] or (width, height) == SIZES[0]:  # colours have no width
                assert violations(page) == [], size
        assert page.evaluate(_COLOURS) == [shown(PAPER, scheme), shown(INK, scheme)]
        papers = page.evaluate(_CHART_PAPERS)
        assert papers and set(papers) == {shown(PAPER, scheme)}


def test_the_pixels_of_charts_have_the_colours_of_the_scheme_and_follow_it(
    open_page: OpenPage,
) -> None:
    page = open_page("", scheme="dark")
    for scheme in ("dark", *SCHEMES):
        page.emulate_media(color_scheme=scheme)
        svg = page.locator(".vega-embed svg").first
        expect(svg).to_have_css("background-color", shown(PAPER, scheme))
        settle(page)
        assert page.evaluate(_COLOURS) == [shown(PAPER, scheme), shown(INK, scheme)]
        assert set(page.evaluate(_CHART_PAPERS)) == {shown(PAPER, scheme)}
        chart = page.locator("[data-testid=stVegaLiteChart]").first
        image = Image.open(io.BytesIO(chart.screenshot(timeout=PATIENCE))).convert("RGB")
        colours = {pixel: n for n, pixel in image.getcolors(2**24) or []}
        paper, bars = (PAPER, ACCENT) if scheme == "light" else (dark_of(PAPER), dark_of(ACCENT))
        assert max(colours, key=lambda colour: colours[colour]) == rgb(paper)
        assert colours.get(rgb(bars), 0) > 500


def test_the_map_has_the_rest_of_the_window_and_stays_there_as_parts_are_selected(
    open_page: OpenPage,
) -> None:
    page = open_page("map?map=decoder", script=_COUNT_SHIFTS)
    page.locator(".map[data-drawn=all]").wait_for()
    settle(page)
    assert page.evaluate("window.shifts") < 0.1
    tools = [page.locator(f".st-key-{name}").bounding_box() for name in _TOOLS]
    tops = [tool["y"] + tool["height"] / 2 for tool in tools if tool]
    assert len(tops) == len(_TOOLS) and max(tops) - min(tops) < 3
    place, rail = (page.locator(f".st-key-{name}").bounding_box() for name in ("stage", "rail"))
    assert place is not None and rail is not None
    assert 330 <= rail["width"] <= 360 and rail["x"] >= place["x"] + place["width"]
    assert place["height"] > 0.7 * 900 and place["y"] + place["height"] <= 900
    stage = page.locator(".map")
    before = stage.bounding_box()
    field = page.locator(FIELD)
    for text in ("density<0.01", 'density<0.01 & "a" & flag=live & latent<5000'):
        field.fill(text)
        field.press("Enter")
        expect(page.get_by_role("button", name="density<0.01").first).to_be_visible()
        settle(page)
        assert stage.bounding_box() == before
    page.set_viewport_size({"width": 880, "height": 844})
    page.wait_for_function(_RAIL_IS_BELOW)


def test_the_overview_stays_where_it_is_while_its_tours_are_tested(open_page: OpenPage) -> None:
    page = open_page("", script=_COUNT_SHIFTS)
    expect(page.get_by_text("Testing this on the bundle")).to_have_count(0)
    settle(page)
    assert page.evaluate("window.shifts") < 0.1
    toolbar = page.locator(".st-key-toolbar").bounding_box()
    assert toolbar is not None and toolbar["height"] < 50, "it is one row"


def test_on_a_phone_the_map_starts_below_three_rows(open_page: OpenPage) -> None:
    page = open_page("map", 390, 844)
    stage = page.locator(".st-key-stage").bounding_box()
    assert stage is not None and stage["y"] <= 200
    choices = page.locator(".st-key-page-tools")
    assert choices.evaluate("row => row.scrollWidth > row.clientWidth && row.clientHeight < 50")
    page.get_by_role("button", name=re.compile("clusters reproducible")).click()  # scrolls to it
    expect(page.get_by_text("A cluster reappears if").first).to_be_visible()


def test_a_selection_by_text_keeps_the_charts_and_the_place_on_the_page(
    open_page: OpenPage,
) -> None:
    page = open_page("", 1024, 768)
    page.evaluate(_MARK_CHARTS)
    page.mouse.move(500, 500)
    page.mouse.wheel(0, 60)
    field = page.locator(FIELD)
    field.evaluate("input => input.focus({ preventScroll: true })")
    page.keyboard.type("density<0.001")
    chart = page.locator(".vega-embed").first
    before = chart.evaluate("chart => chart.getBoundingClientRect().top")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="density<0.001")).to_be_visible()
    settle(page)
    assert set(page.evaluate(_MARKED_CHARTS)) == {True}
    after = chart.evaluate("chart => chart.getBoundingClientRect().top")
    assert abs(after - before) < 40  # at most by the row of the parts of the selection


def test_the_keys_of_a_page_skip_the_closed_sidebar(open_page: OpenPage) -> None:
    page = open_page("pair")
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(5):
        page.keyboard.press("Tab")
        assert not page.evaluate(_IN_SIDEBAR)
    page.get_by_role("button", name="Expand sidebar").press("Enter")
    expect(page.get_by_role("combobox", name="Bundle")).to_be_visible()


def test_what_opens_above_a_page_can_be_read_aloud(open_page: OpenPage) -> None:
    page = open_page("latent?latent=240")
    found = {}
    page.get_by_role("button", name="Export", exact=True).first.click()
    page.get_by_role("button", name="Rows, Parquet").wait_for()
    found["export"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="About Latent").click()
    expect(page.get_by_text("What does this latent respond to")).to_be_visible()
    found["about"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Paper", exact=True).first.click()
    page.get_by_text("In its size on paper").wait_for()
    found["paper"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_text("In its size on paper").wait_for(state="detached")
    page.get_by_role("button", name=re.compile(r"· N = [\d,]+")).click()
    expect(page.get_by_text("A latent is active when")).to_be_visible()
    found["data"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_text("A latent is active when").wait_for(state="detached")
    page.keyboard.press("n")
    page.get_by_label("Tags").wait_for()
    found["note"] = violations(page)
    page = open_page("map?latent=240")
    page.locator(".map .surface").press("e")
    found["map"] = violations(page)
    assert found == {name: [] for name in found}


_IN_SIDEBAR = "() => !!document.activeElement.closest('[data-testid=stSidebar]')"
_COUNT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_RAIL_IS_BELOW = """() => {
  const [stage, rail] = ["stage", "rail"].map(
    (name) => document.querySelector(`.st-key-${name}`).getBoundingClientRect());
  return rail.y >= stage.bottom && rail.width > 800;
}"""
_TOOLS = ("page-name", "selection-as-text", "selection-count", "page-choices")
_MARK_CHARTS = """
() => document.querySelectorAll('.vega-embed').forEach(chart => { chart.marked = true; })
"""
_MARKED_CHARTS = """
() => Array.from(document.querySelectorAll('.vega-embed')).map(chart => !!chart.marked)
"""
_FITS = """
() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
  .every(part => part.scrollWidth <= part.clientWidth)
"""
_CUT_CHARTS = """
Array.from(document.querySelectorAll('.vega-embed')).filter(chart => {
    if (!chart.offsetParent) return false;
    const drawn = chart.querySelector('svg, canvas').getBoundingClientRect();
    const room = chart.parentElement.getBoundingClientRect();
    return drawn.width > room.width + 1 || drawn.width < 100;
}).map(chart => chart.getAttribute('aria-label'))
"""
# Words of a chart that is drawn as an SVG, unless the chart cuts them itself, and words of the page
# whose box hides a part of them. Fields to type or choose in scroll; hidden words are for screen
# readers.
_CUT_TEXTS = """
(() => {
  const cut = [];
  for (const chart of document.querySelectorAll('.vega-embed svg')) {
    const room = chart.getBoundingClientRect();
    if (!room.width) continue;
    for (const text of chart.querySelectorAll('text')) {
      if (!text.textContent.trim() || text.closest('[clip-path]')) continue;
      if (getComputedStyle(text).opacity === '0') continue;
      const box = text.getBoundingClientRect();
      if (box.right > room.right + 2 || box.left < room.left - 2) cut.push(text.textContent);
    }
  }
  const words = 'h1, h2, h3, h4, p, [data-testid=stMetricValue], [data-testid=stMetricLabel]';
  for (const part of document.querySelectorAll(words)) {
    if (!part.offsetParent || part.closest('[data-testid=stSelectbox]')) continue;
    if (part.getBoundingClientRect().width <= 2) continue;
    if (part.closest('[data-testid=stSidebar]')) continue;
    if (part.parentElement.getBoundingClientRect().width <= 2) continue;
    const hides = ['hidden', 'clip'].includes(getComputedStyle(part).overflowX);
    if (hides && part.scrollWidth > part.clientWidth + 1) cut.push(part.textContent);
  }
  return cut;
})()
"""
_COLOURS = """
(() => {
  const style = getComputedStyle(document.querySelector('[data-testid=stApp]'));
  return [style.backgroundColor, style.color];
})()
"""
_CHART_PAPERS = """
Array.from(document.querySelectorAll('.vega-embed')).map(chart => {
  const svg = chart.querySelector('svg');
  if (svg) return svg.style.backgroundColor;
  const [r, g, b] = chart.querySelector('canvas').getContext('2d').getImageData(1, 1, 1, 1).data;
  return `rgb(${r}, ${g}, ${b})`;
})
"""
