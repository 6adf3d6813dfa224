"""What a link to a few latents shows on the map: their names, their clusters and their list."""

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from analysis.bundle import Bundle
from charts.cluster_level import level_of
from charts.names_by_zoom import selected_names
from tests.browser.conftest import PATIENCE, OpenPage
from tests.browser.map_page import RECORD, MapPage

pytestmark = pytest.mark.browser


def test_a_link_to_a_few_latents_names_them_and_shows_where_they_are(
    open_page: OpenPage, server: str, bundle: Bundle
) -> None:
    clustering = level_of(bundle)
    place = np.column_stack([bundle.latents[name].to_numpy() for name in ("x", "y")])
    clustered = np.flatnonzero((clustering.of_latent >= 0) & np.isfinite(place).all(axis=1))
    away = np.abs(place[clustered] - np.median(place[clustered], axis=0)).max(axis=1)
    chosen = np.sort(clustered[np.argsort(away)][: len(clustered) // 4 : len(clustered) // 32][:8])
    select = ",".join(map(str, chosen))
    page = open_page("latent?latent=12", script=RECORD)
    page.goto(f"{server}/map?map=decoder&select=latent={select}")
    expect(page.locator(".map")).to_have_attribute("data-drawn", "all", timeout=PATIENCE)
    mask = np.isin(np.arange(bundle.latents.num_rows), chosen)
    names = {name["text"] for name in selected_names(bundle, "decoder", mask)}
    page.wait_for_function(_ALL_DRAWN, arg=sorted(names), timeout=PATIENCE)
    drawn: list[Any] = page.evaluate("window.drawnTexts")
    for i, (_, x_0, y_0, width_0) in enumerate(drawn):
        for _, x_1, y_1, width_1 in drawn[:i]:
            assert abs(x_1 - x_0) >= (width_0 + width_1) / 2 or abs(y_1 - y_0) >= 11
    middles = np.array([[x, y] for text, x, y, _ in drawn if text in names])
    size = page.locator(".map .overlay").evaluate("map => [map.clientWidth, map.clientHeight]")
    assert (middles > 0).all() and (middles < size).all()
    assert (np.ptp(middles, axis=0) / size).max() > 1.25 * _largest_part(bundle, place[chosen])
    clusters = clustering.of_latent[chosen]
    _expect_legend(page, clustering.of_latent, mask, len(np.unique(clusters)))
    expect(page.get_by_role("tab", name="Latents")).to_have_attribute("aria-selected", "true")


def _largest_part(bundle: Bundle, chosen: np.ndarray) -> float:
    """The larger of the parts of the map's width and height over which places [n, 2] spread."""
    every = np.column_stack([bundle.latents[name].to_numpy() for name in ("x", "y")])
    every = every[np.isfinite(every).all(axis=1)]
    return float((np.ptp(chosen, axis=0) / np.ptp(every, axis=0)).max())


_ALL_DRAWN = """(names) =>
  names.every((name) => window.drawnTexts?.some(([text]) => text === name))"""


def _expect_legend(page: Page, of_latent: np.ndarray, mask: np.ndarray, holding: int) -> None:
    """The clusters that hold selected latents come first, each with how many."""
    counts = page.locator(".map .legend-count")
    expect(counts.nth(holding)).to_have_text(re.compile("^0 / "))
    first = [text.split(" / ")[0] for text in counts.all_inner_texts()[:holding]]
    sizes = np.unique(of_latent[mask], return_counts=True)[1]
    assert sorted(map(int, first)) == sorted(sizes.tolist())


def test_the_focus_of_a_link_is_named_and_can_be_left(open_page: OpenPage, bundle: Bundle) -> None:
    page = open_page("map?map=decoder&latent=12", 390, 844)
    shown = MapPage(page, bundle).ready()
    chip = page.get_by_role("button", name="focus: latent 12")
    expect(chip).to_be_visible()
    chip.click()
    expect(chip).to_be_hidden()
    shown.rest()
    page.wait_for_url(lambda url: "latent=12" not in url)


FIRST = """
async ([low, high]) => {
  const { showFirst } = await load("first_view.js");
  const { LatentMap } = await load("latent_map.js");
  const { Camera } = await load("camera.js");
  const { SpatialIndex } = await load("spatial_index.js");
  const map = Object.create(LatentMap.prototype);
  const steps = Uint16Array.from([low, high, 0, 65534]);
  const data = { frame: [0, 65534, 0, 65534], viewport: null, mask: btoa("\\x03") };
  Object.assign(map, { x: steps, y: steps, total: 4, data, index: new SpatialIndex(steps, steps) });
  map.camera = new Camera(data.frame);
  map.camera.resize(600, 600, 1);
  showFirst(map);
  return [map.camera.zoom, map.camera.x, map.camera.y];
}
"""


@pytest.mark.parametrize(
    ("ends", "zoom"),
    [
        ((20_000, 20_100), 4),  # the latents around these few are shown too
        ((20_000, 30_000), 4),
        ((12_000, 42_000), 65_534 / (1.36 * 30_000)),  # what is selected, and a margin around it
        ((2_000, 62_000), 1),
    ],
)
def test_a_map_opens_as_near_as_its_selection_allows_but_not_too_near(
    modules: Page, ends: tuple[int, int], zoom: float
) -> None:
    middle = sum(ends) / 2 if zoom > 1 else 32_767
    assert modules.evaluate(FIRST, list(ends)) == pytest.approx([zoom, middle, middle])
