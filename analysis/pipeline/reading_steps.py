"""The steps that tell a reader where to begin: the reading order and the intruder test."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import ReadingCoverage, ReadingSummary
from analysis.clusters.members import members_of_clusters
from analysis.labels.intruder import intruder_scores
from analysis.latents.flags import is_live
from analysis.latents.reading_order import (
    LARGEST_CLUSTER,
    Mass,
    ReadingOrder,
    families,
    mass_by_document,
    random_coverage,
    ranks_of_latents,
    reading_order,
)
from analysis.pipeline.artifacts import (
    CLUSTER_TREE,
    FIND_CLUSTERS,
    INTRUDERS_OF_CLUSTERS,
    INTRUDERS_OF_LATENTS,
    MEMBERSHIPS,
    READING_OF_CLUSTERS,
    READING_OF_LATENTS,
    RELATIONS,
    STATISTICS,
)
from analysis.pipeline.building import Building
from analysis.pipeline.records import DoneRecord, ReadingRecord
from analysis.runtime.arrays import Bools, Int32s, Ints

STATED = (10, 20, 50, 100, 200, 500, 1_000)
"""Numbers of items for which the manifest states the coverage."""


def read_in_order(build: Building) -> ReadingRecord:
    """Order the clusters that are shown first and the latents by what they cover."""
    statistics = build.read(STATISTICS)
    live = is_live(statistics)
    mass = mass_by_document(
        build.activations,
        build.kept,
        statistics["decoder_norm"].to_numpy().astype(np.float64),
        live,
        statistics["active_documents"].to_numpy().astype(np.int64),
        memory_bytes=build.memory_bytes,
        progress=build.progress.named("reading order, latents"),
    )
    duplicates, implications = (
        _pairs(build, relation, live) for relation in ("duplicate", "implication")
    )
    of_latent = [one[live[one]] for one in families(len(live), duplicates, implications)]
    heads = np.flatnonzero(live & np.array([len(one) > 0 for one in of_latent], dtype=bool))
    clusters = _shown_clusters(build)
    members = _members(build)
    items: list[Ints | Int32s] = [members[cluster] for cluster in clusters]
    items = [one[live[one]] for one in items] + [of_latent[head] for head in heads]
    order = reading_order(mass, items)
    _write(build, order, clusters, heads, mass, [items[i] for i in order.item], live)
    return ReadingRecord(
        summary=ReadingSummary(
            live=int(live.sum()),
            distinct=int((~np.isin(heads, implications[:, 0])).sum()),
            documents=len(mass.total),
            coverage=[
                ReadingCoverage(
                    items=n,
                    latents=int(order.latents[:n].sum()),
                    mass=round(float(order.mass[n - 1]), 6),
                    documents=round(float(order.documents[n - 1]), 6),
                    random_mass=round(random_coverage(mass, items, n, build.parameters.seed), 6),
                )
                for n in STATED
                if n <= len(order.item)
            ],
        )
    )


def intruder_test(build: Building) -> DoneRecord:
    """See how often words give away the foreign one among five contexts."""
    naming = build.naming_terms
    live = np.flatnonzero(is_live(build.read(STATISTICS)))
    members = _members(build)
    scores = intruder_scores(
        [*live[:, None], *members],
        build.activations,
        build.kept,
        naming.terms,
        held_out=naming.split.held_out,
        seed=build.parameters.seed,
        memory_bytes=build.memory_bytes,
        progress=build.progress.named("intruder test, latents"),
    )
    of_latent = np.full(build.sae.d_sae, np.nan, dtype=np.float32)
    of_latent[live] = scores.right[: len(live)]
    build.write_columns(INTRUDERS_OF_LATENTS, {"intruder": of_latent})
    build.write_columns(INTRUDERS_OF_CLUSTERS, {"intruder": scores.right[len(live) :]})
    return DoneRecord()


def _pairs(build: Building, relation: str, live: Bools) -> Ints:
    """The pairs (a, b) int64 [n, 2] of one relation between live latents."""
    rows = build.read(RELATIONS, ["a", "b", "relation"])
    rows = rows.filter(pc.equal(rows["relation"].cast("string"), relation))
    pairs = np.column_stack([rows["a"].to_numpy(), rows["b"].to_numpy()]).astype(np.int64)
    return pairs[live[pairs].all(axis=1)]


def _members(build: Building) -> list[Int32s]:
    """The latents of each cluster, in the order of the cluster table."""
    rows = build.read(MEMBERSHIPS, ["latent", "cluster"])
    return members_of_clusters(rows, build.read(CLUSTER_TREE).num_rows)


def _shown_clusters(build: Building) -> Ints:
    """Clusters at the levels shown first that are reproducible and small enough to be read at once.

    Without null draws, every cluster is taken as reproducible.
    """
    tree = build.read(CLUSTER_TREE)
    shown = {
        (one.space, one.level) for one in build.record(FIND_CLUSTERS).levels if one.shown_first
    }
    spaces, levels = tree["space"].cast("string").to_pylist(), tree["level"].to_pylist()
    at = [place in shown for place in zip(spaces, levels, strict=True)]
    believable = pc.fill_null(tree["believable"], True).to_numpy()
    small = tree["size"].to_numpy() <= LARGEST_CLUSTER
    return np.flatnonzero(np.array(at, dtype=bool) & believable & small)


def _write(
    build: Building,
    order: ReadingOrder,
    clusters: Ints,
    heads: Ints,
    mass: Mass,
    ordered: Sequence[Ints | Int32s],
    live: Bools,
) -> None:
    """Write the places of clusters and latents in the order."""
    place = np.full(len(clusters) + len(heads), np.nan)
    place[order.item] = np.arange(len(order.item))
    of_cluster = np.full(build.read(CLUSTER_TREE).num_rows, np.nan)
    of_cluster[clusters] = place[: len(clusters)]
    of_latent = np.full(len(live), np.nan)
    of_latent[heads] = place[len(clusters) :]
    rank = ranks_of_latents(mass, ordered, live).astype(np.float64)
    rank[rank < 0] = np.nan
    build.write_columns(
        READING_OF_LATENTS, {"reading_item": of_latent, "reading_rank": rank}, pa.int32()
    )
    build.write_columns(READING_OF_CLUSTERS, {"reading_item": of_cluster}, pa.int32())
