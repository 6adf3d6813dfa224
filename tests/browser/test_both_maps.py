"""Both maps side by side: one selection, focus and mode, and each with its own view."""

from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis.bundle import Bundle
from analysis.selection import Box, evaluate, parse
from tests.browser.conftest import OpenPage, selected
from tests.browser.map_page import MapPage, colourful, lonely

pytestmark = pytest.mark.browser


@pytest.fixture
def both(open_page: OpenPage, bundle: Bundle) -> tuple[MapPage, MapPage]:
    """The map of the decoder and the one by co-occurrence beside it."""
    return two(MapPage(open_page("map?map=decoder&maps=both"), bundle))


def two(first: MapPage) -> tuple[MapPage, MapPage]:
    beside = replace(first, name="cooccurrence", is_beside=True)
    return first.ready(), beside.ready()


def inside(shown: MapPage) -> np.ndarray:
    """The pixels of the map beside its tools and names of the map."""
    return shown.picture()[40:, 70:]


def middle(viewport: str) -> tuple[float, float]:
    """The middle of a viewport, which stays where the width of a map changes."""
    x0, x1, y0, y1 = map(float, viewport.split(","))
    return (x0 + x1) / 2, (y0 + y1) / 2


def test_a_box_on_one_map_selects_on_both_and_a_link_restores_them(
    both: tuple[MapPage, MapPage], open_page: OpenPage
) -> None:
    decoder, other = both
    left, _, width, _ = decoder.box
    assert other.box[0] >= left + width and abs(other.box[2] - width) < 3
    before = colourful(inside(decoder)).mean()
    other.keys("b")
    expect(decoder.map).to_have_attribute("data-mode", "box")
    other.drag((0.4, 0.4), (0.6, 0.6))
    other.rest()
    box = parse(decoder.link["select"])
    assert isinstance(box, Box) and box.map == "cooccurrence"
    mask = evaluate(box, decoder.bundle)
    assert 0 < selected(decoder.page) == mask.sum() < len(mask)
    assert 0 < colourful(inside(decoder)).mean() < 0.5 * before

    other.map.locator("[data-name=plus]").click()
    other.pause()
    decoder.keys("m")
    decoder.drag((0.5, 0.5), (0.6, 0.55))
    decoder.rest()
    assert {"viewport", "beside", "maps", "select"} <= decoder.link.keys()
    x0, x1, *_ = decoder.viewport()
    z0, z1, *_ = other.viewport()
    fresh = two(MapPage(open_page(decoder.page.url), decoder.bundle))
    assert fresh[0].link == decoder.link
    for old, new in zip(both, fresh, strict=True):
        differing = colourful(inside(old)) ^ colourful(inside(new))
        assert differing[5:-5, 5:-5].mean() < 0.003
    assert (x1 - x0) != pytest.approx(z1 - z0)


def test_a_latent_in_focus_has_its_ring_on_both_maps(both: tuple[MapPage, MapPage]) -> None:
    decoder, other = both
    on_both = np.isfinite(other.places()).all(axis=1)
    places = np.where(on_both[:, None], decoder.places(), np.nan)
    latent = lonely(places)
    at = other.places()[latent]
    _, _, width, height = other.box
    x, y = int(at[0] * width), int(at[1] * height)

    def around() -> np.ndarray:
        return other.picture().astype(int)[max(y - 14, 0) : y + 14, max(x - 14, 0) : x + 14]

    before = around()
    decoder.page.mouse.click(*decoder.pixel(tuple(places[latent])))
    decoder.rest()
    assert decoder.link["latent"] == str(latent)
    assert (np.abs(around() - before).max(axis=2) > 60).sum() > 10
    other.keys("Escape")
    other.rest()
    assert "latent" not in decoder.link


def test_quick_gestures_on_both_maps_are_all_kept(both: tuple[MapPage, MapPage]) -> None:
    decoder, other = both
    decoder.keys("b")
    decoder.page.keyboard.down("Shift")
    for shown, across in ((decoder, 0.3), (other, 0.5), (decoder, 0.5)):
        shown.drag((across, 0.4), (across + 0.1, 0.5), steps=1)
    decoder.page.keyboard.up("Shift")
    decoder.rest()
    parts = getattr(parse(decoder.link["select"]), "parts", ())
    assert [part.map for part in parts] == ["decoder", "cooccurrence", "decoder"]
    decoder.keys("Control+z")
    decoder.rest()
    assert len(getattr(parse(decoder.link["select"]), "parts", ())) == 2


def test_the_maps_are_chosen_beside_each_other_and_alone(shown: MapPage) -> None:
    shown.keys("+")
    shown.pause()
    centre = middle(shown.link["viewport"])
    shown.page.get_by_role("combobox", name="Map by").click()
    shown.page.get_by_role("option", name="both").click()
    first, beside = two(shown)
    assert first.link["maps"] == "both"
    assert middle(first.link["viewport"]) == pytest.approx(centre, abs=1e-2)
    beside.keys("+", "+")
    beside.pause()
    centre = middle(beside.link["beside"])
    shown.page.get_by_role("combobox", name="Map by").click()
    shown.page.get_by_role("option", name="by co-occurrence").click()
    expect(shown.page.locator(".map")).to_have_count(1)
    alone = replace(shown, name="cooccurrence").rest()
    assert alone.link["map"] == "cooccurrence" and "maps" not in alone.link
    assert middle(alone.link["viewport"]) == pytest.approx(centre, abs=1e-2)
