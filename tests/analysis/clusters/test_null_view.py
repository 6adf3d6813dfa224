"""The tables of what chance looks like, from made-up draws."""

import numpy as np
import pytest

from analysis.bundle import TABLES, MapQuality, Space
from analysis.clusters.clustering import SpaceClusters, cluster
from analysis.clusters.null_view import DrawnSpace, null_tables
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.umap_map import LatentMap
from tests.analysis.clusters.conftest import planted

F, FIRST, STEP = 1_000, 40, 3
LATENTS = FIRST + STEP * np.arange(300)


@pytest.fixture(scope="module")
def clusters() -> SpaceClusters:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    return cluster("decoder", decoder_graph(W, eligible=everyone, k=30), everyone, W, epochs=50)


def drawn(clusters: SpaceClusters, space: Space, partners: NeighbourGraph) -> DrawnSpace:
    x = np.arange(300, dtype=np.float32)
    x[7] = np.nan
    quality = MapQuality(trustworthiness=None, knn_recall=0.1, latents=299, left_out=1, graph="")
    placed = LatentMap(x, -x, x, x, quality)
    own = SpaceClusters(space, clusters.latents, clusters.left_out, clusters.levels, clusters.first)
    return DrawnSpace(LATENTS, own, placed, partners)


def test_both_spaces_have_a_row_for_each_drawn_latent(clusters: SpaceClusters) -> None:
    near = np.roll(np.arange(300), 1).astype(np.int32)[:, None]
    near[5] = -1
    partners = NeighbourGraph(near, np.full((300, 1), 0.25, dtype=np.float32), "", 1.0)
    nothing = NeighbourGraph(np.empty((300, 0), np.int32), np.empty((300, 0), np.float32), "", 1.0)
    latents, of_draws = null_tables(
        {
            "cooccurrence": drawn(clusters, "cooccurrence", partners),
            "decoder": drawn(clusters, "decoder", nothing),
        },
        F,
    )
    assert latents.schema == TABLES["null_latents"] and latents.num_rows == 600
    assert latents["latent"].to_pylist() == sorted(LATENTS.tolist() * 2)
    rows = latents.filter(np.array(latents["space"].to_pylist()) == "cooccurrence").to_pylist()
    assert rows[7]["x"] is None and (rows[8]["x"], rows[8]["y"]) == (8.0, -8.0)
    assert rows[5]["partner"] is None and rows[5]["strength"] is None
    assert (rows[6]["partner"], rows[6]["strength"]) == (LATENTS[5], 0.25)
    other = latents.filter(np.array(latents["space"].to_pylist()) == "decoder").to_pylist()
    assert {row["partner"] for row in other} == {None}
    assert of_draws.schema == TABLES["null_clusters"]
    table = of_draws.to_pandas()
    assert table["cluster"].tolist() == list(range(len(table)))
    count = sum(len(level.sizes) for level in clusters.levels)
    assert (table["space"] == "decoder").sum() == (table["space"] == "cooccurrence").sum() == count
    # The clusters of latents are those of the level that is shown first, in their own space.
    for space, own in (("decoder", other), ("cooccurrence", rows)):
        inside = table[(table["space"] == space) & (table["level"] == clusters.first)]
        known = [row["cluster"] for row in own if row["cluster"] is not None]
        assert set(known) == set(inside["cluster"])
        sizes = np.bincount(known, minlength=len(table))
        assert sizes[inside["cluster"]].tolist() == inside["size"].tolist()
