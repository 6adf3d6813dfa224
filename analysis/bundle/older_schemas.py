"""The schema versions that this version of Clearwater reads, and defaults for older ones.

When you raise SCHEMA_VERSION, add the previous version to OLDER:

- If pages can do without the new columns and manifest fields, give their defaults; older bundles
  then still open.
- Otherwise set `opens=False`. Only `clearwater refresh` then reads older bundles; it recomputes
  everything except the tables in REFRESH_TABLES.
- If the activation tables changed, add no entry. Older bundles must then be built again.

Also add a small bundle of the previous version to `tests/bundles/` (see the README there).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.bundle.schema import SCHEMA_VERSION, TABLES
from analysis.runtime.errors import InputError

REFRESH_TABLES = (
    "latents",
    "tokens",
    "documents",
    "activations_by_token",
    "activations_by_latent",
    "logits",
)
"""The tables that `clearwater refresh` reads."""


@dataclass(frozen=True)
class OlderSchema:
    """What a bundle of an older schema version lacks, and the defaults that replace it."""

    opens: bool = True
    """Whether pages can show such a bundle. If not, only `clearwater refresh` reads it."""
    columns: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """Value in every row of a missing (table, column); None is null."""
    removed_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of each table that no longer exist; they are left out."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Values of missing manifest fields, e.g. {"labels": None}."""
    removed_fields: frozenset[str] = frozenset()
    """Manifest fields that no longer exist; they are ignored."""
    levels: Callable[[Any], Any] = field(default=lambda levels: levels)
    """Completes the value of the manifest field `clustering`, which may be damaged."""
    old_defaults: Mapping[str, Any] = field(default_factory=dict)
    """Parameters whose default has changed since, with the old default."""
    removed_tables: tuple[str, ...] = ()
    """Tables that no longer exist. They are not read, but the bundle's id depends on them."""

    def lacks(self, table: str, column: str) -> bool:
        """Whether a column may be missing."""
        return (table, column) in self.columns

    def completed(self, table: str, rows: pa.Table) -> pa.Table:
        """The rows of a table with its missing columns filled in, without those removed."""
        removed = self.removed_columns.get(table, ())
        rows = rows.drop_columns([name for name in rows.column_names if name in removed])
        for wanted in TABLES[table]:
            if wanted.name not in rows.column_names and self.lacks(table, wanted.name):
                value = pa.scalar(self.columns[table, wanted.name], _plain(wanted.type))
                filled = pa.repeat(value, rows.num_rows).cast(wanted.type)
                rows = rows.append_column(wanted, filled)
        return rows

    def completed_manifest(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content of a manifest with its missing fields filled in."""
        kept = {name: v for name, v in content.items() if name not in self.removed_fields}
        if "clustering" in kept:
            kept["clustering"] = self.levels(kept["clustering"])
        return {**self.fields, **kept}


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _levels_of_schema_2(levels: Any) -> Any:
    """All clusters are of the decoder, and the finest level is shown first."""
    if not isinstance(levels, list):
        return levels
    return [
        {"space": "decoder", "shown_first": row.get("level") == 0, **row}
        if isinstance(row, dict)
        else row
        for row in levels
    ]


CURRENT = OlderSchema()
"""A bundle of this version lacks nothing."""
OLDER: dict[int, OlderSchema] = {
    2: OlderSchema(
        columns={
            ("latents", "cluster_cooccurrence"): None,
            ("partners", "activation_pearson"): None,
            ("latents", "reading_item"): None,
            ("latents", "reading_rank"): None,
            ("latents", "intruder"): None,
            ("clusters", "space"): "decoder",
            ("clusters", "reading_item"): None,
            ("clusters", "intruder"): None,
            ("latents", "outside_label"): None,
            ("clusters", "evidence"): "",
            ("clusters", "member_lift"): None,
            ("clusters", "member_share"): None,
            ("clusters", "member_lift_other_words"): None,
            ("clusters", "explanation_lift"): None,
            ("clusters", "main_source"): "",
            ("clusters", "main_source_share"): None,
            ("clusters", "stability_null"): None,
            ("clusters", "bootstrap_null"): None,
            ("clusters", "believable"): None,
            ("memberships", "space"): "decoder",
            ("cluster_pairs", "space"): "decoder",
        },
        removed_columns={
            "clusters": (
                "label_precision",
                "label_recall",
                "label_lift",
                "label_contexts",
                "explanation_precision",
                "explanation_recall",
            )
        },
        removed_fields=frozenset({"communities"}),
        old_defaults={"contexts_per_kind": 6},
        levels=_levels_of_schema_2,
        removed_tables=("communities",),
    )
}
"""Older schema versions that are read. Bundles of version 1 have no entry."""


def reading_of(file: Path, version: object, to_refresh: bool) -> OlderSchema:
    """How to read a bundle of this schema version; `file` is its manifest.

    Raises InputError, with the command to run, if it cannot be read.
    """
    if version == SCHEMA_VERSION:
        return CURRENT
    has = f"{file}: has bundle schema version {version!r}, and this Clearwater reads "
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise InputError(f"{has}version {SCHEMA_VERSION}; update Clearwater to open the bundle.")
    older = OLDER.get(version)
    if older is None:
        raise InputError(
            f"{has}version {SCHEMA_VERSION}; build the bundle again with "
            "`clearwater build --sae SAE --model MODEL --corpus CORPUS --out NEW`."
        )
    if not older.opens and not to_refresh:
        raise InputError(
            f"{has}version {SCHEMA_VERSION}; upgrade the bundle with "
            f"`clearwater refresh {file.parent} --sae SAE --out NEW`."
        )
    return older
