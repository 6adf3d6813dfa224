"""A set of documents or windows, given by examples: a text, a value of a column, or ids.

| text | units |
|---|---|
| `whale` or `"New York"` | those that contain the text, in upper or lower case |
| `source=wikipedia` | those of the documents with this source |
| `language=fr` | those of the documents with this value in a column of the corpus |
| `document=3,14,20..30` | those of these documents |
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.positions import Unit
from analysis.labels.profiles.document_columns import SOURCE
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.errors import InputError
from analysis.selection.context_index import context_index, lower_bytes

_CONDITION = re.compile(r"\s*(.+?)\s*=\s*(.+?)\s*")
_IDS = re.compile(r"\d{1,18}(\.\.\d{1,18})?(\s*,\s*\d{1,18}(\.\.\d{1,18})?)*")
MOST_VALUES = 8
"""Values that a message lists."""


def examples_of(bundle: Bundle, text: str, unit: Unit) -> Bools:
    """The units of a set: a mask [units], numbered as `KeptTokens.units_of` does.

    `x = 1` is a text unless the corpus has a column x. Raises InputError if the text names no
    document or value of the bundle.
    """
    units = units_of_documents(bundle, unit)
    if match := _CONDITION.fullmatch(text):
        column, value = match[1], match[2].strip('"')
        if column == "document":
            return np.isin(units, _of_ids(bundle, value))
        if column in (SOURCE, *columns_of_documents(bundle)):
            return np.isin(units, _of_value(bundle, column, value))
    return _with_text(bundle, text.strip().strip('"'), unit, len(units))


def columns_of_documents(bundle: Bundle) -> list[str]:
    """The columns of the corpus by which its documents can be chosen, in their order."""
    columns: list[str] = bundle.document_values["column"].cast(pa.string()).unique().to_pylist()
    return columns


def units_of_documents(bundle: Bundle, unit: Unit) -> Ints:
    """The document [units] of each unit, as an index into the documents; ascending."""
    kept = bundle.kept_tokens
    if unit == "document":
        return np.arange(len(kept.documents))
    rows = np.flatnonzero(np.diff(kept.before.astype(np.int64), append=kept.total) > 0)
    units = kept.units_of(rows, unit)
    _, first = np.unique(units, return_index=True)
    return kept.documents_of(rows[first])


def _of_value(bundle: Bundle, column: str, value: str) -> Ints:
    """Documents with a value in a column of the corpus, as indices."""
    if column == SOURCE:
        documents, values = (bundle.documents[name] for name in ("document", SOURCE))
    else:
        rows = bundle.document_values
        rows = rows.filter(pc.equal(rows["column"].cast(pa.string()), column))
        documents, values = rows["document"], rows["value"].cast(pa.string())
    having = documents.filter(pc.equal(values, value))
    if not len(having):
        known = sorted(set(values.to_pylist()) - {""})
        some = ", ".join(known[:MOST_VALUES]) + (", …" if len(known) > MOST_VALUES else "")
        has = f"the corpus has {some}" if known else "no document has one"
        raise InputError(f"Examples: no document has the {column} {value!r}; {has}.")
    return np.searchsorted(bundle.kept_tokens.documents, having.to_numpy())


def _of_ids(bundle: Bundle, text: str) -> Ints:
    if not _IDS.fullmatch(text):
        raise InputError(f"Examples: document={text} has no ids; write document=3,14,20..30.")
    ids = bundle.kept_tokens.documents
    wanted = np.zeros(len(ids), dtype=bool)
    for part in re.split(r"\s*,\s*", text):
        low, _, high = part.partition("..")
        inside = (ids >= int(low)) & (ids <= int(high or low))
        if not inside.any():
            raise InputError(f"Examples: there is no document {part} in this bundle.")
        wanted |= inside
    return np.flatnonzero(wanted)


def _with_text(bundle: Bundle, text: str, unit: Unit, n_units: int) -> Bools:
    """Units with the first token of a place of the text."""
    mask = np.zeros(n_units, dtype=bool)
    needle = lower_bytes(text)
    if not needle:
        raise InputError("Examples: the text is empty; write a word, column=value or document=….")
    first, _ = context_index(bundle).spans_of(needle)
    kept = bundle.kept_tokens
    # The position of a masked row is that of the next kept one, if its document has one.
    documents = kept.documents_of(first)
    first = first[kept.before[first] < kept.ends[documents]]
    mask[kept.units_of(first, unit)] = True
    return mask
