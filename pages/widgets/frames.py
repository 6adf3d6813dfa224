"""The rows of a table as Streamlit's data frames show them."""

from typing import Any

import pandas as pd
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


def frame(rows: pa.Table) -> pd.DataFrame:
    """The rows, their texts with visible marks for control and direction characters, and cut.

    Without the marks a text could look like another one. Exported files hold the texts as they are.
    """
    for place, field in enumerate(rows.schema):
        if _is_text(field.type):
            texts = _marked(rows[place].combine_chunks())
            rows = rows.set_column(place, field.name, texts)
        elif pa.types.is_list(field.type) and _is_text(field.type.value_type):
            lists = rows[place].combine_chunks()
            texts = _marked(lists.flatten())
            lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
            ends = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
            marked = pa.ListArray.from_arrays(ends, texts, mask=pc.is_null(lists))
            rows = rows.set_column(place, field.name, marked)
    return rows.to_pandas()


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
