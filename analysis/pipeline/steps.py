"""The bodies of the steps: each calls the room that does the work and writes what it returns.

What a step reads and writes is declared where it is listed, in `analysis/build.py`.
"""

import shutil
from dataclasses import replace

import pyarrow as pa

from analysis.bundle import TABLES
from analysis.clusters.activity import cluster_activity
from analysis.clusters.clustering import place
from analysis.clusters.component_tables import write_components
from analysis.clusters.members import members_of_clusters
from analysis.cooccurrence import partners, relations
from analysis.cooccurrence.partner_graph import partner_graph
from analysis.cooccurrence.strongest import Ranking
from analysis.decoder.graph import NeighbourGraph, decoder_graph, graph_of_table, neighbour_table
from analysis.decoder.umap_map import LatentMap, cooccurrence_map, decoder_map, moved
from analysis.harvest.source import Source
from analysis.harvest.store import write_activation_tables
from analysis.labels.columns import label_tables
from analysis.labels.material import Material
from analysis.labels.profiles.document_columns import document_columns
from analysis.labels.profiles.profile_tables import cluster_profiles, latent_profiles
from analysis.latents.contexts import write_contexts
from analysis.latents.logits import logit_effects
from analysis.latents.statistics import latent_statistics
from analysis.pipeline.artifacts import (
    ACTIVE_TOKENS,
    ANSWERS,
    CLUSTER_PAIRS,
    CLUSTER_PROFILES,
    CLUSTER_TREE,
    CLUSTERS,
    COOCCURRENCE_MAP_COLUMNS,
    DOCUMENT_VALUES,
    DOCUMENTS,
    FIND_NEIGHBOURS,
    INTRUDERS_OF_CLUSTERS,
    INTRUDERS_OF_LATENTS,
    LATENT_PROFILES,
    LATENTS,
    LAY_OUT,
    LOGITS,
    MAP_COLUMNS,
    MEASURED_CLUSTERS,
    MEMBERSHIPS,
    NEAREST,
    NEIGHBOUR_HEAPS,
    NEIGHBOURS,
    PARTNER_BLOCKS,
    PARTNERS,
    READING_OF_CLUSTERS,
    READING_OF_LATENTS,
    SHARDS,
    SHOWN_CLUSTERS,
    STATISTICS,
)
from analysis.pipeline.building import Building
from analysis.pipeline.records import (
    DoneRecord,
    HarvestRecord,
    LabelRecord,
    LogitRecord,
    MapRecord,
    NeighbourRecord,
    RelationRecord,
    RowsRecord,
)
from analysis.runtime.errors import InputError, ResumableError


def harvest(build: Building, source: Source) -> HarvestRecord:
    """Run model and SAE over the corpus, or read the imported activations, into shards."""
    harvested = source.harvest(
        build.path(SHARDS),
        build.memory_bytes,
        build.workers,
        build.progress.named("harvest, tokens"),
    )
    return HarvestRecord.model_validate(harvested)


def store(build: Building, source: Source) -> DoneRecord:
    """Write the tokens, the documents, and the activations by token and by latent."""
    stored = write_activation_tables(
        build.path(SHARDS),
        build.work.tables,
        build.sae.d_sae,
        documents=source.documents(),
        memory_bytes=build.memory_bytes,
    )
    counts = stored.latent_counts
    build.write(ACTIVE_TOKENS, pa.table({"active_tokens": counts}))
    return DoneRecord()


def effects_on_logits(build: Building, source: Source) -> LogitRecord:
    """The tokens that each latent promotes and suppresses; empty, with the reason, if unknown."""
    rows, reason = TABLES["logits"].empty_table(), ""
    try:
        vocabulary = source.vocabulary()
    except ResumableError:
        raise
    except InputError as unknown:
        vocabulary, reason = None, str(unknown)
    if vocabulary is not None:
        rows = logit_effects(
            build.decoder,
            vocabulary.unembedding,
            vocabulary.tokens,
            memory_bytes=build.memory_bytes,
            progress=build.progress.named("logit effects, latents"),
        )
    build.write(LOGITS, rows)
    return LogitRecord(rows=rows.num_rows, reason=reason)


