"""Places of latents as steps of 16 bits."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import MapName
from analysis.selection import MAP_COLUMNS
from charts.map_points import LARGEST, NOT_ON_MAP, map_points
from charts.map_view import whole_map


@pytest.mark.parametrize("name", ["decoder", "cooccurrence"])
def test_steps_give_the_places_back(planted_bundle: Bundle, name: MapName) -> None:
    points = map_points(planted_bundle, name)
    assert points.steps.dtype == np.dtype("<u2")
    x0, x1, y0, y1 = points.frame
    assert x1 - x0 == pytest.approx(y1 - y0)
    for steps, low, column in zip(points.steps, (x0, y0), MAP_COLUMNS[name], strict=True):
        place = planted_bundle.latents[column].to_numpy(zero_copy_only=False)
        on_map = np.isfinite(place)
        assert (steps[~on_map] == NOT_ON_MAP).all() and (steps[on_map] <= LARGEST).all()
        back = low + steps[on_map] / LARGEST * (x1 - x0)
        assert np.abs(back - place[on_map]).max() <= 0.5001 * (x1 - x0) / LARGEST


def test_the_frame_has_the_middle_of_the_whole_map(planted_bundle: Bundle) -> None:
    whole, frame = whole_map(planted_bundle), map_points(planted_bundle, "decoder").frame
    for low in (0, 2):
        assert whole[low] + whole[low + 1] == pytest.approx(frame[low] + frame[low + 1])
        side = frame[low + 1] - frame[low]
        assert frame[low] - 1e-9 * side <= whole[low] < whole[low + 1]
        assert whole[low + 1] <= frame[low + 1] + 1e-9 * side


def test_a_latent_without_a_place_is_not_on_the_map(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    x = latents["x"].to_pylist()
    x[5] = None
    at = latents.column_names.index("x")
    changed = dataclasses.replace(planted_bundle)
    changed.__dict__["latents"] = latents.set_column(at, "x", pa.array(x, pa.float32()))
    steps = map_points(changed, "decoder").steps
    assert (steps[:, 5] == NOT_ON_MAP).all() and (steps[:, 6] != NOT_ON_MAP).all()


def test_the_browser_reads_65535_as_not_on_the_map() -> None:
    """`spatial_index.js` has the same two numbers."""
    assert (LARGEST, NOT_ON_MAP) == (65_534, 65_535)
