"""The rows of a table as Streamlit's data frames show them, without a detour over pandas."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from charts.core.text import cut, visible

LONGEST = 400
"""Characters of a text in a cell."""
_COMMON = (
    r"^[ -~\x{A1}-\x{AC}\x{AE}-\x{2FF}\x{391}-\x{3A1}\x{3A3}-\x{3FF}\x{400}-\x{481}"
    r"\x{2010}-\x{2027}\x{2030}-\x{205E}\x{2190}-\x{23FF}\x{3041}-\x{3096}\x{4E00}-\x{9FFF}]*$"
)
"""Characters that are shown as they are: Latin, Greek, Cyrillic, Kana, Han, their punctuation."""

_NAMES = {
    "name": None,
    "field_name": None,
    "pandas_type": "unicode",
    "numpy_type": "str",
    "metadata": {"encoding": "UTF-8"},
}
"""What pandas states of the names of columns."""


def frame(rows: pa.Table) -> pa.Table:
    """The rows, their texts with visible marks for control and direction characters, and cut.

    Without the marks a text could look like another one. Exported files hold the texts as they are.
    Numbers are as pandas has them, whose frames Streamlit would make into such a table again.
    """
    columns = [_shown_column(column.combine_chunks()) for column in rows.columns]
    index = {"kind": "range", "name": None, "start": 0, "stop": rows.num_rows, "step": 1}
    about = json.dumps({"index_columns": [index], "column_indexes": [_NAMES], "columns": []})
    return pa.Table.from_arrays(columns, rows.column_names, metadata={"pandas": about})


def _shown_column(values: Any) -> Any:
    if _is_text(values.type):
        return _marked(values)
    if pa.types.is_list(values.type) and _is_text(values.type.value_type):
        texts = _marked(values.flatten())
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
        ends = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
        return pa.ListArray.from_arrays(ends, texts, mask=pc.is_null(values))
    if pa.types.is_integer(values.type) and values.null_count:
        return values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _marked(texts: Any) -> Any:
    """The texts as they are shown. Most are short and common, and are shown as they are."""
    texts = texts.cast(pa.string())
    is_simple = pc.and_(
        pc.match_substring_regex(texts, _COMMON), pc.less_equal(pc.utf8_length(texts), LONGEST)
    )
    others = pc.invert(pc.fill_null(is_simple, True))
    marked = [_shown(text) for text in texts.filter(others).to_pylist()]
    return pc.replace_with_mask(texts, others, pa.array(marked, pa.string()))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _shown(text: str) -> str:
    return cut(visible(text[: 4 * LONGEST]), LONGEST)