def describe_latents(build: Building) -> DoneRecord:
    """Density, moments, quantiles, flag and decoder norm of every latent."""
    statistics = latent_statistics(
        build.activations, build.kept, build.n_tokens, memory_bytes=build.memory_bytes
    )
    norms = pa.array(build.sae.decoder_norms().numpy())
    build.write(STATISTICS, statistics.append_column("decoder_norm", norms))
    return DoneRecord()


def pick_contexts(build: Building) -> RowsRecord:
    """Top, interval and random contexts of every latent."""
    rows = write_contexts(
        build.activations,
        build.kept,
        build.work.tables,
        parameters=build.parameters,
        memory_bytes=build.memory_bytes,
        progress=build.progress.named("contexts, latents"),
    )
    return RowsRecord(rows=rows)


def count_partners(build: Building) -> RowsRecord:
    """Count every pair of latents exactly and keep the strongest partners."""
    rows = partners.count_partners(
        build.activations,
        build.kept,
        build.work.tables,
        build.path(PARTNER_BLOCKS),
        Ranking(build.parameters.partners_kept, build.parameters.minimum_joint),
        workers=build.workers,
        memory_bytes=build.memory_bytes,
        progress=build.progress.named("co-occurrence, latents"),
    )
    return RowsRecord(rows=rows)


def find_neighbours(build: Building) -> NeighbourRecord:
    """The cosine kNN graph of the decoder, which the map and the clusters share.

    The clusters leave some latents out, so they need more neighbours than are stored.
    """
    k = build.parameters.neighbours
    graph = decoder_graph(
        build.decoder,
        eligible=build.fired,
        k=2 * k,
        seed=build.parameters.seed,
        kept=build.path(NEIGHBOUR_HEAPS),
        progress=build.progress.named("neighbours, blocks of pairs"),
    )
    build.write(NEAREST, neighbour_table(graph))
    graph = replace(graph, neighbours=graph.neighbours[:, :k], cosines=graph.cosines[:, :k])
    build.write(NEIGHBOURS, neighbour_table(graph))
    shutil.rmtree(build.path(NEIGHBOUR_HEAPS), ignore_errors=True)
    return NeighbourRecord(how=graph.how, recall=graph.recall)


def find_relations(build: Building) -> RelationRecord:
    """Duplicates, implications, exclusive siblings and absorption candidates."""
    families = relations.find_relations(
        build.activations,
        build.n_tokens,
        build.work.tables,
        build.decoder,
        memory_bytes=build.memory_bytes,
        progress=build.progress,
    )
    return RelationRecord(families=list(families))


def lay_out(build: Building) -> MapRecord:
    """The map by decoder similarity, and how well it preserves the neighbours."""
    placed = decoder_map(
        build.decoder,
        _graph(build),
        build.fired,
        seed=build.parameters.seed,
        epochs=build.parameters.epochs,
    )
    columns = {
        "x": placed.x,
        "y": placed.y,
        "map_recall": placed.recall,
        "map_agreement": placed.agreement,
    }
    build.write_columns(MAP_COLUMNS, columns)
    return MapRecord(quality=placed.quality)


def lay_out_by_cooccurrence(build: Building) -> MapRecord:
    """The map by co-occurrence, and how far each latent's neighbourhood differs on it."""
    drawn = build.read(MAP_COLUMNS)
    by_decoder = LatentMap(
        x=drawn["x"].to_numpy(),
        y=drawn["y"].to_numpy(),
        recall=drawn["map_recall"].to_numpy(),
        agreement=drawn["map_agreement"].to_numpy(),
        quality=build.record(LAY_OUT).quality,
    )
    graph = partner_graph(
        build.read(PARTNERS, ["latent", "partner", "joint_tokens"]),
        build.read(ACTIVE_TOKENS),
        build.n_tokens,
        k=build.parameters.neighbours,
    )
    placed = cooccurrence_map(
        graph, by_decoder, seed=build.parameters.seed, epochs=build.parameters.epochs
    )
    columns = {
        "x_cooccurrence": placed.x,
        "y_cooccurrence": placed.y,
        "moved": moved(by_decoder, placed),
    }
    build.write_columns(COOCCURRENCE_MAP_COLUMNS, columns)
    return MapRecord(quality=placed.quality)


