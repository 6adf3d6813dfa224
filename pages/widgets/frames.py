"""The rows of a table as Streamlit's data frames show them."""

import pandas as pd
import pyarrow as pa

from charts.core.text import cut, visible

LONGEST = 400
"""Characters of a text in a cell."""


def frame(rows: pa.Table) -> pd.DataFrame:
    """The rows, their texts with visible marks for control and direction characters, and cut.

    Without the marks a text could look like another one. Exported files hold the texts as they are.
    """
    for place, field in enumerate(rows.schema):
        if _is_text(field.type):
            texts = pa.array([_shown(text) for text in rows[place].to_pylist()], pa.string())
            rows = rows.set_column(place, field.name, texts)
        elif pa.types.is_list(field.type) and _is_text(field.type.value_type):
            lists = [
                texts and [_shown(text) for text in texts] for texts in rows[place].to_pylist()
            ]
            rows = rows.set_column(place, field.name, pa.array(lists, pa.list_(pa.string())))
    return rows.to_pandas()


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _shown(text: str | None) -> str | None:
    return None if text is None else cut(visible(text[: 4 * LONGEST]), LONGEST)
