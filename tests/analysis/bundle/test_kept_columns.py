"""Decoded columns are kept up to a number of bytes, and never for a file that was replaced."""

import gc
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, kept_columns, open_bundle
from analysis.bundle.kept_columns import SHARE, KeptColumns
from analysis.bundle.table_file import TableFile
from analysis.latents.windows import token_rows
from analysis.runtime.errors import InputError


def column(values: int) -> pa.Table:
    return pa.table({"x": np.arange(values, dtype=np.int8)})


def test_the_columns_that_were_used_longest_ago_go_first() -> None:
    kept = KeptColumns(300)
    for key in "abc":
        kept.put(key, column(100))
    assert kept.nbytes == 300 and kept.get("a") is not None
    kept.put("d", column(50))
    assert kept.get("b") is None and kept.nbytes == 250
    kept.put("a", column(10))
    assert kept.nbytes == 160
    kept.put("e", column(301))
    assert kept.nbytes == 0 and kept.get("a") is None


def test_the_bound_holds_while_many_threads_read_and_keep() -> None:
    kept = KeptColumns(1000)

    def use(seed: int) -> int:
        rng, most = np.random.default_rng(seed), 0
        for key, size in rng.integers(1, 60, (400, 2)).tolist():
            own = kept.get(key)
            assert own is None or own.column_names == ["x"]
            kept.put(key, column(size))
            most = max(most, kept.nbytes)
        return most

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(use, range(8))) <= 1000 + 8 * 60
    assert kept.nbytes <= 1000
    assert kept.nbytes == sum(size for _, size in kept._kept.values())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three row groups of ten rows."""
    file = tmp_path / "table.parquet"
    rows = pa.table({"x": np.arange(30), "text": [f"word {i % 4}" for i in range(30)]})
    pq.write_table(rows, file, row_group_size=10)
    return file


@pytest.mark.parametrize("columns", [None, ["text"], ["text", "x"], ["x"]])
@pytest.mark.parametrize("groups", [[], [1], [0, 2], [2, 0, 1]])
def test_what_is_kept_equals_what_is_read(
    table: Path, columns: list[str] | None, groups: list[int]
) -> None:
    file = TableFile(table, KeptColumns())
    expected = TableFile(table).read(columns, groups)
    for _ in range(2):
        rows = file.read_kept(columns, groups)
        assert rows.equals(expected) and rows.schema.equals(expected.schema, check_metadata=True)


def test_only_columns_and_row_groups_that_are_not_kept_are_read(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = TableFile(table, KeptColumns())
    reads: list[tuple[list[str], list[int]]] = []
    read = TableFile.read

    def noting(self: TableFile, columns: list[str], groups: list[int]) -> pa.Table:
        reads.append((list(columns), list(groups)))
        return read(self, columns, groups)

    monkeypatch.setattr(TableFile, "read", noting)
    file.read_kept(["x"], [0])
    file.read_kept(["text", "x"], [0, 1])
    file.read_kept(["x", "text"], [1, 0])
    assert reads == [(["x"], [0]), (["text"], [0]), (["text", "x"], [1])]


def test_a_read_of_more_than_a_share_drops_nothing(tmp_path: Path) -> None:
    file, many = tmp_path / "table.parquet", 64
    pq.write_table(pa.table({"x": np.arange(1000 * many)}), file, row_group_size=1000)
    kept = KeptColumns(10_000 * many)
    opened = TableFile(file, kept)
    opened.read_kept(["x"], [1])
    one = kept.nbytes
    assert one > 0
    everything = opened.read_kept(["x"], range(many))
    assert everything["x"].to_pylist() == list(range(1000 * many))
    assert kept.nbytes == one
    opened.read_kept(["x"], range(many // SHARE))
    assert kept.nbytes == one * (many // SHARE)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand bytes for all open bundles, 300 for each that needs them."""
    monkeypatch.setattr(kept_columns, "_SHARING", WeakSet())
    monkeypatch.setattr(kept_columns, "MOST_BYTES", 1000)
    monkeypatch.setattr(kept_columns, "LEAST_BYTES", 300)


