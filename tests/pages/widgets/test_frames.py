"""What the cells of a table show."""

import sys

import numpy as np
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
    shown = frame(rows)
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
    assert frame(pa.table({"x": texts}))["x"].tolist() == [visible(text) for text in texts]
