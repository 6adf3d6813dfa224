"""Clusters inside a selection: the clustering of a build, on some latents of a bundle.

By co-occurrence, everything is as in a build (`clustering.py`, `null_draws.py`), with fewer draws
if the caller wants: pairs are counted among the selected latents, and every cluster stands beside
its null. By decoder similarity, the graph is that of the bundle's neighbours, restricted to the
selection. A bundle has no decoder vectors, so there is no null, and nothing is called reproducible.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Bundle, Space
from analysis.clusters.clustering import SpaceClusters, assemble, cluster
from analysis.clusters.null_draws import Graph, NullDraws
from analysis.cooccurrence.shift_graph import shift_graph
from analysis.decoder.graph import graph_of_table
from analysis.latents.flags import is_live
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.durable import whole_file
from analysis.runtime.errors import InputError
from analysis.runtime.progress import SILENT, Progress

METADATA = "clearwater.clusters"
"""Key of the metadata of a file of clusters."""
DRAWS = 5
"""Default number of null draws."""
COLUMNS = ("size", "stability", "bootstrap", "stability_null", "bootstrap_null", "believable")
"""Columns of the bundle's `clusters` table that a result has."""


@dataclass(frozen=True)
class InnerClusters:
    """The clusters of the level that is shown first, largest first."""

    space: Space
    latents: int
    """Latents that were clustered; the others are not live, or have too few neighbours inside."""
    agreement: float
    """Mean agreement over the pairs of seeds."""
    draws: int
    """Null draws; 0 without a null."""
    clusters: pa.Table
    """`COLUMNS`, and members (list of latents)."""


def cluster_inside(
    bundle: Bundle,
    mask: Bools,
    space: Space,
    *,
    draws: int = DRAWS,
    progress: Progress = SILENT,
) -> InnerClusters:
    """Cluster the live latents of the mask [F]. `progress` counts the draws, then the data."""
    latents = np.flatnonzero(mask & is_live(bundle.latents))
    draws = draws if space == "cooccurrence" and len(latents) else 0
    if space == "decoder":
        grouped = _by_decoder(bundle, latents)
    else:
        grouped = _by_cooccurrence(bundle, latents, draws, progress)
    progress(draws + 1, draws + 1)
    level = grouped.levels[grouped.first]
    inside = latents[grouped.latents]
    table = assemble([grouped], len(latents)).clusters
    of_level = table.filter(np.asarray(table["level"]) == grouped.first).select(list(COLUMNS))
    members = [inside[level.labels == i].tolist() for i in range(len(level.sizes))]
    return InnerClusters(
        space=space,
        latents=len(grouped.latents),
        agreement=level.agreement,
        draws=draws,
        clusters=of_level.append_column("members", pa.array(members, pa.list_(pa.int32()))),
    )


def _by_cooccurrence(
    bundle: Bundle, latents: Ints, draws: int, progress: Progress
) -> SpaceClusters:
    """Cluster the latents [n], which are the rows of the result."""
    parameters = bundle.manifest.parameters
    nulls = NullDraws("cooccurrence", latents, draws, is_sample=False)
    with TemporaryDirectory() as name:
        folder = Path(name)

        def graph_of(draw: int | None) -> Graph:
            graph = shift_graph(
                bundle.activations,
                bundle.kept_tokens,
                latents,
                folder / "joint",
                k=2 * parameters.neighbours,
                shift=None if draw is None else parameters.seed * 1_000 + draw,
            )
            return graph, None

        settings: dict[str, Any] = {
            "seed": parameters.seed,
            "minimum_cluster": parameters.minimum_cluster,
            "epochs": parameters.epochs,
        }
        report = Progress("", lambda _, done, total: progress(done, total + 1))
        rows = nulls.run(graph_of, folder / "draws", progress=report, **settings)
        graph, _ = graph_of(None)
        return cluster(
            "cooccurrence",
            graph,
            np.ones(len(latents), dtype=bool),
            nulls=(nulls, rows) if draws else None,
            **settings,
        )


def _by_decoder(bundle: Bundle, latents: Ints) -> SpaceClusters:
    """Cluster the latents [n], which are the rows of the result."""
    parameters = bundle.manifest.parameters
    rows = bundle.neighbours.of(latents)
    inside = rows.filter(np.isin(rows["neighbour"].to_numpy(), latents))
    for column in ("latent", "neighbour"):
        own = np.searchsorted(latents, inside[column].to_numpy()).astype(np.int32)
        inside = inside.set_column(inside.column_names.index(column), column, pa.array(own))
    everything = np.ones(len(latents), dtype=bool)
    graph = graph_of_table(inside, len(latents), "the neighbours of the bundle", 1.0)
    return cluster(
        "decoder",
        # Neighbours outside of the selection have left gaps.
        graph.among(everything, graph.k),
        everything,
        seed=parameters.seed,
        minimum_cluster=parameters.minimum_cluster,
        epochs=parameters.epochs,
    )


def write_inner_clusters(
    inner: InnerClusters, words: Sequence[Sequence[str]], bundle: Bundle, selection: str, file: Path
) -> None:
    """Write the clusters and the words [n] that describe each; the metadata say how they were made.

    Raises InputError if the folder of the file does not exist.
    """
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no such folder; give a file in an existing one.")
    manifest = bundle.manifest
    made = {
        "bundle": manifest.bundle_id,
        "selection": selection,
        "space": inner.space,
        "latents": inner.latents,
        "agreement": inner.agreement,
        "null_draws": inner.draws,
        "tokens": manifest.tokens,
        "active_rule": manifest.active_rule,
        "mask": manifest.mask.policy,
    }
    table = inner.clusters.append_column("words", pa.array(words, pa.list_(pa.string())))
    with whole_file(file) as unfinished:
        pq.write_table(table.replace_schema_metadata({METADATA: json.dumps(made)}), unfinished)
