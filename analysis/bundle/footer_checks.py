"""Check the footers of all tables when a bundle is opened; no row is read.

A footer gives the types of the columns and the number of rows. Both must agree with the schema and
with the counts of the manifest.
"""

from collections.abc import Mapping

from analysis.bundle.damage import MEND, damaged
from analysis.bundle.manifest import Manifest
from analysis.bundle.older_schemas import OlderSchema
from analysis.bundle.schema import TABLES
from analysis.bundle.table_file import TableFile
from analysis.bundle.tables import ROW_GROUP
from analysis.runtime.errors import InputError

READ_BY_ROW = ("tokens", "activations_by_latent", "activations_by_token")
"""Tables in which the number of a row gives its row group."""


def check_columns(file: TableFile, schema: OlderSchema) -> None:
    """Raise InputError unless a table has every column, or its default, with the declared type."""
    table = file.path.stem
    for wanted in TABLES[table]:
        index = file.schema.get_field_index(wanted.name)
        if index < 0 and schema.lacks(table, wanted.name):
            continue
        if index < 0 or file.schema.field(index).type != wanted.type:
            raise InputError(
                f"{file.path}: lacks the column {wanted.name} of type {wanted.type}; {MEND}."
            )


def check_counts(files: Mapping[str, TableFile], manifest: Manifest) -> None:
    """Raise InputError unless every table has the number of rows that the manifest states."""
    for table, file in files.items():
        for counts in (expected_rows(manifest), stated_rows(manifest)):
            if file.rows != counts.get(table, file.rows):
                raise damaged(
                    file.path,
                    f"has {file.rows:,} rows, but the manifest states {counts[table]:,}",
                )
        if table in READ_BY_ROW and file.groups != -(-file.rows // ROW_GROUP):
            raise damaged(file.path, f"is not stored in row groups of {ROW_GROUP:,} rows")
    by_latent, by_token = files["activations_by_latent"], files["activations_by_token"]
    if by_latent.rows != by_token.rows:
        raise damaged(
            by_token.path,
            f"has {by_token.rows:,} rows, but {by_latent.path.stem} has {by_latent.rows:,}",
        )


def stated_rows(manifest: Manifest) -> dict[str, int]:
    """Rows of the tables for which the manifest states them; older bundles state none."""
    stored = manifest.tables.items()
    return {table: file.rows for table, file in stored if file.rows is not None}


def expected_rows(manifest: Manifest) -> dict[str, int]:
    """Rows of the tables whose number follows from other fields of the manifest."""
    mask = manifest.mask
    return {
        "latents": manifest.sae.d_sae,
        "documents": manifest.documents,
        "tokens": manifest.tokens + mask.special_tokens + mask.sink_tokens,
        "clusters": sum(level.clusters for level in manifest.clustering),
        "relations": sum(family.listed for family in manifest.relations),
    }
