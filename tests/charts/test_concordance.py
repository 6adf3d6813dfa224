"""Positions and shades of the tokens on a line."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import read_pair
from charts.concordance import (
    CELL,
    FONT_SIZE,
    activation_ratio,
    columns_of,
    drawn_tokens,
    line_count,
    shade_scale,
    titles_of,
)
from charts.contexts import context_strips
from charts.core.text import cells, shown_label, shown_token
from charts.pair_contexts import pair_context_strips


def test_lines_are_aligned_at_the_picked_token_without_gaps(tiny: Bundle) -> None:
    figure = context_strips(tiny, 20)
    rows = figure.rows.to_pandas()
    assert (rows["start"][rows["is_picked"]] == 0).all()
    for _, line in rows.groupby("context"):
        assert (line["start"].to_numpy()[1:] == line["end"].to_numpy()[:-1]).all()
    assert (rows["end"] > rows["start"]).all()
    drawn = max(figure.chart.to_dict()["datasets"].values(), key=len)
    for row, shown in zip(rows.itertuples(), drawn, strict=True):
        width = (shown["end"] - shown["start"]) / CELL
        assert width == pytest.approx(max(cells(shown_token(row.token)), 1))
        assert shown["word"] >= shown["start"] - 1e-9


def test_shades_range_from_zero_to_the_latents_own_maximum() -> None:
    scale = shade_scale([0, 0.8]).to_dict()
    assert scale == {"type": "linear", "domain": [0, 1], "range": [0, 0.8], "clamp": True}
    assert activation_ratio(3.0, 12.0) == 0.25
    assert activation_ratio(3.0, None) == 0
    assert activation_ratio(3.0, 0.0) == 0


def test_contexts_of_latents_and_pairs_use_the_same_shade_scale(tiny: Bundle) -> None:
    boxes = context_strips(tiny, 20).chart.to_dict()["layer"][0]["encoding"]
    assert boxes["color"]["field"] == "ratio"
    assert boxes["color"]["scale"]["domain"] == [0, 1]
    assert boxes["color"]["scale"]["interpolate"] == "rgb"
    layers = pair_context_strips(tiny, read_pair(tiny, 5, 13), "a").chart.to_dict()["layer"]
    for layer, ratio in zip(layers[:2], ("a_ratio", "b_ratio"), strict=True):
        opacity = layer["encoding"]["fillOpacity"]
        assert (opacity["field"], opacity["scale"]["domain"]) == (ratio, [0, 1])


def test_a_character_is_six_tenths_of_the_font_size_wide_and_titles_are_cut() -> None:
    title = "a" * 23
    rows = pa.table(
        {"token": [" sea"], "title": [title], "start": [0], "end": [4], "is_picked": [True]}
    )
    [drawn] = drawn_tokens(rows).to_pylist()
    assert drawn["end"] - drawn["start"] == pytest.approx(4 * 0.6 * FONT_SIZE)
    assert drawn["word"] == pytest.approx(0.6 * FONT_SIZE)
    assert drawn["source"] == title
    assert titles_of(rows) == ["a" * 21 + "…"]


def test_a_character_that_spans_tokens_is_drawn_whole_over_them() -> None:
    tokens = ["⟨8a⟩", "Der ", "⟨c3⟩", "⟨96⟩", "ffnet ", "⟨f0 9f⟩", "⟨98⟩⟨80⟩", "⟨e4⟩"]
    columns = columns_of(tokens, 2)
    assert columns == [(-5, -4), (-4, 0), (0, 1), (1, 2), (2, 8), (8, 9), (9, 10), (10, 11)]
    rows = pa.table(
        {
            "context": [0] * 8,
            "token": tokens,
            "title": [""] * 8,
            "start": [start for start, _ in columns],
            "end": [end for _, end in columns],
        }
    )
    drawn = drawn_tokens(rows)
    shown = [text.replace("\u00a0", " ") for text in drawn["drawn"].to_pylist()]
    assert shown == ["…", "Der ", "Ö", "", "ffnet ", "😀", "", "…"]
    assert drawn["shown"].to_pylist()[2:4] == ["Ö", "Ö"]
    assert drawn["word"][2].as_py() == pytest.approx(0.5 * CELL)  # in the middle of two columns
    assert drawn["word"][5].as_py() == pytest.approx(8 * CELL)


def test_characters_of_different_lines_are_not_joined() -> None:
    rows = pa.table(
        {
            "context": [0, 1],
            "token": ["⟨c3⟩", "⟨96⟩"],
            "title": ["", ""],
            "start": [0, 0],
            "end": [1, 1],
        }
    )
    assert drawn_tokens(rows)["drawn"].to_pylist() == ["…", "…"]


def test_each_line_is_counted_and_has_the_title_of_its_document(tiny: Bundle) -> None:
    rows = context_strips(tiny, 20).rows
    picked = rows.filter(rows["is_picked"])
    assert line_count(rows) == picked.num_rows > 1
    assert titles_of(rows) == [shown_label(title, 22) for title in picked["title"].to_pylist()]
    assert line_count(rows.slice(0, 0)) == 0
