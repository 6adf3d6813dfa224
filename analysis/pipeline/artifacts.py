"""Every file that one step of a build writes and another reads, as typed names.

Steps declare these as what they read and write (`analysis/build.py`), and read and write them
through `Building`, so no file name occurs anywhere else.
"""

from dataclasses import dataclass

from analysis.pipeline.records import (
    ClusterRecord,
    DoneRecord,
    HarvestRecord,
    LabelRecord,
    LogitRecord,
    MapRecord,
    NeighbourRecord,
    NullRecord,
    ReadingRecord,
    RelationRecord,
    RowsRecord,
)
from analysis.runtime.working_folder import RecordFile


@dataclass(frozen=True)
class Artifact:
    """A file or folder, by its path relative to the working folder."""

    path: str


@dataclass(frozen=True)
class BundleTable(Artifact):
    """A table of the bundle, in the schema that `analysis.bundle` declares."""

    name: str

    @staticmethod
    def named(name: str) -> "BundleTable":
        """The table of this name."""
        return BundleTable(f"tables/{name}.parquet", name)


@dataclass(frozen=True)
class ScratchTable(Artifact):
    """A Parquet table that passes between steps and is not published."""

    @staticmethod
    def named(name: str) -> "ScratchTable":
        """The table of this name."""
        return ScratchTable(f"scratch/{name}.parquet")


SHARDS = Artifact("shards")
PARTNER_BLOCKS = Artifact("scratch/partners")
NEIGHBOUR_HEAPS = Artifact("scratch/neighbours")
"""Heaps of a comparison of decoder vectors that takes minutes or hours."""
ANSWERS = Artifact("scratch/answers.jsonl")
NULL_DRAWS = Artifact("scratch/null_draws")
JOINT_FILES = Artifact("scratch/joint")
"""Working files of a graph of co-occurrence; removed after use."""

TOKENS = BundleTable.named("tokens")
DOCUMENTS = BundleTable.named("documents")
DOCUMENT_VALUES = BundleTable.named("document_values")
BY_TOKEN = BundleTable.named("activations_by_token")
BY_LATENT = BundleTable.named("activations_by_latent")
LOGITS = BundleTable.named("logits")
CONTEXTS = BundleTable.named("contexts")
PARTNERS = BundleTable.named("partners")
NEIGHBOURS = BundleTable.named("neighbours")
RELATIONS = BundleTable.named("relations")
MEMBERSHIPS = BundleTable.named("memberships")
NULL_LATENTS = BundleTable.named("null_latents")
NULL_CLUSTERS = BundleTable.named("null_clusters")
CLUSTER_PAIRS = BundleTable.named("cluster_pairs")
CLUSTER_COMPONENTS = BundleTable.named("cluster_components")
CLUSTER_LOADINGS = BundleTable.named("cluster_loadings")
LATENT_PROFILES = BundleTable.named("latent_profiles")
CLUSTER_PROFILES = BundleTable.named("cluster_profiles")
LATENTS = BundleTable.named("latents")
CLUSTERS = BundleTable.named("clusters")

ACTIVE_TOKENS = ScratchTable.named("active_tokens")
"""active_tokens int64, one row per latent: kept tokens on which it is active."""
STATISTICS = ScratchTable.named("statistics")
"""The columns of the latent table that follow from activations, and the decoder norms."""
MAP_COLUMNS = ScratchTable.named("map")
"""x, y, map_recall and map_agreement, one row per latent; null if it is not on the map."""
COOCCURRENCE_MAP_COLUMNS = ScratchTable.named("map_cooccurrence")
"""x_cooccurrence, y_cooccurrence and moved, one row per latent."""
SHOWN_CLUSTERS = ScratchTable.named("shown_clusters")
"""cluster and cluster_cooccurrence, one row per latent; null if it is in no cluster of the level
that is shown first."""
NEAREST = ScratchTable.named("nearest")
"""As the table neighbours, with twice as many neighbours of each latent."""
LINKS = ScratchTable.named("links")
"""As NEAREST, for the strongest partners above the shift; cosine is phi."""
NULL_CUTS = ScratchTable.named("null_cuts")
"""Every cut of every null draw, in both spaces (`clusters/null_draws.py`)."""
CLUSTER_TREE = ScratchTable.named("clusters")
"""One row per cluster of every level, with parent, size and stability."""
MEASURED_CLUSTERS = ScratchTable.named("measured")
"""CLUSTER_TREE and how often each cluster is active."""

READING_OF_LATENTS = ScratchTable.named("reading_latents")
"""reading_item and reading_rank, one row per latent; null if it is not live."""
READING_OF_CLUSTERS = ScratchTable.named("reading_clusters")
"""reading_item, one row per cluster; null if it is not in the reading order."""
INTRUDERS_OF_LATENTS = ScratchTable.named("intruders_latents")
"""intruder, one row per latent; null without a trial."""
INTRUDERS_OF_CLUSTERS = ScratchTable.named("intruders_clusters")
"""intruder, one row per cluster; null without a trial."""

HARVEST = RecordFile("harvest", HarvestRecord)
STORE = RecordFile("store", DoneRecord)
LOGIT_EFFECTS = RecordFile("effects_on_logits", LogitRecord)
DESCRIBE = RecordFile("describe_latents", DoneRecord)
PICK_CONTEXTS = RecordFile("pick_contexts", RowsRecord)
COUNT_PARTNERS = RecordFile("count_partners", RowsRecord)
FIND_NEIGHBOURS = RecordFile("find_neighbours", NeighbourRecord)
FIND_RELATIONS = RecordFile("find_relations", RelationRecord)
LAY_OUT = RecordFile("lay_out", MapRecord)
LAY_OUT_COOCCURRENCE = RecordFile("lay_out_by_cooccurrence", MapRecord)
LINK_LATENTS = RecordFile("link_latents", DoneRecord)
DRAW_NULLS = RecordFile("draw_nulls", NullRecord)
FIND_CLUSTERS = RecordFile("find_clusters", ClusterRecord)
MEASURE_CLUSTERS = RecordFile("measure_clusters", RowsRecord)
PROFILE = RecordFile("profile_by_documents", DoneRecord)
READ_IN_ORDER = RecordFile("read_in_order", ReadingRecord)
INTRUDER_TEST = RecordFile("intruder_test", DoneRecord)
NAME = RecordFile("name_latents_and_clusters", LabelRecord)
