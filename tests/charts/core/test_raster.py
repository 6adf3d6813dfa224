"""The map as an image."""

import base64
import io

import numpy as np
from PIL import Image

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