@pytest.mark.usefixtures("shared")
def test_a_bundle_uses_what_the_others_leave_until_they_need_their_parts() -> None:
    first = KeptColumns()
    for key in range(9):
        first.put(key, column(100))
    other = KeptColumns()
    assert first.nbytes == 900 and first.most_bytes == 1000 and other.most_bytes == 500
    used = []
    for key in range(7):
        other.put(key, column(100))
        used.append((first.nbytes, other.nbytes))
    assert used == [
        (900, 100), (800, 200), (700, 300), (600, 400), (500, 500), (500, 500), (500, 500)
    ]  # fmt: skip
    assert first.get(4) is not None and first.get(3) is None
    assert other.get(2) is not None and other.get(1) is None
    del other
    gc.collect()
    assert first.most_bytes == 1000
    assert KeptColumns(50).most_bytes == 50


@pytest.mark.usefixtures("shared")
def test_none_has_too_few_however_many_are_open() -> None:
    every = [KeptColumns() for _ in range(10)]
    assert [one.most_bytes for one in every] == [1000] * 10
    for key in range(12):
        every[0].put(key, column(100))
    assert every[0].nbytes == 1000 and every[1].most_bytes == 700
    for one in every:
        for key in range(12):
            one.put(key, column(100))
    assert [one.nbytes for one in every] == [300] * 10 == [one.most_bytes for one in every]


@pytest.mark.usefixtures("shared")
def test_the_bytes_of_all_stay_bounded_while_threads_use_several() -> None:
    every = [KeptColumns() for _ in range(3)]

    def use(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for place, key, size in rng.integers([0, 1, 1], [3, 60, 60], (400, 3)).tolist():
            every[place].put(key, column(size))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    every[0].put("last", column(1))
    assert sum(one.nbytes for one in every) <= 1000
    for one in every:
        assert one.nbytes == sum(size for _, size in one._kept.values())


def test_threads_get_the_same_rows(table: Path) -> None:
    file = TableFile(table, KeptColumns(400))  # less than the table: columns come and go
    expected = [TableFile(table).read(None, [group]) for group in range(3)]
    with ThreadPoolExecutor(8) as pool:
        groups = [i % 3 for i in range(240)]
        read = pool.map(lambda group: file.read_kept(None, [group]), groups)
        assert all(rows.equals(expected[group]) for rows, group in zip(read, groups, strict=True))


def test_what_is_kept_of_a_replaced_file_is_not_shown(table: Path) -> None:
    file = TableFile(table, KeptColumns())
    file.read_kept(["x"], [0])
    other = table.with_name("other.parquet")
    pq.write_table(pa.table({"x": np.arange(30) + 1, "text": ["new"] * 30}), other)
    other.replace(table)
    with pytest.raises(InputError, match="was replaced"):
        file.read_kept(["x"], [0])
    table.unlink()
    with pytest.raises(InputError, match="was replaced"):
        file.read_kept(["x"], [0])


def test_a_replaced_bundle_shows_its_own_rows(planted_bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(planted_bundle.path, folder)
    first = open_bundle(folder)
    before = first.partners.of([1, 3])
    shutil.rmtree(folder)
    shutil.copytree(planted_bundle.path, folder)
    os.utime(folder / "partners.parquet")
    second = open_bundle(folder)
    with pytest.raises(InputError, match="was replaced"):
        first.partners.of([1, 3])
    assert second.identity != first.identity
    assert second.partners.of([1, 3]).equals(before)


def test_pages_read_a_row_group_of_a_bundle_once(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(planted_bundle.path)
    rows = np.array([7, 3, 3, 11])
    expected = token_rows(TableFile(bundle.tokens_file.path), rows, ["token", "position"])
    partners = bundle.partners.of(1)
    contexts = bundle.contexts.of(1)
    tokens = bundle.activations.of_latent(1)
    assert token_rows(bundle.tokens_file, rows, ["token", "position"]).equals(expected)
    assert bundle.columns.nbytes > 0

    def reading(*_: object) -> pa.Table:
        raise AssertionError("a row group is read again")

    monkeypatch.setattr("pyarrow.parquet.ParquetFile.read_row_group", reading)
    assert bundle.partners.of(1).equals(partners)
    assert bundle.contexts.of(1).equals(contexts)
    assert [part.tolist() for part in bundle.activations.of_latent(1)] == [
        part.tolist() for part in tokens
    ]
    assert token_rows(bundle.tokens_file, rows, ["token", "position"]).equals(expected)
