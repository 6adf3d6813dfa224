"""Differences between two bundles are found, down to one value in one list."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.compare_bundles import compare_bundles, difference, main


def column(values: list[object]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([1, 2], [1, 3], "1 of 2 differ, first row 1: 2 against 3"),
        (["x", "y"], ["x", "z"], "first row 1: y against z"),
        ([True], [False], "1 of 1 differ"),
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], "1 of 2 differ by up to 1e-09, first row 1"),
        ([1e9], [1e9 + 1], "differ by up to 1"),
        ([1e-9], [1.1e-9], "differ by up to 1e-10"),
        ([float("nan")], [1.0], "differ"),
        ([1, None], [1, 2], "1 of 2 null in only one"),
        ([[1.0], [2.0, 3.0]], [[1.0], [2.0]], "1 of 2 of different length"),
        ([[1.0], [2.0]], [[1.0], [2.5]], "elements: 1 of 2 differ by up to 0.5"),
        ([[{"t": "a", "s": 1.0}]], [[{"t": "a", "s": 2.0}]], "elements: s: 1 of 1 differ"),
        ([1], [1.0], "int64 against double"),
    ],
)
def test_a_difference_is_described(a: list[object], b: list[object], words: str) -> None:
    found = difference(column(a), column(b))
    assert found is not None and words in found
    assert difference(column(a), column(a)) is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0], [1.0 + 1e-13]),
        ([1e9], [1e9 + 1e-4]),
        ([0.0], [1e-13]),
        ([None, float("nan"), float("inf")], [None, float("nan"), float("inf")]),
        ([[], ["a"]], [[], ["a"]]),
    ],
)
def test_rounding_is_no_difference(a: list[object], b: list[object]) -> None:
    assert difference(column(a), column(b)) is None


def test_dictionaries_are_compared_by_their_words() -> None:
    a = pa.chunked_array([pa.array(["x", "y", "x"]).dictionary_encode()])
    b = pa.chunked_array(
        [pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], pa.int32()), ["y", "x"])]
    )
    assert difference(a, b) is None


def test_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        folder.mkdir()
        pq.write_table(pa.table({"n": [1, 2]}), folder / "same.parquet")
    monkeypatch.setattr(sys, "argv", ["compare", str(a), str(b)])
    assert main() == 0
    assert capsys.readouterr().out == "All tables are equal.\n"
    pq.write_table(pa.table({"n": [1]}), a / "only.parquet")
    pq.write_table(pa.table({"n": [1], "left": [0]}), a / "columns.parquet")
    pq.write_table(pa.table({"n": [2], "right": [0]}), b / "columns.parquet")
    pq.write_table(pa.table({"n": [1, 2]}), a / "rows.parquet")
    pq.write_table(pa.table({"n": [1, 2, 3]}), b / "rows.parquet")
    assert list(compare_bundles(a, b)) == [
        f"only.parquet: only in {a}",
        f"columns: left: only in {a / 'columns.parquet'}",
        f"columns: right: only in {b / 'columns.parquet'}",
        "columns: n: 1 of 1 differ, first row 0: 1 against 2",
        "rows: 2 rows versus 3",
    ]
    assert main() == 1
