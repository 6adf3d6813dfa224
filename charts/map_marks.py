"""The marks of a map: points, or an image of them if there are too many."""

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from charts.cluster_level import Level
from charts.core.interactions import LATENT, Interval
from charts.core.numbers import DENSITY_AXIS, FRACTION, ID, NUMBER, NUMBER_AXIS, density_tooltips
from charts.core.raster import rasterise, rgb_of
from charts.core.scheme import Scheme, in_scheme
from charts.core.text import shown_label
from charts.core.theme import (
    SEQUENTIAL_POINTS,
    UNSELECTED,
    Spacing,
    colour_scale,
    inline,
)
from charts.map_view import COLOURS, SHARES, Colour, Viewport


def _axes(frame: Viewport) -> tuple[alt.X, alt.Y]:
    """Scales without axes: the coordinates of a UMAP have no meaning."""
    x0, x1, y0, y1 = frame
    return (
        alt.X("x:Q", axis=None, scale=alt.Scale(domain=[x0, x1], nice=False, zero=False)),
        alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[y0, y1], nice=False, zero=False)),
    )


def points(
    rows: pa.Table, frame: Viewport, colour: Colour, clustering: Level, box: Interval
) -> alt.Chart:
    """One point per latent, coloured if it is selected; `box` is the interaction of a drawn box."""
    x, y = _axes(frame)
    data = rows.drop_columns(["top_tokens", "label", "flag"])
    data = data.append_column("name", pa.array([shown_label(t) for t in rows["label"].to_pylist()]))
    data = data.append_column(
        "tokens", pa.array([_tokens(t) for t in rows["top_tokens"].to_pylist()])
    )
    if colour == "cluster":
        every = clustering.colour_of_latents()
        data = data.append_column(
            "colour", pa.array([every[i] for i in rows["latent"].to_pylist()])
        )
    many = max(rows.num_rows, 1)
    return (
        alt.Chart(inline(data))
        .mark_circle(size=float(np.clip(90_000 / many, 9, 46)), cursor="pointer", clip=True)
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.selected", _paint(rows, colour), alt.value(UNSELECTED)),
            opacity=alt.condition("datum.selected", alt.value(0.85), alt.value(0.6)),
            tooltip=[
                alt.Tooltip("latent:Q", format=ID),
                alt.Tooltip("name:N", title="label"),
                alt.Tooltip("label_precision:Q", title="label precision", format=FRACTION),
                alt.Tooltip("label_recall:Q", title="label recall", format=FRACTION),
                alt.Tooltip("tokens:N", title="top tokens"),
                *density_tooltips(),
                alt.Tooltip("cluster_label:N", title="cluster"),
                *(
                    [alt.Tooltip(f"{colour}:Q", title=COLOURS[colour], format=NUMBER)]
                    if colour not in ("cluster", "density")
                    else []
                ),
            ],
        )
        .properties(name="map_points")
        .add_params(
            box.parameter(),
            LATENT.parameter(),
        )
    )


def _tokens(top: list[str] | None) -> str:
    return " · ".join(shown_label(token, 16) for token in (top or [])[:6])


def _domain(rows: pa.Table, colour: Colour) -> tuple[Spacing, tuple[float, float]]:
    """Type and domain of the scale of a numeric colour."""
    if colour in SHARES:
        # Few latents have a small value of `moved`, so its scale starts at the smallest one.
        lowest = pc.min(rows[colour]).as_py() if colour == "moved" else 0.0
        return "linear", (min(lowest or 0.0, 0.9), 1.0)
    values = rows[colour].to_numpy(zero_copy_only=False).astype(np.float64)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values) == 0:
        return "log", (1e-6, 1.0)
    least, most = float(values.min()), float(values.max())
    return "log", (least, most if most > least else least * 10)


def _paint(rows: pa.Table, colour: Colour) -> alt.Color:
    if colour == "cluster":
        return alt.Color("colour:N", scale=None, legend=None)
    kind, (least, most) = _domain(rows, colour)
    legend = alt.Legend(
        orient="top",
        direction="horizontal",
        gradientLength=180,
        gradientThickness=10,
        tickCount=4,
        format=DENSITY_AXIS if colour == "density" else NUMBER_AXIS,
    )
    scale = colour_scale(least, most, SEQUENTIAL_POINTS, kind)
    return alt.Color(f"{colour}:Q", title=COLOURS[colour], scale=scale, legend=legend)


def image(
    rows: pa.Table,
    frame: Viewport,
    colour: Colour,
    clustering: Level,
    box: Interval,
    scheme: Scheme = "light",
) -> alt.Chart:
    """The points as one image, whose size does not depend on their number."""
    x0, x1, y0, y1 = frame
    url = rasterise(
        np.column_stack([rows[name].to_numpy() for name in ("x", "y")]),
        _rgb(rows, colour, clustering, scheme),
        rows["selected"].to_numpy(zero_copy_only=False),
        frame,
        scheme,
    )
    x, y = _axes(frame)
    return (
        alt.Chart({"values": [{"x": x0, "x2": x1, "y": y0, "y2": y1, "url": url}]})
        .mark_image(aspect=False)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", url="url:N")
        .properties(name="map_image")
        .add_params(box.parameter())
    )


def legend(rows: pa.Table, frame: Viewport, colour: Colour) -> list[alt.Chart]:
    """A point of size 0 that adds the legend of the colours."""
    x, y = _axes(frame)
    least = _domain(rows, colour)[1][0]
    point = alt.Chart({"values": [{"x": frame[0], "y": frame[2], colour: least}]})
    return [point.mark_circle(size=0).encode(x=x, y=y, color=_paint(rows, colour))]


def _rgb(rows: pa.Table, colour: Colour, clustering: Level, scheme: Scheme = "light") -> np.ndarray:
    """Colours of the rows, [n, 3] in 0..255."""
    if colour == "cluster":
        every = clustering.colour_of_latents()
        distinct, index = np.unique(np.array(every), return_inverse=True)
        return rgb_of(in_scheme(distinct.tolist(), scheme))[index][rows["latent"].to_numpy()]
    kind, (least, most) = _domain(rows, colour)
    values = np.clip(np.nan_to_num(rows[colour].to_numpy(zero_copy_only=False)), least, most)
    if kind == "log":
        part = np.log(values / least) / np.log(most / least)
    else:
        part = (values - least) / (most - least)
    ramp = rgb_of(in_scheme(SEQUENTIAL_POINTS, scheme))
    at = np.linspace(0, 1, len(ramp))
    return np.column_stack([np.interp(part, at, ramp[:, channel]) for channel in range(3)])
