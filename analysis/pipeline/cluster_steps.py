"""The steps that cluster the latents in both spaces, and where there is nothing to find."""

import shutil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Space
from analysis.clusters.clustering import assemble, cluster, clusters_of
from analysis.clusters.null_draws import (
    SAMPLE,
    SHOWN,
    Graph,
    NullDraws,
    moment_root,
    noise_vectors,
)
from analysis.clusters.null_view import DrawnSpace, null_tables
from analysis.cooccurrence.shift_graph import shift_graph, shift_graphs
from analysis.decoder.graph import NeighbourGraph, decoder_graph, graph_of_table, neighbour_table
from analysis.decoder.umap_map import LatentMap, cooccurrence_map, decoder_map
from analysis.decoder.vectors import row_norms
from analysis.latents.flags import is_live
from analysis.pipeline.artifacts import (
    CLUSTER_TREE,
    JOINT_FILES,
    LAY_OUT,
    LINKS,
    MAP_COLUMNS,
    MEMBERSHIPS,
    NEAREST,
    NULL_CLUSTERS,
    NULL_CUTS,
    NULL_DRAWS,
    NULL_LATENTS,
    SHOWN_CLUSTERS,
    STATISTICS,
    ScratchTable,
)
from analysis.pipeline.building import Building
from analysis.pipeline.records import ClusterRecord, DoneRecord, NullRecord
from analysis.runtime.arrays import Bools, Float32s, Ints


def link_latents(build: Building) -> DoneRecord:
    """The graph of latents that fire together more often than a shift explains."""
    latents = np.flatnonzero(_live(build))
    graph = shift_graph(
        build.activations,
        build.kept,
        latents,
        build.path(JOINT_FILES),
        k=2 * build.parameters.neighbours,
        memory_bytes=build.memory_bytes,
    )
    build.write(LINKS, neighbour_table(graph.spread(latents, build.sae.d_sae)))
    return DoneRecord()


def draw_nulls(build: Building) -> NullRecord:
    """Cluster vectors of the same spectrum, and shifted activations, as often as is affordable."""
    rows: list[pa.Table] = []
    draws: dict[str, int] = {}
    drawn: dict[Space, DrawnSpace] = {}
    for one in _draws(build):
        graph_of = _Vectors(build, one) if one.space == "decoder" else _Shifted(build, one)
        cuts = one.run(
            graph_of,
            build.path(NULL_DRAWS),
            progress=build.progress.named(f"null draws, {one.space}"),
            **_settings(build),
        )
        rows.append(cuts)
        draws[one.space] = one.draws
        drawn[one.space] = _shown_draw(build, one, graph_of, cuts)
    build.write(NULL_CUTS, pa.concat_tables(rows))
    latents, clusters = null_tables(drawn, build.sae.d_sae)
    build.write(NULL_LATENTS, latents)
    build.write(NULL_CLUSTERS, clusters)
    shutil.rmtree(build.path(NULL_DRAWS))
    return NullRecord(draws=draws, maps={one: drawn[one].map.quality for one in drawn})


def _shown_draw(
    build: Building, draws: NullDraws, graph_of: "_Vectors | _Shifted", cuts: pa.Table
) -> DrawnSpace:
    """The clusters, the map and the partners of the draw that readers may look at."""
    parameters = build.parameters
    repeated = draws.shown(build.path(NULL_DRAWS))
    clusters = clusters_of(
        draws.space, repeated, len(draws.latents), parameters.minimum_cluster, (draws, cuts)
    )
    settings: dict[str, Any] = {"seed": parameters.seed, "epochs": parameters.epochs, "seeds": 1}
    if isinstance(graph_of, _Vectors):
        graph = graph_of.nearest_of_shown()
        everyone = np.ones(len(draws.latents), dtype=bool)
        placed = decoder_map(graph_of.vectors(SHOWN), graph, everyone, **settings)
    else:
        graph = graph_of.strongest_of_shown()
        placed = cooccurrence_map(graph, _map_of(build, draws.latents), **settings)
    return DrawnSpace(draws.latents, clusters, placed, graph)


def _map_of(build: Building, latents: Ints) -> LatentMap:
    """The map by decoder similarity of some latents."""
    drawn = build.read(MAP_COLUMNS)
    x, y, recall, agreement = (
        drawn[name].to_numpy()[latents] for name in ("x", "y", "map_recall", "map_agreement")
    )
    return LatentMap(x, y, recall, agreement, build.record(LAY_OUT).quality)


