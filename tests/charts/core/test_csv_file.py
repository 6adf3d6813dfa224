"""CSV files: pandas reads them as the Parquet file, and spreadsheets compute no text of them."""

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from charts.core.csv_file import (
    FORMULA,
    csv_of,
    has_formulas,
    missing_of,
    pandas_arguments,
    side_file,
)

HOSTILE = [
    "=cmd()", "+1", "-1", "@SUM", "\ttab", "\rreturn", "a\rb", "\r\n", "\n", '"', '""', "'", "'=1",
    "a\0b", "\0", "NA", "null", "NaN", "None", "NULL", "", "a,b", " lead", "trail ", "#c", "\\",
    "\ufeffx", "\u202egnp.exe", "😀", "日本語", "e" + "\u0301" * 5, "x" * 10_000,
]  # fmt: skip
N = len(HOSTILE)


def rows() -> pa.Table:
    rng = np.random.default_rng(3)
    some = np.arange(N) % 3 == 0
    return pa.table(
        {
            "text": pa.array(HOSTILE),
            "missing_text": pa.array(
                [None if skip else t for skip, t in zip(some, HOSTILE, strict=True)]
            ),
            "words": pa.array(HOSTILE).dictionary_encode(),
            "list": pa.array([[text, None] for text in HOSTILE]),
            "single": pa.array(rng.random(N), pa.float32(), mask=some),
            "double": rng.random(N) * 1e-9,
            "infinite": np.where(some, np.inf, np.nan),
            "id": pa.array(range(N), pa.int32()),
            "large": pa.array(2**53 + np.arange(N) * 2 + 1, mask=some),
            "yes": pa.array(some),
            "maybe": pa.array(some, mask=np.arange(N) % 2 == 0),
            "small": pa.array(np.arange(N), pa.uint8(), mask=some),
        }
    )


def read(data: bytes, arguments: dict[str, Any]) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), **arguments)


def test_pandas_reads_the_file_as_it_is() -> None:
    plain = read(csv_of(rows()), {})
    assert plain.shape == (N, rows().num_columns)
    assert plain["id"].tolist() == list(range(N))


def test_pandas_reads_the_rows_of_the_parquet_with_the_side_file() -> None:
    side = json.loads(side_file(rows(), "a.csv", {"title": "T", "caption": "C"}, {"of": "x"}))
    frame = read(csv_of(rows()), side["pandas"])
    assert side["pandas"]["keep_default_na"] is False
    for name in rows().column_names:
        got = [None if pd.isna(value) else value for value in frame[name]]
        wanted = rows()[name].to_pylist()
        if name == "list":
            got = [json.loads(value) for value in frame[name]]
        if name == "infinite":
            wanted = [None if np.isnan(value) else value for value in wanted]
        assert got == wanted, name
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert types["single"] == "float32" and types["id"] == "int32" and types["yes"] == "bool"
    assert (types["large"], types["maybe"], types["small"]) == ("Int64", "boolean", "UInt8")


@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        (["a", "b"], ""),
        (["a", None], ""),
        (["", None], "NULL"),
        (["", "NULL", "NULL1", None], "NULL2"),
    ],
)
def test_a_missing_text_is_written_as_no_text_of_its_column(
    texts: list[str | None], missing: str
) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    assert missing_of(column) == missing
    table = pa.table({"text": column})
    frame = read(csv_of(table), pandas_arguments(table))
    assert [None if pd.isna(v) else v for v in frame["text"]] == texts


def test_a_number_that_is_missing_is_written_as_nothing() -> None:
    table = pa.table({"a": pa.array([1, None]), "b": pa.array([None, 0.5])})
    assert csv_of(table) == b'"a","b"\n1,\n,0.5\n'


def test_the_side_file_describes_the_columns() -> None:
    field = pa.field("density", pa.float32(), metadata={"unit": "fraction", "meaning": "How often"})
    plain = pa.field("label", pa.string())
    table = pa.table([[0.5, None], ["-1", "b"]], schema=pa.schema([field, plain]))
    side = json.loads(side_file(table, "a.csv", {"title": "T", "note": "N"}, {"bundle": "b"}))
    assert side["@context"] == "http://www.w3.org/ns/csvw" and side["url"] == "a.csv"
    assert side["tableSchema"]["columns"] == [
        {
            "name": "density",
            "datatype": {"base": "float", "format": "float"},
            "null": "",
            "dc:description": "How often",
            "unit": "fraction",
        },
        {"name": "label", "datatype": {"base": "string", "format": "string"}},
    ]
    assert (side["dc:title"], side["dc:description"]) == ("T", "N")
    assert side["clearwater"] == {"bundle": "b"} and side["formulas"] == ["label"]


def test_a_spreadsheet_computes_no_text() -> None:
    data = csv_of(rows(), for_spreadsheets=True)
    assert data.startswith(b"\xef\xbb\xbf")
    frame = read(data, pandas_arguments(rows()))
    for got, text in zip(frame["text"], HOSTILE, strict=True):
        assert not got.startswith(FORMULA)
        assert got in (text, f"'{text}")
        assert got.startswith("'") == (text.startswith(FORMULA) or text.startswith("'"))
    assert frame["list"].map(lambda text: text[0]).tolist() == ["["] * N
    assert frame["double"].tolist() == rows()["double"].to_pylist(), "numbers are no formulas"


@pytest.mark.parametrize("mark", FORMULA)
def test_columns_with_formulas(mark: str) -> None:
    for text, expected in ((f"{mark}1", True), (f"1{mark}", False)):
        assert has_formulas(pa.chunked_array([[text, None]])) == expected
    assert not has_formulas(pa.chunked_array([[-1.0]]))


def test_a_type_that_no_row_has_is_refused() -> None:
    with pytest.raises(TypeError, match="no columns of type binary"):
        csv_of(pa.table({"a": [b"x"]}))


def test_no_rows() -> None:
    table = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int32())})
    assert csv_of(table) == b'"a","b"\n'
    assert read(csv_of(table), pandas_arguments(table)).shape == (0, 2)


def test_every_sign_with_which_spreadsheets_begin_a_formula_is_known() -> None:
    # The list of OWASP's page on CSV injection.
    assert set(FORMULA) == {"=", "+", "-", "@", "\t", "\r"}
