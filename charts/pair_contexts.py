"""Contexts of a pair: windows with the activations of both latents on every token."""

from typing import Any

import altair as alt
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence import Picking, Where
from analysis.cooccurrence.pair import Pair, pair_contexts
from analysis.runtime.numbers import count
from charts.concordance import (
    FONT_SIZE,
    activation_ratio,
    around_picked,
    columns_of,
    drawn_tokens,
    line_count,
    shade_scale,
    side_axis,
    side_labels,
    titles_of,
)
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.numbers import ID, NUMBER
from charts.core.theme import A_COLOUR, B_COLOUR, INK, MONO, layered

LINE = 34
"""Height of a line in pixels."""
DARKEST = 0.8
"""Opacity at the latent's own maximum. Black text stays readable on it."""
_ROWS = pa.schema(
    [
        ("context", pa.int32()), ("document", pa.int64()), ("title", pa.string()),
        ("position", pa.int32()), ("token", pa.string()), ("a", pa.float32()), ("b", pa.float32()),
        ("a_ratio", pa.float32()), ("b_ratio", pa.float32()), ("is_picked", pa.bool_()),
        ("start", pa.int32()), ("end", pa.int32()),
    ]
)  # fmt: skip
_PICKED: dict[Picking, str] = {
    "even": "Evenly spaced from the strongest to the weakest",
    "random": "A random draw with the bundle's seed",
}


@cached
def pair_context_strips(
    bundle: Bundle, pair: Pair, where: Where, picking: Picking = "even"
) -> Figure:
    """Windows around tokens on which both latents fire, or only one.

    The upper half of a line shades the activation of a, the lower half that of b, each as the ratio
    to the latent's own maximum over the corpus.
    """
    contexts = pair_contexts(bundle, pair, where, picking, seed=bundle.manifest.parameters.seed)
    rows = _token_rows(bundle, pair, contexts)
    titles = {
        "both": f"Where {pair.a} and {pair.b} both fire",
        "a": f"Where only {pair.a} fires",
        "b": f"Where only {pair.b} fires",
    }
    drawn = f"{contexts.num_rows} of {count(int(pair.active(where).sum()))}"
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-contexts-{where}-{picking}",
        title=titles[where],
        chart=_drawing(rows, pair),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            a=pair.a,
            b=pair.b,
            threshold=pair.threshold,
            picked=f"{picking}, {drawn}",
        ),
        note=(
            f"{_PICKED[picking]}: {drawn} tokens. The orange upper half of a word is the "
            f"activation of {pair.a}, the blue lower half that of {pair.b}, each relative to "
            "the latent's own maximum."
        ),
    )


def _token_rows(bundle: Bundle, pair: Pair, contexts: pa.Table) -> pa.Table:
    """One row per token; `start` and `end` are columns from the picked token."""
    largest = [bundle.latents["max"][latent].as_py() for latent in (pair.a, pair.b)]
    out: list[dict[str, Any]] = []
    for context, row in enumerate(contexts.to_pylist()):
        columns = columns_of(row["tokens"], row["peak"])
        for i, (token, a, b) in enumerate(zip(row["tokens"], row["a"], row["b"], strict=True)):
            out.append(
                {
                    "context": context,
                    "document": row["document"],
                    "title": row["title"],
                    "position": row["position"] + i - row["peak"],
                    "token": token,
                    "a": a,
                    "b": b,
                    "a_ratio": activation_ratio(a, largest[0]),
                    "b_ratio": activation_ratio(b, largest[1]),
                    "is_picked": i == row["peak"],
                    "start": columns[i][0],
                    "end": columns[i][1],
                }
            )
    return pa.Table.from_pylist(out, _ROWS)


def _drawing(rows: pa.Table, pair: Pair) -> Drawing:
    data = rows.drop_columns(["token", "title", "document", "start", "end"])
    placed = drawn_tokens(rows)
    for name in placed.column_names:
        data = data.append_column(name, placed[name])
    lines = line_count(rows)
    return _chart().draw(
        {"rows": data},
        title_of_a=f"activation of {pair.a}",
        title_of_b=f"activation of {pair.b}",
        sides=side_labels(titles_of(rows)),
        middles=[line + 0.5 for line in range(lines)],
        lines=max(lines, 1),
        height=8 + LINE * max(lines, 1),
    )


@template
def _chart() -> alt.LayerChart:
    tokens = alt.Chart(named("rows")).encode(
        tooltip=[
            alt.Tooltip("shown:N", title="token"),
            alt.Tooltip("a:Q", title=slot("title_of_a"), format=NUMBER),
            alt.Tooltip("b:Q", title=slot("title_of_b"), format=NUMBER),
            alt.Tooltip("source:N", title="document"),
            alt.Tooltip("position:Q", format=ID),
        ]
    )
    y = _line()
    shades = [
        _between(tokens, y, *edges)
        .mark_rect(clip=True, color=colour)
        .encode(
            fillOpacity=alt.FillOpacity(f"{ratio}:Q", scale=shade_scale([0, DARKEST]), legend=None),
            strokeOpacity=alt.value(0),
        )
        for ratio, colour, edges in (
            ("a_ratio", A_COLOUR, (0.08, 0.5)),
            ("b_ratio", B_COLOUR, (0.5, 0.92)),
        )
    ]
    frames = (
        _between(tokens.transform_filter("datum.is_picked"), y, 0.08, 0.92)
        .mark_rect(clip=True, filled=False, stroke=INK)
        .properties(name="picked tokens")
    )
    words = (
        tokens.transform_calculate(line="datum.context + 0.5")
        .mark_text(align="left", font=MONO, fontSize=FONT_SIZE, clip=True)
        .encode(x=around_picked("word:Q"), y=y, text="drawn:N")
    )
    return layered(*shades, frames, words)


def _line() -> alt.Y:
    """One unit of y is one line of text; the first line is at the top."""
    axis = side_axis()
    axis.values = each("middles")
    axis.grid = False
    scale = alt.Scale(domain=[slot("lines"), 0], nice=False)
    return alt.Y("line:Q", axis=axis, scale=scale)


def _between(tokens: alt.Chart, y: alt.Y, top: float, bottom: float) -> alt.Chart:
    """Tokens from start to end, over the part of the line height from `top` to `bottom`."""
    edges = tokens.transform_calculate(
        line=f"datum.context + {top}", below=f"datum.context + {bottom}"
    )
    return edges.encode(x=around_picked("start:Q"), x2="end:Q", y=y, y2="below:Q")
