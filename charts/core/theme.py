"""Colours, fonts and the Altair configuration of every chart.

Charts are built in the colours of the light scheme. `charts.core.scheme` replaces them by those of
the dark one. No chart depends on a theme of Altair or Streamlit, so an exported file looks like the
screen.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import altair as alt
import numpy as np
import pyarrow as pa

from charts.core.numbers import LOCALE

INK = "#1f2933"
QUIET_INK = "#65717e"
GRID = "#eceff2"
RULE = "#c4ccd4"
UNSELECTED = "#e3e3e3"
UNSELECTED_DEAD = "#c3c9cf"
ACCENT = "#1f6fb2"
ACCENT_LIGHT = "#bcd6ec"
POSITIVE = "#2b6cb0"
NEGATIVE = "#c53030"
HIGHLIGHT = "#111111"
PAPER = "#ffffff"
DARK_PAPER = "#12181d"
"""The background of charts and pages in the dark scheme."""

# Orange is for activation only.
A_COLOUR, B_COLOUR, BOTH_COLOUR = "#c25502", "#1f6fb2", "#5b3a8c"
FLAG_COLOURS = {"live": ACCENT, "ultralow": "#2a9d8f", "dense": "#b5478f", "dead": "#8a939c"}
UNIT_COLOURS = [ACCENT, "#2a9d8f", "#7d8791"]
RELATION_COLOURS = ["#1f6fb2", "#228833", "#c53030", "#aa3377"]
ACTIVATION_RANGE = ["#ffffff", "#ea7317"]
"""Text in the colour of ink can be read on every shade."""
SEQUENTIAL = ["#eef4fa", "#bcd6ec", "#6aa7d6", "#1f6fb2", "#0b3c68"]
CELLS = ["#f7f9fb", *SEQUENTIAL[1:]]
"""As `SEQUENTIAL`, but a value of 0 is as good as white."""
DIVERGING = ["#9b1c1c", "#e38b7f", "#f7f7f7", "#6aa7d6", "#0b3c68"]
PALE_DIVERGING = ["#f1c9c3", "#f6f6f6", "#c9dff2"]
"""For cells with text."""
PALE_SEQUENTIAL = ["#f2f5f7", "#c3daee", "#7fb2dc"]
"""For cells with text."""
SEQUENTIAL_POINTS = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"]

# The hues also differ in lightness, so that colour-blind readers can distinguish them.
CLUSTER_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#c7a500", "#56b4e9", "#aa3377", "#e69f00", "#117733",
    "#882255", "#88ccee", "#d55e00", "#332288", "#44aa99", "#cc6677", "#999933", "#6699cc",
    "#994f00", "#009e73", "#cc79a7", "#5d3a9b", "#77aa33", "#1b9eb5", "#b25d5d", "#7f6d00",
)  # fmt: skip
NO_CLUSTER = "#b6bdc5"

DARK = {
    INK: "#e4eaee",
    QUIET_INK: "#a3b0ba",
    GRID: "#232c33",
    RULE: "#46525c",
    UNSELECTED: "#39434b",
    UNSELECTED_DEAD: "#56616a",
    POSITIVE: "#63a9ee",
    NEGATIVE: "#f0776c",
    HIGHLIGHT: "#ffffff",
    PAPER: DARK_PAPER,
    NO_CLUSTER: "#4f5a63",
    A_COLOUR: "#f08c3c",
    BOTH_COLOUR: "#b79be8",
    **dict(
        zip(
            FLAG_COLOURS.values(), ("#5aa9e6", "#45b8a9", "#d873b6", "#8a949d"), strict=True
        )
    ),
    UNIT_COLOURS[2]: "#9aa5ae",
    ACTIVATION_RANGE[1]: "#a34a06",
    # Low values are near the background here too.
    **dict(
        zip(SEQUENTIAL, ("#1a2733", "#24435f", "#2f6ea3", "#5aa9e6", "#cfe8ff"), strict=True)
    ),
    CELLS[0]: "#1a2229",
    **dict(zip(DIVERGING[:3], ("#ffa194", "#a8483f", "#1b2328"), strict=True)),
    **dict(zip(PALE_DIVERGING, ("#5b2a26", "#232c33", "#1c405f"), strict=True)),
    **dict(zip(PALE_SEQUENTIAL, ("#1c252c", "#23425c", "#2a6496"), strict=True)),
    **dict(
        zip(
            SEQUENTIAL_POINTS,
            ("#4a3f8c", "#3d66b0", "#2a8fa0", "#35b779", "#a5db36", "#fde725"),
            strict=True,
        )
    ),
    **dict(
        zip(
            CLUSTER_COLOURS,
            (
                "#72a1d7", "#ff979f", "#54b45b", "#e5c02f", "#81cefe", "#e167a8", "#ffba46",
                "#4ca75e", "#c65d8b", "#a0deff", "#fe883d", "#795ccc", "#66cab8", "#f68c9c",
                "#bcba53", "#88baef", "#d17d35", "#44c396", "#f09ac9", "#976ed6", "#97ca52",
                "#50c1d9", "#e18785", "#af9937",
            ),
            strict=True,
        )
    ),
}  # fmt: skip
"""The colours of the dark scheme, by those of the light one; see `charts.core.scheme`."""

SANS = "Liberation Sans, Arial, Helvetica, DejaVu Sans, sans-serif"
SCREEN_SANS = f"Source Sans, {SANS}"
"""On a page: the typeface that Streamlit serves. Files use one that vl-convert ships."""
MONO = "Liberation Mono, DejaVu Sans Mono, Menlo, Consolas, monospace"
EXPORT_WIDTH = 760
NARROW_BELOW = 430
"""Pixels of a chart below which it is laid out for a phone."""
NARROW = f"(containerSize()[0] + 0 * width) < {NARROW_BELOW}"
"""The condition in Vega for a chart on a phone or in a narrow column; false in files.

