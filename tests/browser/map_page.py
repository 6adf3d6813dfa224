"""The map as a reader handles it: by places on the screen, and by what the link says."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import MapName
from charts.map_view import Viewport, places, whole_map
from tests.browser.conftest import PATIENCE, settle

Place = tuple[float, float]
_PAUSE = """() => new Promise((done) =>
    setTimeout(() => requestAnimationFrame(() => setTimeout(done, 350)), 350))"""
"""Longer than a flight of the camera, and then longer than the rest before the link is written."""
RECORD = """
const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.clearRect = function (...box) {
  if (this.canvas.className === "overlay") window.drawnTexts = [];
  clearRect.apply(this, box);
};
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  const drawn = [text, x, y, this.measureText(text).width];
  if (this.canvas.className === "overlay") window.drawnTexts.push(drawn);
  fillText.call(this, text, x, y);
};
"""
"""Keeps the texts of the last picture of the overlay with their middles and widths."""


@dataclass(frozen=True)
class MapPage:
    """An open Map page; places are fractions of the map from its upper left corner."""

    page: Page
    bundle: Bundle
    name: MapName = "decoder"
    is_beside: bool = False
    """Whether it is the second of two maps."""

    @property
    def map(self) -> Locator:
        """The element of the map."""
        return self.page.locator(".map").nth(int(self.is_beside))

    def ready(self) -> "MapPage":
        """Wait until all points are drawn."""
        expect(self.map).to_have_attribute("data-drawn", "all", timeout=PATIENCE)
        settle(self.page)
        return self

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the map on the screen."""
        box = self.map.locator(".surface").bounding_box()
        assert box is not None
        return box["x"], box["y"], box["width"], box["height"]

    def pixel(self, place: Place) -> Place:
        """Where a place is on the screen."""
        left, top, width, height = self.box
        return float(left + place[0] * width), float(top + place[1] * height)

    def drag(self, *places: Place, steps: int = 5) -> None:
        """Press at the first place, move over the others and release."""
        self.page.mouse.move(*self.pixel(places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.pixel(place), steps=steps)
        self.page.mouse.up()

    def keys(self, *keys: str) -> None:
        """Press keys on the map."""
        self.map.locator(".surface").focus()
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def link(self) -> dict[str, str]:
        """The query parameters of the address bar."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def viewport(self) -> Viewport:
        """The shown part of the map by the link, or else all of the map as it fits."""
        if text := self.link.get("beside" if self.is_beside else "viewport"):
            x0, x1, y0, y1 = map(float, text.split(","))
            return (x0, x1, y0, y1)
        x0, x1, y0, y1 = whole_map(self.bundle, self.name)
        _, _, width, height = self.box
        scale = min(width / (x1 - x0), height / (y1 - y0))
        x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, width / scale / 2, height / scale / 2
        return (x - w, x + w, y - h, y + h)

    def places(self) -> np.ndarray:
        """The place [n_latents, 2] of every latent on the map as it is shown."""
        x0, x1, y0, y1 = self.viewport()
        x, y = places(self.bundle, self.name)
        return np.column_stack([(x - x0) / (x1 - x0), (y1 - y) / (y1 - y0)])

    def pause(self) -> None:
        """Wait until the map has come to rest and the link is written, by the browser's clock."""
        self.page.evaluate(_PAUSE)

    def rest(self) -> "MapPage":
        """Wait until the map has come to rest, its gestures are answered and the server is idle."""
        self.pause()
        expect(self.page.locator(".map[data-busy]")).to_have_count(0)
        settle(self.page)
        return self

    def picture(self) -> np.ndarray:
        """The pixels [height, width, 3] of the map, without the legend: it has colours too."""
        self.map.locator(".legend-place").evaluate("e => { e.style.visibility = 'hidden'; }")
        left, top, width, height = self.box
        clip = {"x": left, "y": top, "width": width, "height": height}
        png = self.page.screenshot(clip=clip)  # type: ignore[arg-type]
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def colourful(picture: np.ndarray) -> np.ndarray:
    """Which pixels [height, width] are neither grey nor nearly so."""
    parts = picture.astype(int)
    return np.asarray(parts.max(axis=2) - parts.min(axis=2) > 60)


def lonely(places: np.ndarray, within: Sequence[float] = (0.15, 0.85, 0.1, 0.9)) -> int:
    """The latent in a part of the map that is farthest from all others."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    distance = np.full(len(places), -1.0)
    distance[known] = cKDTree(places[known]).query(places[known], k=2)[0][:, 1]
    x0, x1, y0, y1 = within
    x, y = places.T
    with np.errstate(invalid="ignore"):
        inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return int(np.argmax(np.where(inside, distance, -1)))
