"""What a link to the map restores in a fresh browser: view, mode, colours, selection and focus."""

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis.bundle import Bundle
from analysis.selection import Box, evaluate, parse
from tests.browser.conftest import OpenPage, selected, settle
from tests.browser.map_page import MapPage, colourful, lonely

pytestmark = pytest.mark.browser


def test_a_box_selects_what_is_inside_and_a_link_restores_all_that_is_shown(
    shown: MapPage, open_page: OpenPage
) -> None:
    before = shown.viewport()
    shown.keys("b")
    shown.drag((0.4, 0.4), (0.6, 0.7))
    shown.rest()
    text = shown.link["select"]
    box = parse(text)
    assert isinstance(box, Box) and len(text) <= 200
    count = int(evaluate(box, shown.bundle).sum())
    assert 0 < selected(shown.page) == count < shown.bundle.latents.num_rows
    x0, x1, y0, y1 = before
    expected = (0.4, 0.6, 0.3, 0.6)  # y upwards
    edges = ((box.x0 - x0) / (x1 - x0), (box.x1 - x0) / (x1 - x0),
             (box.y0 - y0) / (y1 - y0), (box.y1 - y0) / (y1 - y0))  # fmt: skip
    assert np.allclose(edges, expected, atol=0.01)
    # Points keep their colours inside the box only, and the other charts follow.
    colours = colourful(shown.picture())
    height, width = colours.shape
    inside = np.zeros_like(colours)
    inside[int(0.4 * height) : int(0.7 * height), int(0.4 * width) : int(0.6 * width)] = True
    aside = ~inside
    aside[:, : int(0.12 * width)] = False  # the toolbar
    assert colours[inside].mean() > 20 * colours[aside].mean()
    shown.page.get_by_role("tab", name="Latents").click()
    expect(shown.page.get_by_text(f"Selected latents · {count:,}")).to_be_visible()

    latent = change_all_but_the_selection(shown)
    assert shown.link["select"] == text and shown.link["latent"] == str(latent)
    assert shown.link["colour"] == "density" and shown.link["mode"] == "lasso"
    part = shown.viewport()
    assert part[1] - part[0] < 0.7 * (before[1] - before[0])
    other = MapPage(open_page(shown.page.url), shown.bundle).ready()
    assert other.link == shown.link and selected(other.page) == count
    assert other.viewport() == pytest.approx(part)
    expect(other.map).to_have_attribute("data-mode", "lasso")
    expect(other.map).to_contain_text(f"Latent {latent} is in focus.")
    legend = shown.map.locator(".legend").text_content() or ""
    assert legend.startswith("density")
    expect(other.map.locator(".legend")).to_have_text(legend)
    assert differing_pixels(shown, other) < 0.002 < colourful(other.picture()).mean()


def change_all_but_the_selection(shown: MapPage) -> int:
    """Give the view, the colours, the focus and the mode other values; the latent in focus."""
    page = shown.page
    page.get_by_role("tab", name="Charts").click()
    shown.keys("m", "+")
    shown.pause()
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name="colour: density", exact=True).click()
    shown.rest()
    places = shown.places()
    latent = lonely(places, (0.3, 0.6, 0.3, 0.7))
    page.mouse.click(*shown.pixel(tuple(places[latent])))
    shown.rest()
    shown.keys("l")
    page.mouse.move(2, 2)
    shown.rest()
    return latent


def differing_pixels(one: MapPage, other: MapPage) -> float:
    """The share of pixels that differ, without the tools and the card, which follow the pointer."""
    pictures = []
    for map_page in (one, other):
        hide = "cards => cards.forEach((card) => { card.style.visibility = 'hidden'; })"
        map_page.map.locator(".card").evaluate_all(hide)
        pictures.append(map_page.picture()[5:-5, 70:-5].astype(int))
    return float((np.abs(pictures[0] - pictures[1]).max(axis=2) > 60).mean())


def test_the_menu_opens_the_map_without_the_latent_of_the_last_page(
    open_page: OpenPage, bundle: Bundle
) -> None:
    page = open_page("latent?latent=12&map=decoder")
    page.get_by_role("link", name="Map").click()
    shown = MapPage(page, bundle).ready()
    expect(shown.map).not_to_contain_text("is in focus")
    assert "latent" not in shown.link
    page.go_back()
    page.wait_for_url("**/latent?*")
    settle(page)
    assert shown.link["latent"] == "12"
    page.go_forward()
    shown.ready()
    expect(shown.map).not_to_contain_text("is in focus")
    places = shown.places()
    latent = lonely(places, (0.3, 0.6, 0.3, 0.7))
    page.mouse.click(*shown.pixel(tuple(places[latent])))
    expect(shown.map).to_contain_text(f"Latent {latent} is in focus.")
    shown.rest()
    page.get_by_role("link", name="Latent").click()
    page.wait_for_url("**/latent?*")
    settle(page)
    assert shown.link["latent"] == str(latent)
