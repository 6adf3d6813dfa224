"""Many points as one image, whose size and drawing time do not depend on their number."""

import base64
import io

import numpy as np
from PIL import Image

from charts.core.scheme import Scheme, in_scheme
from charts.core.theme import PAPER, UNSELECTED

RASTER = (1360, 1200)
"""Width and height in pixels, about two per pixel on the screen."""


def rgb_of(colours: list[str]) -> np.ndarray:
    """Colours such as #1f6fb2 as [n, 3] in 0..255."""
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=np.float64)


def rasterise(
    points: np.ndarray,
    colours: np.ndarray,
    selected: np.ndarray,
    frame: tuple[float, float, float, float],
    scheme: Scheme = "light",
) -> str:
    """A PNG of the points as a data URL.

    `points` [n, 2] in map units, `colours` [n, 3] in 0..255 as they are drawn, `selected` [n] bool.
    Points that are not selected are grey and drawn below the selected ones. A pixel has the mean
    colour of its points; the more points, the more opaque it is.
    """
    width, height = RASTER
    x0, x1, y0, y1 = frame
    column = ((points[:, 0] - x0) / (x1 - x0) * (width - 1)).round().astype(np.int64)
    row = ((y1 - points[:, 1]) / (y1 - y0) * (height - 1)).round().astype(np.int64)
    at = row * width + column
    spot = 4 if len(points) < 100_000 else 3 if len(points) < 400_000 else 2
    paper, unselected = rgb_of(in_scheme([PAPER, UNSELECTED], scheme))
    picture = np.broadcast_to(paper, (height, width, 3)).copy()
    grey = np.broadcast_to(unselected, (len(points), 3))
    for members, paint in ((~selected, grey), (selected, colours)):
        _paint(picture, at[members], paint[members], spot)
    file = io.BytesIO()
    Image.fromarray(picture.round().astype(np.uint8)).save(file, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _paint(picture: np.ndarray, at: np.ndarray, paint: np.ndarray, spot: int) -> None:
    """Paint points on a picture [height, width, 3]: `at` [n] pixel numbers, `paint` [n, 3]."""
    shape = picture.shape[:2]
    count = _spread(np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape), spot)
    occupied = count > 0
    opaque = 1 - 0.35 * np.exp(1 - count[occupied])
    for channel in range(3):
        total = np.bincount(at, paint[:, channel], minlength=shape[0] * shape[1])
        mean = _spread(total.reshape(shape), spot)[occupied] / count[occupied]
        under = picture[..., channel]
        under[occupied] = opaque * mean + (1 - opaque) * under[occupied]


def _spread(counts: np.ndarray, spot: int) -> np.ndarray:
    """Each point as a square of `spot` pixels, to its right and below."""
    wide = counts.astype(np.float32)
    for shift in range(1, spot):
        wide[:, shift:] += counts[:, :-shift]
    tall = wide.copy()
    for shift in range(1, spot):
        tall[shift:] += wide[:-shift]
    return tall
