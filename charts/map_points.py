"""Where the latents are on a map, as 16-bit numbers for the browser."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import MapName
from charts.core.cache import cached
from charts.map_view import Viewport, places, whole_map

LARGEST = 65_534
"""The step at the right or upper edge of the frame; 0 is at the left or lower edge."""
NOT_ON_MAP = 65_535


@dataclass(frozen=True)
class MapPoints:
    """The steps of all latents in a frame.

    `steps` [2, n_latents] uint16, little-endian, holds x and then y: a latent at step s of x is at
    x0 + s / LARGEST · (x1 - x0). A latent that is not on the map has NOT_ON_MAP in both.
    """

    steps: npt.NDArray[np.uint16]
    frame: Viewport

    @property
    def nbytes(self) -> int:
        """Bytes that the cache counts."""
        return int(self.steps.nbytes)


@cached
def map_points(bundle: Bundle, map_name: MapName) -> MapPoints:
    """The places of a map in the square around it, rounded to 1 / 65,534 of its side."""
    frame = _square(whole_map(bundle, map_name))
    x, y = places(bundle, map_name)
    on_map = np.isfinite(x) & np.isfinite(y)
    steps = np.full((2, len(x)), NOT_ON_MAP, dtype="<u2")
    for axis, values in enumerate((x, y)):
        low, high = frame[2 * axis], frame[2 * axis + 1]
        share = (values[on_map].astype(np.float64) - low) / (high - low)
        steps[axis, on_map] = np.rint(np.clip(share, 0, 1) * LARGEST)
    return MapPoints(steps, frame)


def _square(frame: Viewport) -> Viewport:
    """The square with the same centre: one step is as long in x as in y."""
    x0, x1, y0, y1 = frame
    half = max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (x - half, x + half, y - half, y + half)
