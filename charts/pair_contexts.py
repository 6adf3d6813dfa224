"""Contexts of a pair: windows with the activations of both latents on every token."""

from typing import Any

import altair as alt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence import Picking, Where
from analysis.cooccurrence.pair import Pair, pair_contexts
from charts.contexts import CELL, FONT_SIZE, around_picked, columns_of, side_axis, titles_of
from charts.core.figure import Figure, caption_of
from charts.core.text import NO_BREAK_SPACE, shown_label, shown_token
from charts.core.theme import INK, MONO, inline, layered
from charts.pair import A_COLOUR, B_COLOUR

LINE = 34
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
    "random": "A seeded random draw",
}


def pair_context_strips(
    bundle: Bundle, pair: Pair, where: Where, picking: Picking = "even"
) -> Figure:
    """Windows around tokens where both fire, or only one; a above, b below each line of text.

    Each shade is the ratio to the latent's own maximum over the corpus.
    """
    found = pair_contexts(bundle, pair, where, picking, seed=bundle.manifest.parameters.seed)
    rows = _token_rows(bundle, pair, found)
    titles = {
        "both": f"Where {pair.a} and {pair.b} both fire",
        "a": f"Where only {pair.a} fires",
        "b": f"Where only {pair.b} fires",
    }
    of = int(pair.active(where).sum())
    return Figure(
        name=f"pair-{pair.a}-{pair.b}-contexts-{where}-{picking}",
        title=titles[where],
        chart=_chart(rows, pair),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="context",
            a=pair.a,
            b=pair.b,
            threshold=pair.threshold,
            picked=f"{picking}, {found.num_rows} of {of:,}",
        ),
        note=(
            f"{_PICKED[picking]}, {found.num_rows} of {of:,} tokens. Orange, above the words: "
            f"{pair.a}; blue, below them: {pair.b}."
        ),
    )


def _token_rows(bundle: Bundle, pair: Pair, found: pa.Table) -> pa.Table:
    """One row a token: where it is drawn (`start`, `end`, in columns from the picked token)."""
    most = [float(bundle.latents["max"][one].as_py() or 0.0) or 1.0 for one in (pair.a, pair.b)]
    out: list[dict[str, Any]] = []
    for context, row in enumerate(found.to_pylist()):
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
                    "a_ratio": a / most[0],
                    "b_ratio": b / most[1],
                    "is_picked": i == row["peak"],
                    "start": columns[i][0],
                    "end": columns[i][1],
                }
            )
    return pa.Table.from_pylist(out, _ROWS)


def _chart(rows: pa.Table, pair: Pair) -> alt.LayerChart:
    texts = [shown_token(token) for token in rows["token"].to_pylist()]
    data = rows.drop_columns(["token", "title", "document", "start", "end"])
    data = data.append_column("shown", pa.array(texts, pa.string()))
    sources = [shown_label(title, 60) for title in rows["title"].to_pylist()]
    data = data.append_column("source", pa.array(sources, pa.string()))
    for edge in ("start", "end"):
        data = data.append_column(edge, pc.multiply(rows[edge].cast("float64"), CELL))
    # Vega trims a text, so it starts after its leading spaces.
    lead = [CELL * (len(text) - len(text.lstrip(NO_BREAK_SPACE))) for text in texts]
    data = data.append_column("word", pc.add(data["start"], pa.array(lead, pa.float64())))
    contexts = (pc.max(rows["context"]).as_py() or 0) + 1 if rows.num_rows else 0
    tokens = alt.Chart(inline(data)).encode(
        tooltip=[
            alt.Tooltip("shown:N", title="token"),
            alt.Tooltip("a:Q", title=f"activation of {pair.a}", format=".3~r"),
            alt.Tooltip("b:Q", title=f"activation of {pair.b}", format=".3~r"),
            alt.Tooltip("source:N", title="document"),
            alt.Tooltip("position:Q", format="d"),
        ]
    )
    y = _line(rows, contexts)
    shades = [
        _between(tokens, y, *edges)
        .mark_rect(clip=True, color=colour)
        .encode(fillOpacity=_opacity(ratio), strokeOpacity=alt.value(0))
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
        .encode(x=around_picked("word:Q"), y=y, text="shown:N")
    )
    return layered(*shades, frames, words, height=8 + LINE * max(contexts, 1))


def _line(rows: pa.Table, contexts: int) -> alt.Y:
    """One unit of y is one line of text; the first line stands on top."""
    axis = side_axis(titles_of(rows))
    axis.values = [line + 0.5 for line in range(contexts)]
    axis.grid = False
    scale = alt.Scale(domain=[max(contexts, 1), 0], nice=False)
    return alt.Y("line:Q", axis=axis, scale=scale)


def _between(tokens: alt.Chart, y: alt.Y, top: float, bottom: float) -> alt.Chart:
    """Tokens from their start to their end, over a part of the height of their line."""
    edges = tokens.transform_calculate(
        line=f"datum.context + {top}", below=f"datum.context + {bottom}"
    )
    return edges.encode(x=around_picked("start:Q"), x2="end:Q", y=y, y2="below:Q")


def _opacity(ratio: str) -> alt.FillOpacity:
    scale = alt.Scale(domain=[0, 1], range=[0, 0.8], clamp=True)
    return alt.FillOpacity(f"{ratio}:Q", scale=scale, legend=None)
