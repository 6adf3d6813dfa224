"""Footers that contradict the schema or the manifest are refused when a bundle is opened."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.bundle import StoredTable
from analysis.bundle.footer_checks import (
    check_columns,
    check_counts,
    expected_rows,
    stated_rows,
)
from analysis.bundle.older_schemas import CURRENT, OlderSchema
from analysis.bundle.schema import TABLES
from analysis.bundle.tables import ROW_GROUP
from analysis.runtime.errors import InputError
from tests.bundles.hand_made import manifest

HASH = "0" * 64


@dataclass(frozen=True)
class Footer:
    """What a check reads of a file."""

    path: Path
    rows: int
    groups: int
    schema: pa.Schema


def footers() -> dict[str, Footer]:
    rows = expected_rows(manifest()) | {"activations_by_latent": 70_000}
    rows |= {"activations_by_token": 70_000}
    return {
        table: Footer(
            Path("b") / f"{table}.parquet",
            rows.get(table, 3),
            -(-rows.get(table, 3) // ROW_GROUP),
            schema,
        )
        for table, schema in TABLES.items()
    }


def check(table: str = "", stated: dict[str, int | None] | None = None, **changes: int) -> None:
    files = footers()
    if table:
        files[table] = replace(files[table], **changes)  # type: ignore[arg-type]
    tables = {t: StoredTable(sha256=HASH, footer=HASH, rows=n) for t, n in (stated or {}).items()}
    made = manifest().model_copy(update={"tables": tables})
    check_counts(files, made)  # type: ignore[arg-type]


def test_the_numbers_of_the_manifest() -> None:
    check()
    assert expected_rows(manifest()) == {
        "latents": 10,
        "documents": 7,
        "tokens": 120,
        "clusters": 5,
        "relations": 2,
    }


@pytest.mark.parametrize("table", expected_rows(manifest()))
def test_other_numbers_of_rows_are_refused(table: str) -> None:
    wanted = expected_rows(manifest())[table]
    for rows in (wanted - 1, wanted + 1):
        message = f"b/{table}.parquet: has {rows} rows, but the manifest states {wanted};"
        with pytest.raises(InputError, match=message):
            check(table, rows=rows)


@pytest.mark.parametrize("table", ["partners", "contexts", "relations"])
def test_numbers_that_the_manifest_states_for_each_table(table: str) -> None:
    rows = footers()[table].rows
    check(stated={table: rows})
    check(stated={table: None, "logits": None})
    for wrong in (rows - 1, rows + 1):
        message = f"b/{table}.parquet: has {rows} rows, but the manifest states {wrong};"
        with pytest.raises(InputError, match=message):
            check(stated={table: wrong})


def test_older_manifests_state_no_numbers_of_rows() -> None:
    assert stated_rows(manifest()) == {}


def test_tables_that_are_read_by_row_have_whole_row_groups() -> None:
    with pytest.raises(InputError, match="is not stored in row groups of 65,536 rows"):
        check("activations_by_latent", groups=3)
    check("partners", groups=3)


def test_both_orders_have_the_same_activations() -> None:
    with pytest.raises(InputError, match="has 69,999 rows, but activations_by_latent has 70,000"):
        check("activations_by_token", rows=69_999)


def test_columns_have_the_declared_types() -> None:
    file = footers()["logits"]
    check_columns(file, CURRENT)  # type: ignore[arg-type]
    index = file.schema.get_field_index("effect")
    wide = replace(file, schema=file.schema.set(index, pa.field("effect", pa.float64())))
    without = replace(file, schema=file.schema.remove(index))
    for damaged in (wide, without):
        with pytest.raises(InputError, match="lacks the column effect of type float"):
            check_columns(damaged, CURRENT)  # type: ignore[arg-type]
    older = OlderSchema(columns={("logits", "effect"): 0.0})
    check_columns(without, older)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lacks the column effect"):
        check_columns(wide, older)  # type: ignore[arg-type]
