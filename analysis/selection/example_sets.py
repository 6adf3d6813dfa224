"""A set of documents or windows, given by examples: by a text, a source or ids of documents.

| text | units |
|---|---|
| `whale` or `"New York"` | those that contain the text, in upper or lower case |
| `source=wikipedia` | those of the documents with this source |
| `document=3,14,20..30` | those of these documents |
"""

import re

import numpy as np
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.bundle.positions import Unit
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.errors import InputError
from analysis.selection.context_index import context_index, lower_bytes

_SOURCE = re.compile(r"\s*source\s*=\s*(.+?)\s*")
_DOCUMENTS = re.compile(r"\s*document\s*=\s*(.+?)\s*")
_IDS = re.compile(r"\d{1,18}(\.\.\d{1,18})?(\s*,\s*\d{1,18}(\.\.\d{1,18})?)*")
MOST_SOURCES = 8
"""Sources that a message lists."""


def examples_of(bundle: Bundle, text: str, unit: Unit) -> Bools:
    """The units of a set: a mask [units], numbered as `KeptTokens.units_of` does.

    Raises InputError if the text names no source or document of the bundle.
    """
    units = units_of_documents(bundle, unit)
    if match := _SOURCE.fullmatch(text):
        return np.isin(units, _of_source(bundle, match[1].strip('"')))
    if match := _DOCUMENTS.fullmatch(text):
        return np.isin(units, _of_ids(bundle, match[1]))
    return _with_text(bundle, text.strip().strip('"'), unit, len(units))


def units_of_documents(bundle: Bundle, unit: Unit) -> Ints:
    """The document [units] of each unit, as an index into the documents; ascending."""
    kept = bundle.kept_tokens
    if unit == "document":
        return np.arange(len(kept.documents))
    rows = np.flatnonzero(np.diff(kept.before.astype(np.int64), append=kept.total) > 0)
    units = kept.units_of(rows, unit)
    _, first = np.unique(units, return_index=True)
    return kept.documents_of(rows[first])


def _of_source(bundle: Bundle, source: str) -> Ints:
    rows = bundle.documents.filter(pc.equal(bundle.documents["source"], source))
    if not rows.num_rows:
        known = sorted(set(bundle.documents["source"].to_pylist()) - {""})
        some = ", ".join(known[:MOST_SOURCES]) + (", …" if len(known) > MOST_SOURCES else "")
        has = f"it has {some}" if known else "no document has one"
        raise InputError(f"Examples: no document has the source {source!r}; {has}.")
    return np.searchsorted(bundle.kept_tokens.documents, rows["document"].to_numpy())


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
        raise InputError("Examples: the text is empty; write a word, source=… or document=….")
    first, _ = context_index(bundle).spans_of(needle)
    kept = bundle.kept_tokens
    # The position of a masked row is that of the next kept one, if its document has one.
    documents = kept.documents_of(first)
    first = first[kept.before[first] < kept.ends[documents]]
    mask[kept.units_of(first, unit)] = True
    return mask
