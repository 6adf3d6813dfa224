"""Decode the texts of a table, and cut those that are too long to show.

Texts are read from a file as dictionaries, so a long text is in memory once, however often it
occurs. It is cut there, before the texts are copied into rows.
"""

import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle.ranges import longest
from analysis.bundle.schema import TABLES

MARK = "…"
"""The last character of a text that was cut."""


def cut_texts(table: str, rows: pa.Table) -> pa.Table:
    """The rows with every text decoded and none longer than its column allows."""
    for index, stored in enumerate(rows.schema):
        if not _has_dictionary(stored.type):
            continue
        place = TABLES[table].get_field_index(stored.name) if table in TABLES else -1
        wanted = TABLES[table].field(place) if place >= 0 else None
        most = longest((wanted.metadata or {}).get(b"range", b"").decode() if wanted else "")
        kind = wanted.type if wanted else _plain(stored.type)
        chunks = [_decoded(chunk, kind, most) for chunk in rows.column(index).chunks]
        column = pa.chunked_array(chunks, kind)
        rows = rows.set_column(index, stored.with_type(kind), column)
    return rows


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type with its dictionaries decoded."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _plain(part.type)) for part in kind])
    return kind


def _decoded(array: pa.Array, kind: pa.DataType, most: int) -> pa.Array:
    """An array of dictionary-encoded texts as an array of the wanted type."""
    if pa.types.is_dictionary(array.type):
        short = pa.DictionaryArray.from_arrays(array.indices, _shortened(array.dictionary, most))
        return short if pa.types.is_dictionary(kind) else short.dictionary_decode()
    if pa.types.is_list(array.type):
        values = _decoded(array.values, kind.value_type, most)
        # A copy: pyarrow takes no mask with the offsets of a slice.
        offsets = pa.array(array.offsets.to_numpy())
        return pa.ListArray.from_arrays(offsets, values, kind, mask=_nulls(array))
    if pa.types.is_struct(array.type):
        parts = [_decoded(array.field(i), kind.field(i).type, most) for i in range(kind.num_fields)]
        fields = [kind.field(i) for i in range(len(parts))]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=_nulls(array))
    return array


def _nulls(array: pa.Array) -> pa.Array | None:
    """Which rows are null, so that a row that may not be is refused later; None if none is."""
    return pc.is_null(array) if array.null_count else None


def _shortened(texts: pa.Array, most: int) -> pa.Array:
    if (pc.max(pc.binary_length(texts)).as_py() or 0) <= most:
        return texts
    start = pc.utf8_slice_codeunits(texts, 0, most - len(MARK))
    cut = pc.binary_join_element_wise(start, MARK, "")
    return pc.if_else(pc.greater(pc.utf8_length(texts), most), cut, texts)
