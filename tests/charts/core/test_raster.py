"""The map as an image."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from charts.core import raster
from charts.core.raster import rasterise


def test_raster_paints_selected_points_over_grey_ones_at_the_right_pixel() -> None:
    points = np.array([[0.25, 0.75], [0.25, 0.75], [0.75, 0.25]])
    colours = np.array([[255.0, 0, 0], [0, 0, 255.0], [0, 255.0, 0]])
    url = rasterise(points, colours, np.array([True, False, False]), (0, 1, 0, 1))
    raw = base64.b64decode(url.split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(raw))).astype(int)
    height, width = pixels.shape[:2]
    red = pixels[round(0.25 * height) + 1, round(0.25 * width) + 1]
    grey = pixels[round(0.75 * height) + 1, round(0.75 * width) + 1]
    assert red[0] > 200 and red[1] < 100 and red[2] < 100
    assert len(set(grey)) == 1 and grey[0] < 250
    assert (pixels.reshape(-1, 3) == 255).all(1).mean() > 0.99


def painted(monkeypatch: pytest.MonkeyPatch, points: np.ndarray) -> list[tuple[list[int], int]]:
    """The pixel numbers and the size of the spots with which points in (0, 2, 5, 9) are painted."""
    calls: list[tuple[list[int], int]] = []
    monkeypatch.setattr(
        raster, "_paint", lambda picture, at, paint, spot: calls.append((at.tolist(), spot))
    )
    selected = np.ones(len(points), dtype=bool)
    rasterise(points, np.zeros((len(points), 3)), selected, (0.0, 2.0, 5.0, 9.0))
    return [call for call in calls if call[0]]


def test_corners_of_the_frame_are_corners_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    width, height = 1360, 1200
    corners = np.array([[0.0, 9.0], [2.0, 9.0], [0.0, 5.0], [2.0, 5.0]])
    ((at, _),) = painted(monkeypatch, corners)
    assert at == [0, width - 1, width * (height - 1), width * height - 1]


@pytest.mark.parametrize(("count", "size"), [(99_999, 4), (100_000, 3), (399_999, 3), (400_000, 2)])
def test_spots_are_smaller_the_more_points_there_are(
    count: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((_, spot),) = painted(monkeypatch, np.full((count, 2), (1.0, 7.0)))
    assert spot == size


@pytest.mark.parametrize("points", [1, 2, 5])
def test_a_spot_is_a_square_that_is_more_opaque_with_more_points(points: int) -> None:
    picture = np.full((6, 7, 3), 200.0)
    raster._paint(picture, np.full(points, 2 * 7 + 3), np.tile([10.0, 20.0, 30.0], (points, 1)), 3)
    opaque = {1: 0.65, 2: 0.8712, 5: 0.9936}[points]  # 1 - 0.35 * e^(1 - points)
    wanted = np.full((6, 7, 3), 200.0)
    wanted[2:5, 3:6] = opaque * np.array([10, 20, 30]) + (1 - opaque) * 200
    np.testing.assert_allclose(picture, wanted, atol=0.02)
