"""Reading everything names the damaged table, and nothing else."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import TABLES, Bundle, open_bundle, verify, write_table
from analysis.bundle.schema import OPTIONAL_TABLES
from tests.bundles.sealing import reseal

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "copy"))


def problems(folder: Path) -> dict[str, str]:
    return {report.table: report.problem for report in verify(open_bundle(folder))}


@pytest.mark.parametrize("name", ["planted", "older"])
def test_a_whole_bundle_has_no_problem(planted_bundle: Bundle, name: str) -> None:
    folder = planted_bundle.path if name == "planted" else ROOT / "tests" / "bundles" / "schema-2"
    reports = list(verify(open_bundle(folder)))
    lacked = () if name == "planted" else OPTIONAL_TABLES
    tables = [table for table in TABLES if table not in lacked]
    assert [report.table for report in reports] == [*tables, "manifest"]
    for report in reports:
        assert report.problem == ""
    assert reports[0].rows == 200
    assert reports[0].bytes == (folder / "latents.parquet").stat().st_size


def test_any_changed_byte_is_named(copy: Path) -> None:
    file = copy / "neighbours.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    damaged = {table for table, problem in problems(copy).items() if problem}
    assert damaged == {"neighbours"}
    assert "(SHA-256)" in problems(copy)["neighbours"]


def test_without_hashes_the_id_shows_a_change(copy: Path) -> None:
    shutil.rmtree(copy)
    shutil.copytree(ROOT / "tests" / "bundles" / "schema-2", copy)
    rows = pq.read_table(copy / "neighbours.parquet")
    cosine = rows["cosine"].to_numpy().copy()
    cosine[5] = 0.123
    index = rows.schema.get_field_index("cosine")
    pq.write_table(rows.set_column(index, rows.schema.field(index), [cosine]), copy / "n.parquet")
    (copy / "n.parquet").replace(copy / "neighbours.parquet")
    assert {t: p for t, p in problems(copy).items() if p} == {
        "manifest": "copy/manifest.json: its id is not that of its tables and settings; copy the "
        "bundle again from where it was built, or build it again."
    }


def test_both_orders_of_activations_are_compared(copy: Path) -> None:
    stored = pq.read_table(copy / "activations_by_token.parquet")["latent"].to_numpy().copy()
    counts = pq.read_table(copy / "tokens.parquet")["active_latents"].to_numpy()
    row = int(np.flatnonzero(counts == 1)[0])
    place = int(counts[:row].sum())
    stored[place] = (stored[place] + 1) % 200
    write_table(copy, "activations_by_token", pa.table({"latent": stored}))
    reseal(copy)
    damaged = {table: problem for table, problem in problems(copy).items() if problem}
    assert list(damaged) == ["activations_by_token"]
    assert "other pairs of token and latent" in damaged["activations_by_token"]


def test_a_table_that_is_not_sorted_is_named(copy: Path) -> None:
    rows = pq.read_table(copy / "partners.parquet")
    write_table(copy, "partners", pa.concat_tables([rows.slice(50), rows.slice(0, 50)]))
    reseal(copy)
    assert {t for t, p in problems(copy).items() if "not sorted by latent" in p} == {"partners"}
