"""Integers are kept in the narrowest type that holds the range of their column."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle.kept_columns import SHARE, KeptColumns
from analysis.bundle.narrow_types import narrow_schema, with_types
from analysis.bundle.table_file import TableFile
from analysis.bundle.tables import LatentTable
from analysis.runtime.errors import InputError

ENDS = [
    0,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    256,
    32_767,
    32_768,
    -32_769,
    65_535,
    65_536,
    2**31,
    2**40,
]


def written(file: Path, rows: pa.Table, row_group_size: int = 10) -> TableFile:
    pq.write_table(rows, file, row_group_size=row_group_size)
    return TableFile(file)


def _holds(bits: int, *values: int) -> bool:
    """Whether a signed or an unsigned type of so many bits holds all values."""
    types = (np.iinfo(f"{kind}{bits}") for kind in ("int", "uint"))
    return any(all(one.min <= value <= one.max for value in values) for one in types)


@pytest.mark.parametrize("low", ENDS)
def test_the_type_is_the_narrowest_that_holds_both_ends(tmp_path: Path, low: int) -> None:
    highs = [high for high in ENDS if high >= low]
    rows = pa.table({str(high): pa.array([low, high, None]) for high in highs})
    file = written(tmp_path / "table.parquet", rows)
    narrow = narrow_schema(rows.schema, file.metadata)
    for high in highs:
        size = next(bits for bits in (8, 16, 32, 64) if _holds(bits, low, high))
        assert narrow.field(str(high)).type.bit_width == size, (low, high)
    assert with_types(with_types(rows, narrow), rows.schema).equals(rows)


def test_other_types_and_columns_without_ranges_stay(tmp_path: Path) -> None:
    rows = pa.table({"x": [1.5], "text": ["a"], "list": [[1]], "small": pa.array([1], pa.int8())})
    assert written(tmp_path / "a.parquet", rows).metadata.num_columns == 4
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert narrow_schema(rows.schema, metadata) == rows.schema
    plain = pa.table({"id": [1, 2]})
    pq.write_table(plain, tmp_path / "b.parquet", write_statistics=False)
    assert narrow_schema(plain.schema, pq.read_metadata(tmp_path / "b.parquet")) == plain.schema
    empty = written(tmp_path / "c.parquet", plain.slice(0, 0))
    assert narrow_schema(plain.schema, empty.metadata) == plain.schema


@pytest.fixture
def by_latent(tmp_path: Path) -> tuple[Path, pa.Table]:
    rng = np.random.default_rng(0)
    latents = np.sort(rng.choice(300, 4000)).astype(np.int32)
    rows = pa.table(
        {
            "latent": latents,
            "joint": rng.integers(0, 70_000, 4000),
            "value": rng.random(4000, np.float32),
            "kind": pa.array(rng.choice(["a", "b"], 4000)).dictionary_encode(),
        }
    )
    written(tmp_path / "by_latent.parquet", rows, 512)
    return tmp_path / "by_latent.parquet", rows


def test_rows_of_latents_have_the_types_and_values_of_the_file(
    by_latent: tuple[Path, pa.Table],
) -> None:
    path, rows = by_latent
    kept = KeptColumns()
    table = LatentTable(path, opened=TableFile(path, kept))
    every = rows["latent"].to_numpy()
    rng = np.random.default_rng(1)
    for size in (0, 1, 2, 40, 299):
        chosen = rng.choice(310, size, replace=False)
        expected = rows.filter(pa.array(np.isin(every, chosen)))
        for _ in range(2):
            read = table.of(chosen)
            assert read.equals(LatentTable(path).of(chosen))
            assert read.to_pydict() == expected.to_pydict()
            assert read.schema.types[:3] == rows.schema.types[:3]
    # 2 bytes instead of 4 for an id, 4 instead of 8 for a count.
    assert kept.nbytes <= rows.num_rows * (2 + 4 + 4 + 4) + 2000


def test_a_table_that_fits_only_with_narrow_types_is_read_once(
    by_latent: tuple[Path, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = by_latent
    sizes = TableFile(path)
    assert sum(sizes._narrow_sizes) < 0.8 * sum(sizes._sizes)
    kept = KeptColumns(SHARE * sum(sizes._narrow_sizes))
    table = LatentTable(path, opened=TableFile(path, kept))
    first = table.of(np.arange(300))
    monkeypatch.setattr(TableFile, "read", None)
    assert table.of(np.arange(300)).equals(first) and first.num_rows == rows.num_rows


def test_values_outside_the_range_of_their_column_are_damage(
    by_latent: tuple[Path, pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = by_latent
    file = TableFile(path, KeptColumns())
    monkeypatch.setitem(vars(file), "_narrow", rows.schema.set(1, pa.field("joint", pa.uint8())))
    with pytest.raises(InputError, match="outside the ranges"):
        LatentTable(path, opened=file).of([1])
