"""Windows of the corpus as lines of a concordance: positions and shades of the tokens.

Lines are aligned at their picked token, slightly left of the middle. One unit of x is one pixel,
so a narrower chart cuts words at the ends of a line but keeps the spacing.
"""

import json

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from charts.core.drawing import slot
from charts.core.text import NO_BREAK_SPACE, cells, shown_label, shown_token
from charts.core.theme import NARROW, QUIET_INK

FONT_SIZE = 12
CELL = 7.2
"""Width of a character in pixels: 0.6 times the font size in every font of `MONO`."""
VALUE_WIDTH = 56
"""Pixels at the right end of a line for the activation of its picked token."""


def columns_of(tokens: list[str], peak: int) -> list[tuple[int, int]]:
    """Start and end of each token, in columns from the start of the picked token."""
    ends = np.cumsum([max(cells(shown_token(token)), 1) for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    return list(zip((starts - starts[peak]).tolist(), (ends - starts[peak]).tolist(), strict=True))


def drawn_tokens(rows: pa.Table) -> pa.Table:
    """The text and position of every token, computed from the rows of a chart.

    `shown` is the token as text, `source` the title of its document, `start` and `end` its edges
    in pixels, and `word` the start of its text. Vega strips leading spaces, so the text of a token
    with leading spaces starts after them.
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
    """Number of windows; each window is one line."""
    return (pc.max(rows["context"]).as_py() or 0) + 1 if rows.num_rows else 0


def titles_of(rows: pa.Table) -> list[str]:
    """The title of the document of every line."""
    return [shown_label(title, 22) for title in rows.filter(rows["is_picked"])["title"].to_pylist()]


def around_picked(field: str) -> alt.X:
    """A position in pixels from the picked token.

    The line is cut where the value at its right end starts.
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


def side_axis() -> alt.Axis:
    """The labels of the lines, at their left; the slot `sides` takes them from `side_labels`."""
    return alt.Axis(
        title=None,
        labelExpr=f"{slot('sides')}[floor(datum.value)]",
        labelLimit=alt.ExprRef(f"{NARROW} ? 70 : 150"),
        labelColor=QUIET_INK,
        labelFontSize=11,
        domain=False,
        ticks=False,
    )


def side_labels(sides: list[str]) -> str:
    """The labels of the lines, for the slot of `side_axis`."""
    return json.dumps(sides, ensure_ascii=False)


def shade_scale(shades: list[str] | list[float]) -> alt.Scale:
    """The scale of a ratio to the latent's own maximum, as colours or as opacities."""
    scale = alt.Scale(type="linear", domain=[0, 1], range=shades, clamp=True)
    if isinstance(shades[0], str):
        scale.interpolate = "rgb"  # Vega's default interpolation tints the first colour, white
    return scale


def activation_ratio(activation: float, largest: float | None) -> float:
    """An activation divided by the latent's maximum over the corpus; 0 for a dead latent."""
    return activation / largest if largest else 0.0
