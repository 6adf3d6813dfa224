"""Rows as CSV for programs, its side file, and a second CSV for spreadsheets.

The CSV for programs has a header, then the rows; `pandas.read_csv(file)` reads it. It holds every
text exactly as it is in the corpus, also one that begins like a formula. Lists are JSON. The side
file is JSON in the form of "CSV on the Web" (https://www.w3.org/TR/tabular-metadata/). It holds
title, caption and provenance, and for each column its type, its unit and how a missing value is
written. Its entry `pandas` has the arguments with which pandas gives the rows of the Parquet file:

    pandas.read_csv(file, **json.load(open(f"{file}-metadata.json"))["pandas"])

Spreadsheets compute a text that begins with one of FORMULA. The CSV for spreadsheets therefore
puts an apostrophe before such a text, and begins with a byte order mark, without which Excel does
not read UTF-8. Use it for looking, not for computing.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet may compute."""
SIDE_SUFFIX = "-metadata.json"
"""The name of a side file is the name of its CSV and this."""
_BASES = {
    "integer": pa.types.is_integer,
    "boolean": pa.types.is_boolean,
    "float": pa.types.is_float32,
    "double": pa.types.is_float64,
    "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "json": pa.types.is_nested,
}
"""Types of "CSV on the Web" and the Arrow types that they stand for."""


def csv_of(rows: pa.Table, *, for_spreadsheets: bool = False) -> bytes:
    """The rows as CSV in UTF-8; raises TypeError for a column type that figures do not use."""
    columns = [_cells(_plain(column), for_spreadsheets) for column in rows.columns]
    header = ",".join(map(_quoted, rows.column_names))
    lines = "".join(f"{','.join(cells)}\n" for cells in zip(*columns, strict=True))
    return f"{header}\n{lines}".encode("utf-8-sig" if for_spreadsheets else "utf-8")


def side_file(rows: pa.Table, name: str, texts: Mapping[str, str], provenance: object) -> bytes:
    """The side file of the CSV `name`; `texts` are title, caption and note."""
    columns = [_described(rows.field(i), rows.column(i)) for i in range(rows.num_columns)]
    content = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": name,
        "dialect": {"encoding": "utf-8", "header": True, "lineTerminators": ["\n"]},
        **{f"dc:{key}": text for key, text in _dublin_core(texts).items()},
        "tableSchema": {"columns": columns},
        "pandas": pandas_arguments(rows),
        "formulas": [column["name"] for column in columns if has_formulas(rows[column["name"]])],
        "clearwater": provenance,
    }
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def pandas_arguments(rows: pa.Table) -> dict[str, Any]:
    """What to give `pandas.read_csv`, so that it reads the rows as they are in a Parquet file.

    Columns of lists are read as JSON texts.
    """
    named = dict(zip(rows.column_names, map(_plain, rows.columns), strict=True))
    return {
        "keep_default_na": False,
        "skip_blank_lines": False,  # a missing text in a table of one column
        "dtype": {name: _pandas_type(column) for name, column in named.items()},
        "na_values": {
            name: words for name, column in named.items() if (words := _read_as_missing(column))
        },
    }


def _read_as_missing(column: pa.ChunkedArray) -> list[str]:
    words = [missing_of(column)] if column.null_count else []
    has_nan = pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py()
    return [*words, "nan"] if has_nan else words


def has_formulas(column: pa.ChunkedArray) -> bool:
    """Whether a spreadsheet may compute a text of the column."""
    values = _plain(column)
    if _base(values) != "string":
        return False
    return any(bool(pc.any(pc.starts_with(values, mark)).as_py()) for mark in FORMULA)


def missing_of(column: pa.ChunkedArray) -> str:
    """How a missing value of a column is written: as nothing, unless a text of it is empty.

    Then it is NULL, or NULL1, NULL2, … if that is a text of the column too.
    """
    values = _plain(column)
    if not values.null_count or _base(values) != "string":
        return ""
    words = set(pc.unique(values).to_pylist())
    candidates = ["", "NULL", *(f"NULL{i}" for i in range(1, len(words) + 1))]
    return next(word for word in candidates if word not in words)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without a dictionary."""
    is_dictionary = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_dictionary else column


def _base(column: pa.ChunkedArray) -> str:
    for base, is_one in _BASES.items():
        if is_one(column.type):
            return base
    raise TypeError(f"Rows of figures have no columns of type {column.type}.")


def _pandas_type(column: pa.ChunkedArray) -> str:
    base = _base(column)
    if base in {"string", "json"}:
        return "str"
    name = {"boolean": "bool", "float": "float32", "double": "float64"}.get(base, str(column.type))
    # Only pandas' own types of integers and booleans have missing values.
    is_own = column.null_count > 0 and base in {"integer", "boolean"}
    own = {"bool": "boolean"}.get(name, name.replace("uint", "UInt").replace("int", "Int"))
    return own if is_own else name


def _cells(column: pa.ChunkedArray, for_spreadsheets: bool) -> list[str]:
    """The cells of a column. Every text is in quotes: a lone carriage return would end a row."""
    base, values = _base(column), column.to_pylist()
    if base in {"float", "double"}:
        # The shortest text that is read as the same number of this precision.
        values = [
            None if value is None else str(number)
            for number, value in zip(column.to_numpy(zero_copy_only=False), values, strict=True)
        ]
    elif base == "json":
        values = [None if value is None else _quoted(_json(value)) for value in values]
    elif base == "string":
        missing = missing_of(column)
        texts = map(_without_formula, values) if for_spreadsheets else values
        return [missing if text is None else _quoted(text) for text in texts]
    return ["" if value is None else str(value) for value in values]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_formula(text: str | None) -> str | None:
    return f"'{text}" if text is not None and text.startswith(FORMULA) else text


def _described(field: pa.Field, column: pa.ChunkedArray) -> dict[str, Any]:
    values = _plain(column)
    facts = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    described: dict[str, Any] = {
        "name": field.name,
        "datatype": {"base": _base(values), "format": str(values.type)},
    }
    if values.null_count:
        described["null"] = missing_of(values)
    if "meaning" in facts:
        described["dc:description"] = facts["meaning"]
    if "unit" in facts:
        described["unit"] = facts["unit"]
    return described


def _dublin_core(texts: Mapping[str, str]) -> dict[str, str]:
    names = {"title": "title", "caption": "source", "note": "description"}
    return {names[key]: text for key, text in texts.items() if key in names}
