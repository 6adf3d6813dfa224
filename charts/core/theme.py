"""Colours, fonts and the Altair configuration of every chart.

No chart depends on a theme of Altair or Streamlit, so an exported file looks like the screen.
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
ACCENT = "#1f6fb2"
ACCENT_LIGHT = "#bcd6ec"
POSITIVE = "#2b6cb0"
NEGATIVE = "#c53030"
HIGHLIGHT = "#111111"
PAPER = "#ffffff"

FLAG_COLOURS = {"live": ACCENT, "ultralow": "#e9a83b", "dense": "#b5478f", "dead": "#8a939c"}
ACTIVATION_RANGE = ["#ffffff", "#d95f02"]
SEQUENTIAL = ["#eef4fa", "#bcd6ec", "#6aa7d6", "#1f6fb2", "#0b3c68"]
DIVERGING = ["#9b1c1c", "#e38b7f", "#f7f7f7", "#6aa7d6", "#0b3c68"]
SEQUENTIAL_POINTS = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"]

# The hues also differ in lightness, so that colour-blind readers can distinguish them.
CLUSTER_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#c7a500", "#56b4e9", "#aa3377", "#e69f00", "#117733",
    "#882255", "#88ccee", "#d55e00", "#332288", "#44aa99", "#cc6677", "#999933", "#6699cc",
    "#994f00", "#009e73", "#cc79a7", "#5d3a9b", "#77aa33", "#1b9eb5", "#b25d5d", "#7f6d00",
)  # fmt: skip
NO_CLUSTER = "#b6bdc5"

SANS = "Liberation Sans, Arial, Helvetica, DejaVu Sans, sans-serif"
MONO = "Liberation Mono, DejaVu Sans Mono, Menlo, Consolas, monospace"
EXPORT_WIDTH = 760

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
        "axisY": {"domain": False, "ticks": False},
        "legend": legend,
        "title": title,
        "bar": {"color": ACCENT},
        "text": {"color": INK, "fontSize": 12},
    }


def styled(chart: Drawn, height: int | None = None) -> Drawn:
    """The chart with the configuration, the height, and the width of its container.

    Without a height, `charts.core.drawing` makes a slot for it.
    """
    given = {} if height is None else {"height": height}
    return chart.properties(
        **given,
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        config=config(),
    )


def layered(*layers: alt.Chart, height: int | None = None) -> alt.LayerChart:
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
