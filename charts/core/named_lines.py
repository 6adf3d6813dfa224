"""Bars with names at their left, one on each numbered line.

Two bars may have the same name, so a line is identified by a number, and its name is an item of the
slot `labels`.
"""

import json
from collections.abc import Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from charts.core.drawing import slot
from charts.core.theme import name_limit

ROW_HEIGHT = 22


def with_lines(rows: pa.Table, **columns: Sequence[object] | np.ndarray) -> pa.Table:
    """The rows [n] with the column `line`, whose texts sort like the rows, and other columns [n].

    A column of texts that is empty keeps its type.
    """
    columns = {"line": [f"{i:03d}" for i in range(rows.num_rows)], **columns}
    for name, values in columns.items():
        kind = pa.bool_() if isinstance(values, np.ndarray) else pa.string()
        rows = rows.append_column(name, pa.array(values, kind))
    return rows


def labels_of(names: Sequence[str]) -> str:
    """The names of the lines for the slot `labels`: a list in Vega's expression language."""
    return f"[{', '.join(map(_text, names))}]"


def _text(name: str) -> str:
    # Vega takes the text "if" for its function of this name, and then draws nothing.
    return '"i" + "f"' if name == "if" else json.dumps(name, ensure_ascii=False)


def height_of(rows: pa.Table) -> int:
    """Pixels of a chart with a line for each row, and an axis below."""
    return 44 + ROW_HEIGHT * max(rows.num_rows, 1)


def named_lines(widest: int) -> alt.Y:
    """The axis of the column `line`; a name has at most `widest` pixels."""
    return alt.Y(
        "line:N",
        sort=None,
        title=None,
        axis=alt.Axis(
            labelExpr=f"{slot('labels')}[+datum.value]",
            labelLimit=name_limit(widest),
            labelOverlap=False,
        ),
    )
