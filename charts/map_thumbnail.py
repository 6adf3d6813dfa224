"""A small picture of a map, by which a reader recognises a bundle."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.bundle import read_table
from analysis.runtime.arrays import Ints
from charts.core.raster import rgb_of
from charts.core.theme import CLUSTER_COLOURS, NO_CLUSTER

SIZE = (560, 320)
"""Width and height in pixels: two for each on the screen."""
MOST_POINTS = 20_000
"""More would not be seen; of more latents, every second, third, … is drawn."""
MARGIN = 12
SPOT = 4
"""Side of a point in pixels."""


def map_thumbnail(latents: Path) -> bytes:
    """The map of the decoder vectors in `latents.parquet` as a PNG, on no background.

    Points have the colours of clusters. Raises InputError if the file cannot be read.
    """
    table = read_table(latents, ["x", "y", "cluster"])
    x, y = (table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in ("x", "y"))
    cluster = table["cluster"].fill_null(-1).to_numpy().astype(np.int64)
    shown = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    shown = shown[:: -(-len(shown) // MOST_POINTS) or 1]
    # Latents in clusters are drawn last, so that they are seen.
    shown = shown[np.argsort(cluster[shown] >= 0, kind="stable")]
    picture = np.zeros((SIZE[1], SIZE[0], 4), dtype=np.uint8)
    columns, rows = _pixels(x[shown], SIZE[0]), _pixels(-y[shown], SIZE[1])
    palette = rgb_of([NO_CLUSTER, *CLUSTER_COLOURS]).astype(np.uint8)
    inside = cluster[shown]
    colours = palette[np.where(inside < 0, 0, 1 + inside % len(CLUSTER_COLOURS))]
    for down in range(SPOT):
        for across in range(SPOT):
            picture[rows + down, columns + across, :3] = colours
            picture[rows + down, columns + across, 3] = 255
    file = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(file, "PNG", optimize=True)
    return file.getvalue()


def _pixels(values: np.ndarray, length: int) -> Ints:
    """Where values are between the margins, as the first pixel of their points."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    least, most = values.min(), values.max()
    share = (values - least) / ((most - least) or 1.0)
    return np.asarray(MARGIN + share * (length - 2 * MARGIN - SPOT), dtype=np.int64)
