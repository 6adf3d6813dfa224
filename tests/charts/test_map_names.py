"""Names on the map, against independent counts."""

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from charts import map_names
from charts.cluster_level import level_of
from charts.map import latent_map


def test_names_never_overlap(tiny: Bundle) -> None:
    rng = np.random.default_rng(1)
    clustering = level_of(tiny, 0)
    rows = latent_map(tiny).rows
    frame = (-9.0, 9.0, -9.0, 9.0)
    for _ in range(5):
        table = clustering.table
        for i, name in enumerate(table.column_names):
            if name in ("x", "y"):
                field = table.schema.field(i)
                values = rng.uniform(-3, 3, table.num_rows).astype(np.float32)
                table = table.set_column(i, field, pa.array(values))
        moved = type(clustering)(0, clustering.of_latent, table, clustering.colours)
        centres = np.column_stack([table[name].to_numpy() for name in ("x", "y")])
        names = map_names.names_on_map(moved, centres, rows, frame).to_pylist()
        assert names
        boxes = []
        for name in names:
            px = (name["x"] + 9) / 18 * map_names.PLACED_FOR[0]
            py = (9 - name["y"]) / 18 * map_names.PLACED_FOR[1]
            half = 3.6 * len(name["name"])
            boxes.append((px - half, px + half, py - 9, py + 9))
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def test_a_highlighted_latent_that_is_not_on_the_map_has_no_ring(tiny: Bundle) -> None:
    with_ring = latent_map(tiny, highlight=50).chart.to_dict()
    without = latent_map(tiny, highlight=0).chart.to_dict()
    assert len(with_ring["layer"]) == len(without["layer"]) + 3
