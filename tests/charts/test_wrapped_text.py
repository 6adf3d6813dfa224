"""The lines of a text: their widths, and what a token shows."""

import numpy as np
import pyarrow as pa

from charts.wrapped_text import COLUMNS, LINE, text_drawing, text_lines


def test_a_line_ends_before_its_last_column() -> None:
    tokens = ["x" * 30] * 7
    values = np.arange(7, dtype=np.float32)
    table = text_lines(tokens, np.arange(10, 17), values, 4.0)
    assert table["context"].to_pylist() == [0, 0, 0, 1, 1, 1, 2]
    assert table["start"].to_pylist() == [0, 30, 60] * 2 + [0]
    assert max(table["end"].to_pylist()) <= COLUMNS
    assert table["position"].to_pylist() == list(range(10, 17))
    assert table["ratio"].to_pylist() == [value / 4 for value in range(7)]
    assert text_drawing(table).to_dict()["height"] == 3 * LINE


def test_a_text_that_fills_a_line_to_its_end_stays_on_it() -> None:
    assert COLUMNS == 96
    for last, line in ((6, 0), (7, 1)):
        tokens = ["x" * 30] * 3 + ["y" * last]
        table = text_lines(tokens, np.arange(4), np.zeros(4, dtype=np.float32), 1.0)
        assert table["context"].to_pylist() == [0, 0, 0, line]


def test_a_tooltip_names_the_strongest_latents_where_they_are_known() -> None:
    table = text_lines(["a"], np.arange(1), np.ones(1, dtype=np.float32), 1.0)

    def titles(rows: pa.Table) -> list[str]:
        boxes = text_drawing(rows).to_dict()["layer"][0]
        return [line.get("title", line["field"]) for line in boxes["encoding"]["tooltip"]]

    ratio = "share of the latent's maximum"
    assert titles(table) == ["token", "activation", ratio, "position"]
    transforms = text_drawing(table).to_dict()["layer"][0]["transform"]
    assert [one["as"] for one in transforms] == ["share"]
    assert transforms[0]["calculate"].startswith("isValid(datum.ratio) ? format(datum.ratio, ")
    assert transforms[0]["calculate"].endswith(" : 'no corpus maximum'")
    named = table.append_column("strongest", pa.array(["7 · a (1.000)"]))
    assert titles(named) == ["token", "strongest latents", ratio, "position"]
