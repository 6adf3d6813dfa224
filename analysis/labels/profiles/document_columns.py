"""The columns by which documents are grouped, and the value of each document."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from analysis.harvest.document_values import MOST_VALUES
from analysis.runtime.arrays import Ints

SOURCE = "source"
"""The column that every bundle has."""


@dataclass(frozen=True)
class DocumentColumn:
    """One column, such as language."""

    name: str
    values: tuple[str, ...]
    """Different values, that of most documents first; ties are in alphabetical order."""
    codes: Ints = field(repr=False)
    """[documents] index into `values`; -1 for a document without a value."""


def document_columns(documents: pa.Table, values: pa.Table) -> list[DocumentColumn]:
    """The columns with 2 to `MOST_VALUES` values, in the order in which they come.

    `documents` and `values` are the bundle's tables documents and document_values. The source of a
    document is a column too, the last one.
    """
    ids = documents["document"].to_numpy()
    rows = np.searchsorted(ids, values["document"].to_numpy())
    names, words = (_plain(values[name]) for name in ("column", "value"))
    columns: dict[str, list[str]] = {}
    for row, name, word in zip(rows.tolist(), names, words, strict=True):
        columns.setdefault(name, [""] * len(ids))[row] = word
    columns.setdefault(SOURCE, _plain(documents["source"]))
    made = (_column(name, of_document) for name, of_document in columns.items())
    return [column for column in made if 2 <= len(column.values) <= MOST_VALUES]


def _column(name: str, of_document: list[str]) -> DocumentColumn:
    counts = Counter(word for word in of_document if word)
    order = sorted(counts, key=lambda word: (-counts[word], word))
    place = {word: code for code, word in enumerate(order)}
    codes = np.array([place.get(word, -1) for word in of_document], dtype=np.int64)
    return DocumentColumn(name, tuple(order), codes)


def _plain(column: pa.ChunkedArray) -> list[str]:
    words: list[str] = column.cast(pa.string()).to_pylist()
    return words
