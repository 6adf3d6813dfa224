"""What the cells of a table show."""

import sys

import numpy as np
import pandas as pd
import pyarrow as pa

from charts.core.text import visible
from pages.widgets.frames import LONGEST, frame
from tests.charts.conftest import HOSTILE


def test_texts_have_visible_marks_and_everything_else_stays() -> None:
    rows = pa.table(
        {
            "word": pa.array([*HOSTILE, None]),
            "kind": pa.array(["\u202ea", *["b"] * len(HOSTILE)]).dictionary_encode(),
            "names": pa.array([["\n", "x"], *[[]] * (len(HOSTILE) - 1), None]),
            "count": np.arange(len(HOSTILE) + 1),
            "share": np.linspace(0, 1, len(HOSTILE) + 1),
        }
    )
    shown = frame(rows).to_pandas()
    texts = [visible(text) for text in HOSTILE]
    expected = [text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in texts]
    assert shown["word"].tolist()[:-1] == expected
    assert shown["word"].isna().tolist() == [False] * len(HOSTILE) + [True]
    assert shown["kind"].tolist()[:2] == ["‹RLO›a", "b"]
    assert list(shown["names"][0]) == ["↵", "x"]
    assert shown["count"].tolist() == list(range(len(HOSTILE) + 1))
    assert shown["share"].tolist() == rows["share"].to_pylist()
    assert rows["word"][3].as_py() == HOSTILE[3], "the rows themselves do not change"


def test_every_character_is_shown_as_charts_show_it() -> None:
    surrogates = range(0xD800, 0xE000)
    every = [chr(code) for code in range(sys.maxunicode + 1) if code not in surrogates]
    texts = [*every, *(f"a{char}\n" for char in every[:0x3000])]
    assert frame(pa.table({"x": texts}))["x"].to_pylist() == [visible(text) for text in texts]


def test_a_browser_gets_the_columns_and_the_index_that_pandas_would_give_it() -> None:
    rows = pa.table(
        {
            "count": pa.chunked_array([pa.array([1, None], pa.int32()), pa.array([3], pa.int32())]),
            "whole": pa.array([1, 2, 2**53 + 1]),
            "small": pa.array([1, 2, 3], pa.int8()),
            "share": pa.array([0.5, None, np.nan], pa.float32()),
            "yes": pa.array([True, False, None]),
            "word": pa.array(["a", None, "b"]),
            "names": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
        }
    )
    shown, expected = frame(rows), pa.Table.from_pandas(rows.to_pandas())
    assert shown.column_names == expected.column_names
    for name in shown.column_names:
        assert shown[name].num_chunks == 1
        values, usual = shown[name].combine_chunks(), expected[name].combine_chunks()
        if name == "word":
            usual = usual.cast(pa.string())
        assert values.equals(usual), name
    for part in ("index_columns", "column_indexes"):
        assert shown.schema.pandas_metadata[part] == expected.schema.pandas_metadata[part]
    pd.testing.assert_frame_equal(shown.to_pandas(), expected.to_pandas())
