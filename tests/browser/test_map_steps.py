"""Gestures on the map that follow each other closely, and undoing them one by one."""

import numpy as np
import pytest
from playwright.sync_api import expect

from analysis.selection import And, Box, Or, parse
from tests.browser.map_page import MapPage, lonely

pytestmark = pytest.mark.browser


def empty_places(shown: MapPage) -> list[tuple[float, float]]:
    """Two places on the map, far from each other, with no point near."""
    points = shown.places()
    _, _, width, height = shown.box
    free = []
    for across in np.linspace(0.12, 0.6, 25):
        for down in np.linspace(0.15, 0.95, 25):
            apart = np.hypot((points[:, 0] - across) * width, (points[:, 1] - down) * height)
            if np.nanmin(apart) > 40:
                free.append((float(across), float(down)))
    assert len(free) > 1
    return [free[0], free[-1]]


def test_two_quick_clicks_beside_the_points_clear_the_focus(shown: MapPage) -> None:
    first, last = empty_places(shown)
    places = shown.places()
    shown.page.mouse.click(*shown.pixel(tuple(places[lonely(places)])))
    shown.rest()
    assert "latent" in shown.link
    one, other = shown.pixel(first), shown.pixel(last)
    shown.page.mouse.click(*one)
    shown.page.mouse.click(*other)
    shown.rest()
    assert "latent" not in shown.link


def test_quick_gestures_are_all_kept_and_undone_one_by_one(shown: MapPage) -> None:
    shown.keys("b")
    for across in (0.3, 0.4):
        shown.page.keyboard.down("Shift")
        shown.drag((across, 0.4), (across + 0.05, 0.5))
        shown.page.keyboard.up("Shift")
        shown.rest()
    corners = [(0.6, 0.4), (0.7, 0.4)]
    pixels = [[shown.pixel((x, y)), shown.pixel((x + 0.05, y + 0.1))] for x, y in corners]
    shown.page.keyboard.down("Shift")
    for start, end in pixels:  # faster than the server answers
        shown.page.mouse.move(*start)
        shown.page.mouse.down()
        shown.page.mouse.move(*end)
        shown.page.mouse.up()
    shown.page.keyboard.up("Shift")
    shown.rest()
    drawn = parse(shown.link["select"])
    assert isinstance(drawn, Or) and len(drawn.parts) == 4
    assert all(isinstance(part, Box) for part in drawn.parts)

    texts = [
        str(Or(drawn.parts[:count])) if count > 1 else str(drawn.parts[0]) for count in (3, 2, 1)
    ]
    shown.keys("Control+z")
    shown.rest()
    assert shown.link["select"] == texts[0]
    shown.page.locator(".map [data-name=undo]").click()
    shown.rest()
    assert shown.link["select"] == texts[1]
    shown.page.locator(".st-key-undo-selection button").first.click()
    shown.rest()
    assert shown.link["select"] == texts[2]
    shown.keys("Control+z")
    shown.rest()
    assert "select" not in shown.link
    expect(shown.page.locator(".map [data-name=undo]")).to_be_disabled()

    shown.keys("Shift+Control+z", "Control+y")
    shown.rest()
    assert shown.link["select"] == texts[1]
    shown.page.locator(".map [data-name=redo]").click()
    shown.rest()
    assert shown.link["select"] == texts[0]
    shown.page.go_back()
    shown.rest()
    assert shown.link["select"] == texts[1]
    shown.page.go_forward()
    shown.rest()
    assert shown.link["select"] == texts[0]


def test_clear_and_the_legend_are_a_step_each(shown: MapPage) -> None:
    shown.page.locator(".map .legend-entry").first.click()
    shown.rest()
    entry = shown.link["select"]
    shown.keys("b")
    shown.drag((0.3, 0.3), (0.7, 0.7))
    shown.rest()
    assert isinstance(parse(shown.link["select"]), And)
    shown.keys("Escape")
    shown.rest()
    assert "select" not in shown.link
    shown.keys("Control+z", "Control+z")
    shown.rest()
    assert shown.link["select"] == entry
