"""Search first, in a real browser: the list under the selection field."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from analysis.bundle import Bundle
from analysis.labels import SEPARATOR
from charts.core.scheme import Scheme
from charts.map_view import places
from charts.selected_lines import MOST
from tests.analysis.selection.search.test_forty_queries import FIRST, QUERIES, Judge
from tests.browser.conftest import FIELD, PATIENCE, OpenPage, selected, settle
from tests.browser.map_page import MapPage
from tests.browser.test_selection_steps import _selection, _wait_for

pytestmark = pytest.mark.browser

PAGES = ("", "map", "clusters", "cooccurrence", "pair", "latent")
ON_PAGES = dict(zip(PAGES, QUERIES[::7], strict=True))
"""One of the forty queries for each page."""


def _insert(page: Page, text: str) -> None:
    """Type a text at once, so that a slow browser does not search for a part of it."""
    page.locator(FIELD).click()
    page.keyboard.press("End")
    page.keyboard.insert_text(text)


def _options(page: Page, kind: str) -> list[str]:
    group = page.get_by_role("listbox").get_by_role("group", name=kind)
    return group.get_by_role("option").all_inner_texts()


@pytest.mark.parametrize("name", PAGES, ids=[name or "overview" for name in PAGES])
def test_a_right_latent_is_among_the_first_on_every_page(
    open_page: OpenPage, bundle: Bundle, name: str
) -> None:
    page = open_page(name)
    query = ON_PAGES[name]
    _insert(page, query.text)
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    ids = [int(text.rsplit("latent ", 1)[1]) for text in _options(page, "Latents")[:FIRST]]
    judge = Judge(bundle)
    right = [place for place, latent in enumerate(ids) if judge.is_right(latent, query)]
    assert right, ids
    field = page.locator(FIELD)
    assert field.get_attribute("role") == "combobox"
    for _ in range(right[0] + 1):
        field.press("ArrowDown")
    marked = page.get_by_role("option", selected=True)
    expect(marked).to_have_count(1, timeout=PATIENCE)
    assert field.get_attribute("aria-activedescendant") == marked.get_attribute("id")
    field.press("Enter")
    opened = "map" if name == "map" else "latent"
    page.wait_for_url(re.compile(rf"/{opened}\?.*latent={ids[right[0]]}\b"))
    expect(page.get_by_role("option")).to_have_count(0, timeout=PATIENCE)
    settle(page)
    expect(field).to_have_value("", timeout=PATIENCE)
    assert _selection(page) == ""


def test_the_map_flies_to_a_chosen_latent_and_with_shift_it_is_opened(
    shown: MapPage, bundle: Bundle
) -> None:
    page, before, query = shown.page, shown.viewport(), ON_PAGES["map"].text
    field = page.locator(FIELD)
    _insert(page, query)
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    status = page.locator(".search-status")
    expect(status).to_contain_text("Words are matched, not meanings")
    expect(status).to_contain_text("a latent is shown on the map")
    latent = int(_options(page, "Latents")[0].rsplit("latent ", 1)[1])
    field.press("ArrowDown")
    field.press("Enter")
    page.wait_for_url(re.compile(rf"/map\?.*latent={latent}\b"))
    expect(page.locator(".map .card-id")).to_contain_text(str(latent))
    shown.rest()
    x0, x1, y0, y1 = shown.viewport()
    x, y = (float(axis[latent]) for axis in places(bundle, "decoder"))
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((x, y), abs=0.01 * (x1 - x0))
    assert x1 - x0 < (before[1] - before[0]) / 3
    assert _selection(page) == ""

    page.go_back()
    page.wait_for_function("!/latent=/.test(location.search)", timeout=PATIENCE)
    shown.rest()
    assert shown.viewport() == pytest.approx(before, rel=0.01)

    _insert(page, query)
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    field.press("ArrowDown")
    field.press("Shift+Enter")
    page.wait_for_url(re.compile(rf"/latent\?.*latent={latent}\b"))


def test_enter_on_the_text_selects_and_escape_closes(open_page: OpenPage) -> None:
    page = open_page("")
    requests: list[str] = []

    def answer(route: Route) -> None:
        requests.append(route.request.url)
        if len(requests) == 1:
            route.fulfill(status=202, json=[])
        else:
            route.continue_()

    page.route(re.compile(r"/search\?text=.+"), answer)
    field = page.locator(FIELD)
    _insert(page, "the")
    expect(page.get_by_text("The search index of this bundle is being made")).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE)
    assert field.get_attribute("aria-expanded") == "true"
    field.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden(timeout=PATIENCE)
    expect(field).to_have_value("the", timeout=PATIENCE)
    field.press("Enter")
    _wait_for(page, '"the"')
    _insert(page, " & density<0.5")
    page.wait_for_timeout(500)
    expect(page.get_by_role("listbox")).to_be_hidden(timeout=PATIENCE)
    assert len(requests) == 2  # a text with conditions is no search
    field.press("Enter")
    _wait_for(page, '"the" & density<0.5')


def test_after_enter_a_reader_sees_which_latents_are_selected_and_why(
    open_page: OpenPage, bundle: Bundle
) -> None:
    word = next(word for row in bundle.latents["top_tokens"].to_pylist() for word in row or ()
                if re.fullmatch("[a-z]{6,}", word))  # fmt: skip
    page = open_page("pair")
    _insert(page, word)
    page.locator(FIELD).press("Enter")
    _wait_for(page, f'"{word}"')
    page.get_by_role("button", name="List", exact=True).click()
    lines = page.locator("[class*='st-key-listed-'] button")
    expect(lines).to_have_count(min(MOST, selected(page)), timeout=PATIENCE)
    body = page.locator("[data-testid=stPopoverBody]")
    expect(body).to_contain_text(re.compile(f"(in its label|top tokens: .*{word})"))
    latent = int(lines.last.inner_text().rsplit("latent ", 1)[1])
    lines.last.click()
    page.wait_for_url(re.compile(rf"/latent\?.*latent={latent}\b"))
    settle(page)
    assert _selection(page) == f'"{word}"'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_cluster_and_a_token_are_selected_on_a_phone(
    open_page: OpenPage, bundle: Bundle, scheme: Scheme
) -> None:
    labels = bundle.clusters["label"].to_pylist()
    word = next(
        term
        for label in labels
        for term in label.split(SEPARATOR)
        if re.fullmatch("[a-z]{5,}", term)
    )
    page = open_page("", 390, 844, scheme=scheme)
    _insert(page, word)
    panel = page.locator(".search-panel")
    expect(panel).to_be_visible(timeout=PATIENCE)
    box = panel.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert box["y"] + box["height"] <= 844
    paper = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    expect(panel).to_have_css("background-color", paper)
    page.get_by_role("group", name="Clusters").get_by_role("option").first.click()
    page.wait_for_function("/select=cluster%3D\\d+/.test(location.search)", timeout=PATIENCE)
    settle(page)
    assert 0 < selected(page) < bundle.latents.num_rows
    page.locator(FIELD).fill("")
    _insert(page, word)
    token = page.get_by_role("group", name="Tokens").get_by_role("option").first
    expect(token).to_contain_text(re.compile(word, re.IGNORECASE), timeout=PATIENCE)
    token.click()
    page.wait_for_function("/select=.*%22/.test(location.search)", timeout=PATIENCE)
    settle(page)
    assert word in _selection(page).lower()
