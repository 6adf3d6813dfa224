"""Windows of the corpus as lines of a concordance: where tokens are drawn, and how they are shaded.

Every line is aligned at its picked token, which is a little left of the middle. One unit of x is
one pixel, so a line keeps its spacing at any width and only loses words at its ends.
"""

import json

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from charts.core.text import NO_BREAK_SPACE, cells, shown_label, shown_token
from charts.core.theme import QUIET_INK

FONT_SIZE = 12
CELL = 7.2
"""Width of a character in pixels: 0.6 of the font size in every font of the list."""
VALUE_WIDTH = 56
"""Pixels at the right end of a line for the activation of its picked token."""


def columns_of(tokens: list[str], peak: int) -> list[tuple[int, int]]:
    """Where each token starts and ends, in columns from the start of the picked one."""
    ends = np.cumsum([max(cells(shown_token(token)), 1) for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    return list(zip((starts - starts[peak]).tolist(), (ends - starts[peak]).tolist(), strict=True))


def drawn_tokens(rows: pa.Table) -> pa.Table:
    """The columns that place and name the tokens of a chart, all from its rows.

    `shown` is the token as text, `source` the title of its document, `start` and `end` its edges
    in pixels and `word` where its text begins. Vega trims a text, so a token with leading spaces
    begins after them.
    """
    shown = [shown_token(token) for token in rows["token"].to_pylist()]
    lead = [len(text) - len(text.lstrip(NO_BREAK_SPACE)) for text in shown]
    start, end = (rows[edge].to_numpy().astype(np.float64) for edge in ("start", "end"))
    return pa.table(
        {
            "shown": pa.array(shown, pa.string()),
            "source": pa.array(
                [shown_label(title, 60) for title in rows["title"].to_pylist()], pa.string()
            ),
            "start": CELL * start,
            "end": CELL * end,
            "word": CELL * (start + np.array(lead, dtype=np.float64)),
        }
    )


def line_count(rows: pa.Table) -> int:
    """Number of windows, each of which is a line."""
    return (pc.max(rows["context"]).as_py() or 0) + 1 if rows.num_rows else 0


def titles_of(rows: pa.Table) -> list[str]:
    """The title of the document of every line."""
    return [shown_label(title, 22) for title in rows.filter(rows["is_picked"])["title"].to_pylist()]


def around_picked(field: str) -> alt.X:
    """A place in pixels from the picked token.

    What follows it is cut by the value at the right end.
    """
    return alt.X(
        field,
        axis=None,
        scale=alt.Scale(
            domainMin={"expr": f"-(width - {VALUE_WIDTH}) * 0.5"},
            domainMax={"expr": f"(width - {VALUE_WIDTH}) * 0.5 + {VALUE_WIDTH}"},
            nice=False,
            zero=False,
        ),
    )


def side_axis(sides: list[str]) -> alt.Axis:
    """The labels of the lines, at their left."""
    return alt.Axis(
        title=None,
        labelExpr=f"{json.dumps(sides, ensure_ascii=False)}[floor(datum.value)]",
        labelLimit=150,
        labelColor=QUIET_INK,
        labelFontSize=11,
        domain=False,
        ticks=False,
    )


def shade_scale(shades: list[str] | list[float]) -> alt.Scale:
    """From 0 to the latent's own maximum over the corpus, as colours or as opacities."""
    scale = alt.Scale(type="linear", domain=[0, 1], range=shades, clamp=True)
    if isinstance(shades[0], str):
        scale.interpolate = "rgb"  # Vega's own mixing tints the first colour, which is white
    return scale


def activation_ratio(activation: float, largest: float | None) -> float:
    """An activation over the latent's largest one over the corpus; 0 for a dead latent."""
    return activation / largest if largest else 0.0
