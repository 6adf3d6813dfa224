"""Types of few bytes for the integers of a table, by the ranges that its footer states.

Ids and counts are stored as 32 or 64 bits and mostly need 8 or 16, so rows that stay in memory take
half of it.
"""

import pyarrow as pa
import pyarrow.parquet as pq

_NARROW = (pa.uint8(), pa.int8(), pa.uint16(), pa.int16(), pa.uint32(), pa.int32())
"""Narrowest first."""


def narrow_schema(schema: pa.Schema, metadata: pq.FileMetaData) -> pa.Schema:
    """The columns of a file with the narrowest types that hold their integers.

    A column keeps its type if a row group does not state its range.
    """
    places = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    for at, column in enumerate(schema):
        if pa.types.is_integer(column.type):
            bounds = _bounds(metadata, places[column.name])
            kind = column.type if bounds is None else _narrowest(column.type, *bounds)
            schema = schema.set(at, column.with_type(kind))
    return schema


def _bounds(metadata: pq.FileMetaData, place: int) -> tuple[int, int] | None:
    """The least and the largest value of a column; None if they are not known."""
    groups = range(metadata.num_row_groups)
    stated = [metadata.row_group(group).column(place).statistics for group in groups]
    if not stated or any(one is None or not one.has_min_max for one in stated):
        return None
    return min(one.min for one in stated), max(one.max for one in stated)


def _narrowest(kind: pa.DataType, low: int, high: int) -> pa.DataType:
    for narrow in _NARROW:
        bits = narrow.bit_width
        least = -(2 ** (bits - 1)) if pa.types.is_signed_integer(narrow) else 0
        if bits < kind.bit_width and least <= low and high < least + 2**bits:
            return narrow
    return kind


def with_types(rows: pa.Table, types: pa.Schema) -> pa.Table:
    """The rows with the types of a schema, which has at least their columns.

    Raises ArrowInvalid if a value does not fit.
    """
    for at, column in enumerate(rows.schema):
        declared = types.field(column.name)
        if column.type != declared.type:
            rows = rows.set_column(at, declared, rows.column(at).cast(declared.type))
    return rows
