"""The marks of a map: points, or an image of them if there are too many."""

import altair as alt
import numpy as np
import pyarrow as pa

from charts.core.interactions import LATENT, Interval
from charts.core.numbers import DENSITY_AXIS, FRACTION, ID, NUMBER, NUMBER_AXIS, density_tooltips
from charts.core.raster import rasterise, rgb_of
from charts.core.scheme import Scheme
from charts.core.text import shown_label
from charts.core.theme import (
    SEQUENTIAL_POINTS,
    UNSELECTED,
    colour_scale,
    inline,
)
from charts.map_columns import Colouring
from charts.map_view import Viewport


def _axes(frame: Viewport) -> tuple[alt.X, alt.Y]:
    """Scales without axes: the coordinates of a UMAP have no meaning."""
    x0, x1, y0, y1 = frame
    return (
        alt.X("x:Q", axis=None, scale=alt.Scale(domain=[x0, x1], nice=False, zero=False)),
        alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[y0, y1], nice=False, zero=False)),
    )


def points(rows: pa.Table, frame: Viewport, colours: Colouring, box: Interval) -> alt.Chart:
    """One point per latent, coloured if it is selected; `box` is the interaction of a drawn box."""
    x, y = _axes(frame)
    data = rows.drop_columns(["top_tokens", "label", "flag"])
    data = data.append_column("name", pa.array([shown_label(t) for t in rows["label"].to_pylist()]))
    data = data.append_column(
        "tokens", pa.array([_tokens(t) for t in rows["top_tokens"].to_pylist()])
    )
    if colours.scale is None:
        codes = colours.codes[rows["latent"].to_numpy()].tolist()
        data = data.append_column(
            "colour", pa.array([colours.light[code] for code in codes], pa.string())
        )
    many = max(rows.num_rows, 1)
    return (
        alt.Chart(inline(data))
        .mark_circle(size=float(np.clip(90_000 / many, 9, 46)), cursor="pointer", clip=True)
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.selected", _paint(colours), alt.value(UNSELECTED)),
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
                    [alt.Tooltip(f"{colours.name}:Q", title=colours.title, format=NUMBER)]
                    if colours.scale is not None and colours.name != "density"
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


def _paint(colours: Colouring) -> alt.Color:
    scale = colours.scale
    if scale is None:
        return alt.Color("colour:N", scale=None, legend=None)
    legend = alt.Legend(
        orient="top",
        direction="horizontal",
        gradientLength=180,
        gradientThickness=10,
        tickCount=4,
        format=DENSITY_AXIS if colours.name == "density" else NUMBER_AXIS,
    )
    ramp = colour_scale(scale.least, scale.most, SEQUENTIAL_POINTS, scale.kind)
    return alt.Color(f"{colours.name}:Q", title=colours.title, scale=ramp, legend=legend)


def image(
    rows: pa.Table, frame: Viewport, colours: Colouring, box: Interval, scheme: Scheme = "light"
) -> alt.Chart:
    """The points as one image, whose size does not depend on their number."""
    x0, x1, y0, y1 = frame
    codes = colours.codes[rows["latent"].to_numpy()]
    url = rasterise(
        np.column_stack([rows[name].to_numpy() for name in ("x", "y")]),
        rgb_of(list(colours.palette(scheme)))[codes],
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


def legend(colours: Colouring, frame: Viewport) -> list[alt.Chart]:
    """A point of size 0 that adds the legend of a scale; nothing for categories."""
    if colours.scale is None:
        return []
    x, y = _axes(frame)
    values = {"x": frame[0], "y": frame[2], colours.name: colours.scale.least}
    point = alt.Chart({"values": [values]})
    return [point.mark_circle(size=0).encode(x=x, y=y, color=_paint(colours))]