It mentions the width so that it is evaluated again when the chart is resized."""

Spacing = Literal["linear", "log", "symlog", "square"]
Drawn = TypeVar("Drawn", alt.Chart, alt.LayerChart)


def config() -> dict[str, Any]:
    """The Vega-Lite configuration of every chart."""
    axis = {
        "labelColor": QUIET_INK,
        "labelFontSize": 12,
        "labelPadding": 6,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
        "gridColor": GRID,
        "domainColor": RULE,
        "tickColor": RULE,
        "tickSize": 4,
    }
    title = {
        "anchor": "start",
        "frame": "bounds",
        "color": INK,
        "fontSize": 16,
        "fontWeight": "bold",
        "subtitleColor": QUIET_INK,
        "subtitleFontSize": 11,
        "subtitleLineHeight": 15,
        "subtitlePadding": 6,
        "offset": 16,
    }
    legend = {
        "labelColor": QUIET_INK,
        "labelFontSize": 12,
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    return {
        "font": SANS,
        "background": PAPER,
        "locale": LOCALE,
        "padding": {"left": 8, "right": 12, "top": 10, "bottom": 8},
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"titleLimit": {"expr": f"{NARROW} ? 250 : 0"}},
        "axisY": {"domain": False, "ticks": False},
        "legend": legend,
        "title": title,
        "bar": {"color": ACCENT},
        "text": {"color": INK, "fontSize": 12},
    }


def styled(chart: Drawn, height: int | alt.Step | None = None) -> Drawn:
    """The chart with the configuration, the height, and the width of its container.

    Without a height, `charts.core.drawing` makes a slot for it. A step is the height of one row.
    """
    given = {} if height is None else {"height": height}
    return chart.properties(
        **given,
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        config=config(),
    )


def layered(*layers: alt.Chart, height: int | alt.Step | None = None) -> alt.LayerChart:
    """A styled chart of layers; the last layer is on top."""
    return styled(alt.LayerChart(layer=list(layers)), height)


def colour_scale(
    least: float, most: float, colours: Sequence[str], kind: Spacing = "linear"
) -> alt.Scale:
    """A scale through the colours at equal steps, interpolated in RGB.

    "square" is linear, with colours closer together around 0, where most values are.
    """
    return colours_at(colour_stops(least, most, len(colours), kind), colours, kind)


def colour_stops(least: float, most: float, colours: int, kind: Spacing = "linear") -> list[float]:
    """The values [colours] that have the colours of `colour_scale`."""
    if kind == "square":
        even = np.linspace(-1 if least < 0 else 0, 1, colours)
        stops = np.sign(even) * even**2 * most
    elif kind == "symlog":
        stops = np.expm1(np.linspace(np.log1p(least), np.log1p(most), colours))
    else:
        stops = (np.geomspace if kind == "log" else np.linspace)(least, most, colours)
    values: list[float] = stops.tolist()
    return values


def colours_at(stops: Sequence[Any], colours: Sequence[str], kind: Spacing = "linear") -> alt.Scale:
    """A scale with a colour at each stop; `stops` may be a slot of a template."""
    scale = "linear" if kind == "square" else kind
    return alt.Scale(
        type=scale, domain=list(stops), range=list(colours), interpolate="rgb", clamp=True
    )


def name_limit(widest: int) -> alt.ExprRef:
    """The most pixels of a name beside a bar: `widest`, or fewer where the chart is narrow."""
    return alt.ExprRef(f"{NARROW} ? {min(widest, 115)} : {widest}")


def bar_scale(ends: Any, room: int = 0) -> alt.Scale:
    """A scale for bars with a text after each; `room` pixels at the right are for the texts.

    A narrow chart has 26 more, because the rest of the room is a share of its width.
    """
    end = alt.ExprRef(f"width - ({NARROW} ? {room + 26} : {room})")
    return alt.Scale(domain=ends, nice=False, rangeMax=end)


def bare_x(field: str, domain: Sequence[float]) -> alt.X:
    """A position on x without an axis."""
    return alt.X(field, axis=None, scale=alt.Scale(domain=list(domain), nice=False))


def bare_y(field: str, domain: Sequence[float]) -> alt.Y:
    """A position on y without an axis."""
    return alt.Y(field, axis=None, scale=alt.Scale(domain=list(domain), nice=False))


def inline(rows: pa.Table) -> dict[str, Any]:
    """The rows as chart data.

    A plain dictionary avoids the row limit, the global data transformers and the slow validation of
    Altair. Single-precision values are written with their own digits only.
    """
    columns = {name: _plain(rows[name]) for name in rows.column_names}
    names = list(columns)
    drawn = zip(*columns.values(), strict=True)
    return {"values": [dict(zip(names, row, strict=True)) for row in drawn]}


def _plain(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_floating(column.type):
        exact = column.to_numpy(zero_copy_only=False)
        short = exact.astype(str).astype(np.float64) if exact.dtype == np.float32 else exact
        return [value if np.isfinite(value) else None for value in short.tolist()]
    return column.to_pylist()
