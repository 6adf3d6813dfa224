"""The bundle: the contract between the analysis that writes it and the pages that read it.

A bundle is a folder of Parquet tables and `manifest.json`. `schema.TABLES` declares every table and
every column once, with unit and meaning. A bundle is immutable: it is written to a working folder,
checked, and published by one rename.

Every table that describes latents is sorted by `latent`, so the row-group statistics give the
place of one latent's rows, and the rest of the table is not read.
"""

from analysis.bundle.activations import (
    WORKING_BYTES,
    Activations,
    LatentBlock,
    TokenBlock,
    open_activations,
)
from analysis.bundle.blocks import spans_within
from analysis.bundle.checksums import stored_content_id
from analysis.bundle.manifest import (
    MANIFEST,
    SPACES,
    ClusterLevel,
    CorpusSource,
    LabelSummary,
    LevelName,
    LevelScores,
    Manifest,
    MapQuality,
    MaskSummary,
    MemberScores,
    ModelSource,
    Parameters,
    ReadingCoverage,
    ReadingSummary,
    RelationFamily,
    SaeSource,
    SelfCheck,
    Space,
    StoredTable,
)
from analysis.bundle.open import (
    Bundle,
    TopWords,
    folder_identity,
    open_bundle,
    read_manifest,
)
from analysis.bundle.positions import UNITS, WINDOW, KeptTokens, Unit, Units, kept_tokens
from analysis.bundle.publish import check_destination, publish
from analysis.bundle.schema import (
    CLUSTER_COLUMNS,
    EVERY_PAIR_UP_TO,
    SCHEMA_VERSION,
    TABLES,
    ContextKind,
    column,
)
from analysis.bundle.table_file import TableFile
from analysis.bundle.tables import (
    ROW_GROUP,
    LatentTable,
    TableWriter,
    read_rows,
    read_table,
    write_table,
)
from analysis.bundle.verification import TableReport, verify

__all__ = [
    "CLUSTER_COLUMNS",
    "EVERY_PAIR_UP_TO",
    "MANIFEST",
    "ROW_GROUP",
    "SCHEMA_VERSION",
    "SPACES",
    "TABLES",
    "UNITS",
    "WINDOW",
    "WORKING_BYTES",
    "Activations",
    "Bundle",
    "ClusterLevel",
    "ContextKind",
    "CorpusSource",
    "KeptTokens",
    "LabelSummary",
    "LatentBlock",
    "LatentTable",
    "LevelName",
    "LevelScores",
    "Manifest",
    "MapQuality",
    "MaskSummary",
    "MemberScores",
    "ModelSource",
    "Parameters",
    "ReadingCoverage",
    "ReadingSummary",
    "RelationFamily",
    "SaeSource",
    "SelfCheck",
    "Space",
    "StoredTable",
    "TableFile",
    "TableReport",
    "TableWriter",
    "TokenBlock",
    "TopWords",
    "Unit",
    "Units",
    "check_destination",
    "column",
    "folder_identity",
    "kept_tokens",
    "open_activations",
    "open_bundle",
    "publish",
    "read_manifest",
    "read_rows",
    "read_table",
    "spans_within",
    "stored_content_id",
    "verify",
    "write_table",
]