def measure_clusters(build: Building) -> RowsRecord:
    """How often clusters are active, separately and in pairs, and their principal components."""
    clusters, memberships = build.read(CLUSTER_TREE), build.read(MEMBERSHIPS)
    counted = cluster_activity(
        build.activations,
        build.kept,
        clusters,
        memberships,
        build.n_tokens,
        memory_bytes=build.memory_bytes,
    )
    build.write(CLUSTER_PAIRS, counted.pairs)
    measured = _side_by_side(clusters, counted.clusters)
    build.write(MEASURED_CLUSTERS, measured)
    write_components(
        build.activations,
        build.decoder,
        measured,
        memberships,
        build.work.tables,
        memory_bytes=build.memory_bytes,
        progress=build.progress.named("components, clusters"),
    )
    return RowsRecord(rows=counted.pairs.num_rows)


def profile_by_documents(build: Building) -> DoneRecord:
    """Where latents and clusters fire, by the values of the documents."""
    columns = document_columns(build.read(DOCUMENTS), build.read(DOCUMENT_VALUES))
    build.write(
        LATENT_PROFILES,
        latent_profiles(build.activations, build.kept, columns, memory_bytes=build.memory_bytes),
    )
    clusters = build.read(CLUSTER_TREE).num_rows
    of_clusters = cluster_profiles(
        members_of_clusters(build.read(MEMBERSHIPS, ["latent", "cluster"]), clusters),
        build.activations,
        build.kept,
        columns,
        memory_bytes=build.memory_bytes,
    )
    build.write(CLUSTER_PROFILES, of_clusters)
    return DoneRecord()


def name_latents_and_clusters(build: Building) -> LabelRecord:
    """Labels with evidence and scores, which complete the latent and the cluster table."""
    drawn = build.read(MAP_COLUMNS)
    latents = _side_by_side(
        build.read(STATISTICS),
        drawn,
        build.read(COOCCURRENCE_MAP_COLUMNS),
        build.read(SHOWN_CLUSTERS),
        build.read(READING_OF_LATENTS),
        build.read(INTRUDERS_OF_LATENTS),
    )
    memberships = build.read(MEMBERSHIPS)
    x, y = (drawn[axis].to_numpy() for axis in ("x", "y"))
    measured = _side_by_side(
        build.read(MEASURED_CLUSTERS),
        build.read(READING_OF_CLUSTERS),
        build.read(INTRUDERS_OF_CLUSTERS),
    )
    clusters = place(measured, memberships, x, y)
    labelled = label_tables(
        Material(build.work.tables, build.activations, latents, clusters, memberships),
        build.naming_terms,
        build.labels,
        seed=build.parameters.seed,
        kept_answers=build.path(ANSWERS),
        memory_bytes=build.memory_bytes,
        progress=build.progress,
    )
    build.write(LATENTS, labelled.latents)
    build.write(CLUSTERS, labelled.clusters)
    return LabelRecord(summary=labelled.summary, sources=dict(build.labels.fingerprint()))


def _graph(build: Building) -> NeighbourGraph:
    """The graph that `find_neighbours` wrote."""
    record = build.record(FIND_NEIGHBOURS)
    return graph_of_table(build.read(NEIGHBOURS), build.sae.d_sae, record.how, record.recall)


def _side_by_side(table: pa.Table, *others: pa.Table) -> pa.Table:
    """The columns of tables of equal length, in order."""
    for other in others:
        for column in other.column_names:
            table = table.append_column(column, other[column])
    return table
