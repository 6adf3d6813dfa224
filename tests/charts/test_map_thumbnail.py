"""The small picture of a map."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts import map_thumbnail as module
from charts.core.raster import rgb_of
from charts.core.theme import CLUSTER_COLOURS, NO_CLUSTER
from charts.map_thumbnail import MARGIN, SIZE, SPOT, map_thumbnail


def picture(
    folder: Path, points: list[tuple[float | None, float | None, int | None]]
) -> np.ndarray:
    """The pixels of the thumbnail of points with clusters."""
    x, y, cluster = zip(*points, strict=True)
    table = pa.table(
        {
            "x": pa.array(x, pa.float32()),
            "y": pa.array(y, pa.float32()),
            "cluster": pa.array(cluster, pa.int32()),
        }
    )
    pq.write_table(table, folder / "latents.parquet")
    return np.asarray(Image.open(io.BytesIO(map_thumbnail(folder / "latents.parquet"))))


def test_points_are_at_their_places_in_the_colours_of_their_clusters(tmp_path: Path) -> None:
    pixels = picture(tmp_path, [(0, 0, None), (1, 1, 0), (1, 0, len(CLUSTER_COLOURS) + 1)])
    assert pixels.shape == (SIZE[1], SIZE[0], 4)
    left, bottom = MARGIN, SIZE[1] - MARGIN - SPOT
    right, top = SIZE[0] - MARGIN - SPOT, MARGIN
    for (row, column), colour in (
        ((bottom, left), NO_CLUSTER),
        ((top, right), CLUSTER_COLOURS[0]),
        ((bottom, right), CLUSTER_COLOURS[1]),
    ):
        spot = pixels[row : row + SPOT, column : column + SPOT]
        assert (spot == [*rgb_of([colour])[0], 255]).all()
    assert (pixels[:, :, 3] > 0).sum() == 3 * SPOT**2


def test_clusters_are_above_and_latents_off_the_map_are_left_out(tmp_path: Path) -> None:
    pixels = picture(tmp_path, [(0, 0, 2), (0, 0, None), (1, 1, None), (None, None, 3)])
    assert (pixels[SIZE[1] - MARGIN - 1, MARGIN, :3] == rgb_of([CLUSTER_COLOURS[2]])[0]).all()
    assert not picture(tmp_path, [(None, None, 1)]).any()


def test_of_many_latents_some_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 4)
    pixels = picture(tmp_path, [(i, i, None) for i in range(10)])
    assert (pixels[:, :, 3] > 0).sum() == 4 * SPOT**2


def test_a_bundle_has_one_and_a_damaged_one_the_reason(tiny: Bundle, tmp_path: Path) -> None:
    assert map_thumbnail(tiny.path / "latents.parquet").startswith(b"\x89PNG")
    (tmp_path / "latents.parquet").write_bytes(b"no")
    with pytest.raises(InputError, match=r"latents\.parquet"):
        map_thumbnail(tmp_path / "latents.parquet")
