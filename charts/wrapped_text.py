"""A text in lines, its tokens shaded by activation."""

import altair as alt
import pyarrow as pa

from analysis.runtime.arrays import Float32s, Ints
from charts.concordance import (
    FONT_SIZE,
    activation_ratio,
    drawn_tokens,
    shade_scale,
    share_tooltip,
    whole_texts,
    with_shares,
)
from charts.core.drawing import Drawing, named, template
from charts.core.numbers import ID, NUMBER, PERCENT_AXIS
from charts.core.text import cells
from charts.core.theme import ACTIVATION_RANGE, INK, MONO, NARROW, layered

COLUMNS = 96
"""Characters of a line of the text."""
_STRONGEST = "activation of a token's strongest latent / that latent's own maximum"
LINE = 21
"""Height of a line in pixels."""


def text_lines(
    tokens: list[str], positions: Ints, values: Float32s, largest: float | None
) -> pa.Table:
    """The tokens in lines of at most COLUMNS columns; start and end are columns of the line.

    `values` are activations, `largest` the maximum of which `ratio` is the share.
    """
    rows: list[dict[str, object]] = []
    line, column = 0, 0
    for start, stop, text in whole_texts(tokens):
        size = stop - start
        width = max(cells(text), size)
        if column and column + width > COLUMNS:
            line, column = line + 1, 0
        for i in range(size):
            rows.append(
                {
                    "context": line,
                    "position": int(positions[start + i]),
                    "token": tokens[start + i],
                    "activation": float(values[start + i]),
                    "ratio": activation_ratio(float(values[start + i]), largest),
                    "start": column + width * i // size,
                    "end": column + width * (i + 1) // size,
                }
            )
        column += width
    return pa.Table.from_pylist(rows, _TOKENS)


_TOKENS = pa.schema(
    [
        ("context", pa.int32()), ("position", pa.int64()), ("token", pa.string()),
        ("activation", pa.float32()), ("ratio", pa.float32()), ("start", pa.int32()),
        ("end", pa.int32()),
    ]
)  # fmt: skip


def text_drawing(table: pa.Table) -> Drawing:
    """The lines of `text_lines`; with a column `is_picked`, such a token has a frame.

    With a column `strongest` instead of `activation`, the tooltip of a token shows that, and a
    legend explains the shades.
    """
    shown = ("context", "position", "activation", "ratio", "is_picked", "strongest")
    data = table.select([name for name in shown if name in table.column_names])
    untitled = table.append_column("title", pa.array([""] * table.num_rows, pa.string()))
    placed = drawn_tokens(untitled)
    for name in ("shown", "drawn", "start", "end", "word"):
        data = data.append_column(name, placed[name])
    lines = int(table["context"][-1].as_py()) + 1 if table.num_rows else 1
    of_latents = "strongest" in table.column_names
    return _text(of_latents).draw({"rows": data}, height=LINE * lines)


def _legend() -> alt.Legend:
    return alt.Legend(
        orient="top", direction="horizontal", gradientLength=160, gradientThickness=9,
        values=[0, 0.5, 1], format=PERCENT_AXIS, offset=6,
        titleLimit=alt.ExprRef(f"{NARROW} ? 250 : 460"),
    )  # fmt: skip


@template
def _text(of_latents: bool) -> alt.LayerChart:
    tokens = with_shares(alt.Chart(named("rows")))
    # One unit is one pixel, so that the spacing stays when the chart is narrower.
    scale = alt.Scale(domainMin=0, domainMax={"expr": "width"}, nice=False)
    y = alt.Y("context:O", axis=None, scale=alt.Scale(paddingInner=0.1, paddingOuter=0.05))
    tooltip = [
        alt.Tooltip("shown:N", title="token"),
        alt.Tooltip("strongest:N", title="strongest latents")
        if of_latents
        else alt.Tooltip("activation:Q", format=NUMBER),
        share_tooltip(),
        alt.Tooltip("position:Q", format=ID),
    ]
    boxes = tokens.mark_rect(clip=True, invalid="show").encode(  # without a ratio, as with 0
        x=alt.X("start:Q", axis=None, scale=scale),
        x2="end:Q",
        y=y,
        color=alt.Color(
            "ratio:Q",
            title=_STRONGEST,
            scale=shade_scale(ACTIVATION_RANGE),
            legend=_legend() if of_latents else None,
        ),
        stroke=alt.condition("datum.is_picked", alt.value(INK), alt.value(None)),
        tooltip=tooltip,
    )
    words = tokens.mark_text(align="left", font=MONO, fontSize=FONT_SIZE, clip=True).encode(
        x=alt.X("word:Q", axis=None, scale=scale), y=y, text="drawn:N", tooltip=tooltip
    )
    return layered(boxes, words)