def find_clusters(build: Building) -> ClusterRecord:
    """Clusters by decoder similarity and by co-occurrence at several levels."""
    null_rows = build.read(NULL_CUTS)
    spaces = []
    for one in _draws(build):
        is_decoder = one.space == "decoder"
        spaces.append(
            cluster(
                one.space,
                _graph(build, NEAREST if is_decoder else LINKS),
                build.fired if is_decoder else _live(build),
                build.decoder if is_decoder else None,
                nulls=(one, null_rows.filter(pc.equal(null_rows["space"], one.space))),
                **_settings(build),
            )
        )
    clustering = assemble(spaces, build.sae.d_sae)
    build.write(MEMBERSHIPS, clustering.memberships)
    build.write(CLUSTER_TREE, clustering.clusters)
    shown = {name: pa.array(v, mask=v < 0) for name, v in clustering.shown.items()}
    build.write(SHOWN_CLUSTERS, pa.table(shown))
    return ClusterRecord(levels=list(clustering.levels))


def _settings(build: Building) -> dict[str, Any]:
    return {
        "seed": build.parameters.seed,
        "minimum_cluster": build.parameters.minimum_cluster,
        "epochs": build.parameters.epochs,
    }


def _draws(build: Building) -> list[NullDraws]:
    """The draws of each space, in the order of the spaces."""
    has_vector = build.fired & (row_norms(build.decoder) > 0)
    eligible: dict[Space, Bools] = {"decoder": has_vector, "cooccurrence": _live(build)}
    parameters = build.parameters
    return [
        NullDraws.of(space, of, parameters.seed, parameters.null_draws)
        for space, of in eligible.items()
    ]


class _Vectors:
    """Vectors of the same spectrum; as draw SAMPLE those of the decoder."""

    def __init__(self, build: Building, draws: NullDraws) -> None:
        self._build, self._draws = build, draws
        self._root = moment_root(build.decoder, draws.latents)
        self._nearest: NeighbourGraph | None = None

    def vectors(self, draw: int) -> Float32s:
        """The vectors [draws.latents] of a draw."""
        if draw == SAMPLE:
            return np.asarray(self._build.decoder[self._draws.latents])
        seed = [self._build.parameters.seed, draw]
        return noise_vectors(self._root, len(self._draws.latents), seed)

    def __call__(self, draw: int) -> Graph:
        """The graph of the nearest vectors, and the vectors."""
        vectors, near = self.vectors(draw), self._build.parameters.neighbours
        everyone = np.ones(len(vectors), dtype=bool)
        graph = decoder_graph(
            vectors, eligible=everyone, k=2 * near, seed=self._build.parameters.seed
        )
        if draw == SHOWN:
            self._nearest = graph.among(everyone, near)
        return graph, vectors

    def nearest_of_shown(self) -> NeighbourGraph:
        """The nearest vectors of draw SHOWN, searched again only if the step was resumed."""
        if self._nearest is None:
            self(SHOWN)
        assert self._nearest is not None
        return self._nearest


class _Shifted:
    """Activations of which every latent is shifted; as draw SAMPLE those that are stored."""

    def __init__(self, build: Building, draws: NullDraws) -> None:
        self._build, self._draws = build, draws
        self._strongest: NeighbourGraph | None = None

    def __call__(self, draw: int) -> Graph:
        """The graph of the partners above the shift."""
        build, near = self._build, self._build.parameters.neighbours
        above, strongest = shift_graphs(
            build.activations,
            build.kept,
            self._draws.latents,
            build.path(JOINT_FILES),
            k=2 * near,
            every=near if draw == SHOWN else 0,
            shift=None if draw == SAMPLE else build.parameters.seed * 1_000 + draw,
            memory_bytes=build.memory_bytes,
        )
        if draw == SHOWN:
            self._strongest = strongest
        return above, None

    def strongest_of_shown(self) -> NeighbourGraph:
        """The strongest partners of draw SHOWN, counted again only if the step was resumed."""
        if self._strongest is None:
            self(SHOWN)
        assert self._strongest is not None
        return self._strongest


def _live(build: Building) -> Bools:
    """The latents that are neither dead nor ultralow nor dense, bool [d_sae]."""
    return is_live(build.read(STATISTICS, ["flag"]))


def _graph(build: Building, table: ScratchTable) -> NeighbourGraph:
    """A graph that an earlier step wrote."""
    return graph_of_table(build.read(table), build.sae.d_sae, "", 1.0)
