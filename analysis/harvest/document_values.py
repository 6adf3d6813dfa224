"""The values of documents in the columns of a corpus, such as language, genre or class.

A column counts if its values are short words, whole numbers, or yes and no, and if it has at most
`MOST_VALUES` of them; others, such as an address or a date, group no documents.
"""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.bundle import TABLES
from analysis.harvest.odd_rows import short_storable

LONGEST_VALUE = 64
"""Characters of a value, and of the name of a column."""
MOST_COLUMNS = 32
"""Columns that are stored: the first ones that count."""
MOST_CANDIDATES = 256
"""Columns that are looked at, with those that turn out to have too many values."""
MOST_VALUES = 100
"""A column with more values than this is left out."""

_YES_OR_NO = {True: "yes", False: "no"}
Values = tuple[tuple[str, str], ...]
"""Columns of a document and its values in them."""


def values_of(columns: Mapping[str, Any]) -> Values:
    """The columns of a row whose value is a short word, a whole number, or yes or no."""
    values = []
    for name, value in columns.items():
        if isinstance(value, str | bytes | int) and 0 < len(name) <= LONGEST_VALUE:
            text = _YES_OR_NO[value] if isinstance(value, bool) else short_storable(value).strip()
            if 0 < len(text) <= LONGEST_VALUE:
                values.append((short_storable(name), text))
    return tuple(values)


class DocumentValues:
    """Collects the values of documents, eight bytes for each that may be stored."""

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, int]] = {}
        self._documents: dict[str, array[int]] = {}
        self._values: dict[str, array[int]] = {}

    def add(self, document: int, values: Values) -> None:
        """Add the values of a document; documents come in ascending order."""
        for name, value in values:
            if name not in self._codes and len(self._codes) == MOST_CANDIDATES:
                continue
            codes = self._codes.setdefault(name, {})
            if len(codes) > MOST_VALUES:
                continue
            code = codes.setdefault(value, len(codes))
            if len(codes) > MOST_VALUES:
                self._documents.pop(name, None)
                self._values.pop(name, None)
                continue
            self._documents.setdefault(name, array("q")).append(document)
            self._values.setdefault(name, array("i")).append(code)

    def table(self) -> pa.Table:
        """The bundle's table `document_values`, by document and then in the order of columns."""
        schema = TABLES["document_values"]
        names = list(self._documents)[:MOST_COLUMNS]
        parts = [
            pa.table(
                {
                    "document": np.frombuffer(self._documents[name], dtype=np.int64),
                    "column": pa.array([name] * len(self._documents[name]), pa.string()),
                    "value": pa.DictionaryArray.from_arrays(
                        pa.array(np.frombuffer(self._values[name], dtype=np.int32)),
                        pa.array(list(self._codes[name]), pa.string()),
                    ).dictionary_decode(),
                }
            )
            for name in names
        ]
        if not parts:
            return schema.empty_table()
        rows = pa.concat_tables(parts)
        order = np.argsort(rows["document"].to_numpy(), kind="stable")
        rows = rows.take(order)
        for place, column in enumerate(("column", "value"), start=1):
            rows = rows.set_column(place, column, rows[column].dictionary_encode())
        return rows.cast(schema)
