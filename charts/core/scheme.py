"""The light and the dark form of a chart.

Charts are built in the colours of the light scheme, and the dark form is made from them at the end:
each colour of `charts.core.theme.DARK` is replaced by its counterpart. Templates and cached figures
therefore serve both schemes.
"""

from collections.abc import Mapping
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from charts.core.theme import DARK

Scheme = Literal["light", "dark"]
COLOUR_COLUMN = "colour"
"""The column of rows that holds the colours of marks."""
_TEXTS = frozenset({"domain", "sort", "title", "text", "values"})
"""Properties of a specification that hold text or data, in which a colour is not a colour."""


def dark_of(colour: str) -> str:
    """The counterpart of a colour of the light scheme; a colour without one stays as it is."""
    return DARK.get(colour, colour)


def in_scheme(colours: list[str], scheme: Scheme) -> list[str]:
    """Colours of the light scheme in a scheme."""
    return colours if scheme == "light" else [dark_of(colour) for colour in colours]


def in_dark(part: Any) -> Any:
    """A Vega-Lite specification, or a part of one, in the dark scheme."""
    if isinstance(part, str):
        return DARK.get(part, part)
    if isinstance(part, Mapping):
        return {name: _property_in_dark(name, value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [in_dark(item) for item in part]
    return part


def _property_in_dark(name: str, value: Any) -> Any:
    if name == "values" and isinstance(value, list):
        return [_row_in_dark(row) for row in value]
    if name == "datasets" and isinstance(value, Mapping):
        return {dataset: [_row_in_dark(row) for row in rows] for dataset, rows in value.items()}
    if name in _TEXTS and not isinstance(value, Mapping):
        return value
    return in_dark(value)


def _row_in_dark(row: Any) -> Any:
    """A row that is written inside a specification; ticks of an axis are not rows."""
    if isinstance(row, Mapping) and COLOUR_COLUMN in row:
        return {**row, COLOUR_COLUMN: dark_of(row[COLOUR_COLUMN])}
    return row


def rows_in_dark(rows: pa.Table) -> pa.Table:
    """Rows whose column of colours, if they have one, is in the dark scheme."""
    if COLOUR_COLUMN not in rows.column_names:
        return rows
    column = pc.dictionary_encode(rows[COLOUR_COLUMN].cast(pa.string())).combine_chunks()
    colours = [None if c is None else dark_of(c) for c in column.dictionary.to_pylist()]
    dark = pa.array(colours, pa.string()).take(column.indices)
    place = rows.column_names.index(COLOUR_COLUMN)
    return rows.set_column(place, COLOUR_COLUMN, dark)
