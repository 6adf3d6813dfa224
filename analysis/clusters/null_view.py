"""What chance looks like: one null draw of each space, as readers see the data.

The first null draw of a space (`null_draws`) gets what the data get: a map, clusters at up to three
levels, and for each latent its nearest vector or strongest partner. By co-occurrence, the clusters
are of the graph above the shift, in which a draw rarely has any, and the map and the partners are
of the strongest partners by phi, as for the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from analysis.bundle import CLUSTER_COLUMNS, SPACES, TABLES, Space
from analysis.clusters.clustering import SpaceClusters, assemble
from analysis.decoder.graph import NeighbourGraph
from analysis.decoder.umap_map import LatentMap
from analysis.runtime.arrays import Ints

CLUSTERS = ("cluster", "space", "level", "parent", "size", "stability", "bootstrap")


@dataclass(frozen=True)
class DrawnSpace:
    """The shown draw of one space. Row i of everything is latents[i]."""

    latents: Ints
    """Ascending ids of the drawn latents."""
    clusters: SpaceClusters
    map: LatentMap
    partners: NeighbourGraph
    """The nearest vectors, or the strongest partners by phi."""


def null_tables(drawn: Mapping[Space, DrawnSpace], F: int) -> tuple[pa.Table, pa.Table]:
    """The bundle's tables `null_latents` and `null_clusters`, for F latents in all."""
    spaces = [space for space in SPACES if space in drawn]
    made = assemble([_of_all(drawn[space]) for space in spaces], F)
    rows = pa.concat_tables(
        [_rows(drawn[one], one, made.shown[CLUSTER_COLUMNS[one]]) for one in spaces]
    )
    rows = rows.sort_by([("latent", "ascending"), ("space", "ascending")])
    words = rows["space"].dictionary_encode()
    rows = rows.set_column(rows.column_names.index("space"), "space", words)
    return rows.cast(TABLES["null_latents"]), made.clusters.select(CLUSTERS)


def _of_all(drawn: DrawnSpace) -> SpaceClusters:
    """The clusters by the ids of the latents."""
    return replace(drawn.clusters, latents=drawn.latents[drawn.clusters.latents].astype(np.int32))


def _rows(drawn: DrawnSpace, space: Space, clusters: np.ndarray) -> pa.Table:
    """The rows of a space; `clusters` int32 [F] is -1 for latents in none."""
    own = clusters[drawn.latents]
    near, strength = np.full(len(own), -1), np.zeros(len(own), dtype=np.float32)
    if drawn.partners.k:
        near, strength = drawn.partners.neighbours[:, 0], drawn.partners.cosines[:, 0]
    nowhere = ~drawn.map.placed
    return pa.table(
        {
            "latent": pa.array(drawn.latents, pa.int32()),
            "space": pa.array([space] * len(own), pa.string()),
            "x": pa.array(drawn.map.x, mask=nowhere),
            "y": pa.array(drawn.map.y, mask=nowhere),
            "cluster": pa.array(own, pa.int32(), mask=own < 0),
            "partner": pa.array(drawn.latents[np.maximum(near, 0)], pa.int32(), mask=near < 0),
            "strength": pa.array(strength, pa.float32(), mask=near < 0),
        }
    )
