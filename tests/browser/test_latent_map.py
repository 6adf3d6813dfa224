"""The map in a real browser: each gesture, and what it changes on the screen and in the link."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis.bundle import Bundle, open_bundle
from analysis.selection import Box, evaluate, parse
from tests.browser.conftest import OpenPage, selected
from tests.browser.map_page import MapPage, colourful, lonely

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def bundle(served_bundle: Path) -> Bundle:
    return open_bundle(served_bundle)


@pytest.fixture
def shown(open_page: OpenPage, bundle: Bundle) -> MapPage:
    """The map of the decoder vectors, as a whole."""
    return MapPage(open_page("map?map=decoder"), bundle).ready()


def test_a_box_selects_what_is_inside_and_a_link_restores_it(
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
    expect(shown.page.get_by_text(f"Selected latents · {count:,}")).to_be_visible()

    other = MapPage(open_page(shown.page.url), shown.bundle).ready()
    assert other.link == shown.link and selected(other.page) == count
    differing = colourful(other.picture()) ^ colours
    assert differing[5:-5, 5:-5].mean() < 0.002  # without the outline of the map that has the keys


def test_a_click_puts_a_latent_in_focus_and_enter_opens_it(shown: MapPage) -> None:
    places = shown.places()
    latent = lonely(places)
    shown.page.mouse.click(*shown.pixel(tuple(places[latent])))
    shown.rest()
    assert shown.link["latent"] == str(latent) and "/map" in shown.page.url
    shown.keys("Enter")
    shown.page.wait_for_url(re.compile(rf"/latent\?.*latent={latent}\b"))
    expect(
        shown.page.get_by_role("heading", name=re.compile(rf"^Latent {latent}\b"))
    ).to_be_visible()
