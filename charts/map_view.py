"""Options of the maps of the latents: which maps there are, and their viewports."""

from typing import get_args

import numpy as np

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import MapName, first_map
from analysis.selection import MAP_COLUMNS

Viewport = tuple[float, float, float, float]
"""x0, x1, y0 and y1 in map units."""


def maps_of(bundle: Bundle) -> list[MapName]:
    """The maps that the bundle has; the one that opens first comes first."""
    if bundle.manifest.map_cooccurrence is None:
        return ["decoder"]
    first = first_map(bundle.manifest)
    return sorted(get_args(MapName), key=lambda name: name != first)


def places(bundle: Bundle, map_name: MapName) -> tuple[np.ndarray, np.ndarray]:
    """x and y [n_latents] of every latent on a map; NaN if it is not on the map."""
    x, y = (bundle.latents[n].to_numpy(zero_copy_only=False) for n in MAP_COLUMNS[map_name])
    return x, y


def whole_map(bundle: Bundle, map_name: MapName = "decoder") -> Viewport:
    """The whole map with a margin of 3 %."""
    return part_of_map(bundle, None, map_name) or (0.0, 1.0, 0.0, 1.0)


def part_of_map(
    bundle: Bundle, selected: np.ndarray | None, map_name: MapName = "decoder"
) -> Viewport | None:
    """The part of a map with the selected latents and a margin of 3 %; None if there are none."""
    x, y = places(bundle, map_name)
    inside = np.isfinite(x) & np.isfinite(y)
    if selected is not None:
        inside &= selected
    if not inside.any():
        return None
    bounds = []
    for values in (x[inside], y[inside]):
        least, most = float(values.min()), float(values.max())
        pad = 0.03 * (most - least) or 1.0
        bounds += [least - pad, most + pad]
    return (bounds[0], bounds[1], bounds[2], bounds[3])
