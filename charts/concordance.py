"""Windows of the corpus as lines of a concordance: positions and shades of the tokens.

Lines are aligned at their picked token, slightly left of the middle. One unit of x is one pixel,
so a narrower chart cuts words at the ends of a line but keeps the spacing.
"""

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.labels.cut_characters import decoded, whole_characters, without_pieces
from charts.core.drawing import slot
from charts.core.named_lines import labels_of
from charts.core.numbers import PERCENT
from charts.core.text import NO_BREAK_SPACE, cells, shown_label, shown_token
from charts.core.theme import NARROW, QUIET_INK

FONT_SIZE = 12
CELL = 7.2
"""Width of a character in pixels: 0.6 times the font size in every font of `MONO`."""
KEPT_WINDOWS = 256
"""Windows whose texts are kept: a chart needs them for its columns and for what it draws."""
NO_MAXIMUM = "no corpus maximum"
"""What stands in place of a ratio for a latent that is never active in the corpus."""
VALUE_WIDTH = 56
"""Pixels at the right end of a line for the activation of its picked token."""


class WholeText(NamedTuple):
    """The text of consecutive tokens that hold whole characters."""

    start: int
    """Index of the first token."""
    stop: int
    """Index after the last token."""
    text: str
    """As charts show it. A character that the first or the last token cuts is an ellipsis."""


def whole_texts(tokens: Sequence[str]) -> list[WholeText]:
    """The tokens of a window, with the pieces of one character joined."""
    return list(_whole_texts(tuple(tokens)))


@functools.lru_cache(maxsize=KEPT_WINDOWS)
def _whole_texts(tokens: tuple[str, ...]) -> tuple[WholeText, ...]:
    texts = []
    for start, stop in whole_characters(tokens):
        text = decoded("".join(tokens[start:stop]))
        if start == 0 or stop == len(tokens):
            text = without_pieces(text)
        texts.append(WholeText(start, stop, shown_token(text)))
    return tuple(texts)


def columns_of(tokens: list[str], peak: int) -> list[tuple[int, int]]:
    """Start and end of each token, in columns from the start of the picked token.

    Tokens that share a character share its width, with at least one column each.
    """
    edges = [0]
    for start, stop, text in whole_texts(tokens):
        count = stop - start
        width = max(cells(text), count)
        base = edges[-1]
        edges += [base + width * (i + 1) // count for i in range(count)]
    first = edges[peak]
    return [(a - first, b - first) for a, b in pairwise(edges)]


def drawn_tokens(rows: pa.Table) -> pa.Table:
    """The text and position of every token, computed from the rows of a chart.

    `shown` is the text of the token, with the whole of a character that it cuts. `drawn` is this
    text at the first token of a character and empty at its others, so that a character is drawn
    once, over all of its tokens. `source` is the title of the document, `start` and `end` the edges
    of the token in pixels, and `word` the start of its text. Vega strips leading spaces, so the
    text of a token with leading spaces starts after them.
    """
    shown, drawn, lead = _texts_of(rows)
    start, end = (rows[edge].to_numpy().astype(np.float64) for edge in ("start", "end"))
    titles = rows["title"].to_pylist()
    labels = {title: shown_label(title, 60) for title in set(titles)}  # few documents, many tokens
    return pa.table(
        {
            "shown": pa.array(shown, pa.string()),
            "drawn": pa.array(drawn, pa.string()),
            "source": pa.array([labels[title] for title in titles], pa.string()),
            "start": CELL * start,
            "end": CELL * end,
            "word": CELL * (start + np.array(lead, dtype=np.float64)),
        }
    )


def _texts_of(rows: pa.Table) -> tuple[list[str], list[str], list[float]]:
    """What a token shows, what is drawn at it, and how many columns it starts after its edge."""
    shown: list[str] = []
    drawn: list[str] = []
    lead: list[float] = []
    for tokens in _lines(rows):
        for start, stop, text in whole_texts(tokens):
            count = stop - start
            room = max(count - cells(text), 0) / 2 if count > 1 else 0.0
            shown += [text] * count
            drawn += [text, *[""] * (count - 1)]
            lead += [room + len(text) - len(text.lstrip(NO_BREAK_SPACE))] * count
    return shown, drawn, lead


def _lines(rows: pa.Table) -> list[list[str]]:
    """The tokens of each line; lines are consecutive rows of one context."""
    tokens: list[str] = rows["token"].to_pylist()
    if "context" not in rows.column_names:
        return [tokens]
    context = rows["context"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(context)) + 1).tolist(), len(tokens)]
    return [tokens[a:b] for a, b in pairwise(cuts)]


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
    return labels_of(sides)


def shade_scale(shades: list[str] | list[float]) -> alt.Scale:
    """The scale of a ratio to the latent's own maximum, as colours or as opacities."""
    scale = alt.Scale(type="linear", domain=[0, 1], range=shades, clamp=True)
    if isinstance(shades[0], str):
        scale.interpolate = "rgb"  # Vega's default interpolation tints the first colour, white
    return scale


def with_shares(rows: alt.Chart) -> alt.Chart:
    """The chart with a field `share`: the ratio to the latent's own maximum, in words."""
    shown = f"format(datum.ratio, '{PERCENT}')"
    return rows.transform_calculate(share=f"isValid(datum.ratio) ? {shown} : '{NO_MAXIMUM}'")


def share_tooltip() -> alt.Tooltip:
    """The line of a tooltip for the field of `with_shares`."""
    return alt.Tooltip("share:N", title="share of the latent's maximum")


def activation_ratio(activation: float, largest: float | None) -> float:
    """An activation divided by the latent's maximum over the corpus; 0 for a dead latent."""
    return activation / largest if largest else 0.0
