"""The maps of the latents: points or an image of them, cluster names, a box over them.

One map puts latents together that write alike (their decoder vectors point the same way), the
other one those that fire together. Both are in the bundle; nothing is laid out here.
"""

from collections import Counter
from typing import Any, Literal

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.decoder.map_verdict import quality_of_map
from analysis.runtime.errors import InputError
from analysis.selection import MAP_COLUMNS
from charts.clustering import Level, level_of
from charts.core.figure import Figure, caption_of
from charts.core.interactions import BOX, COOCCURRENCE_BOX, LATENT, Interval
from charts.core.raster import rasterise, rgb_of
from charts.core.text import cells, shown_label
from charts.core.theme import (
    HIGHLIGHT,
    PAPER,
    SEQUENTIAL_POINTS,
    UNSELECTED,
    Spacing,
    colour_scale,
    inline,
    layered,
)

Colour = Literal["cluster", "density", "map_recall", "map_agreement", "moved", "max"]
Layout = Literal["decoder", "cooccurrence"]
Viewport = tuple[float, float, float, float]
MOST_POINTS = 30_000
MOST_NAMES = 28
HEIGHT = 600
# Names are placed for a map of this size in pixels; a wider one only leaves more room.
PLACED_FOR = (560, HEIGHT)
COLOURS: dict[str, str] = {
    "cluster": "cluster",
    "density": "density (log scale)",
    "map_recall": "kNN recall@10 of the map",
    "map_agreement": "agreement of the map over seeds",
    "moved": "moved between the two maps",
    "max": "largest activation (log scale)",
}
LAYOUTS: dict[str, str] = {
    "decoder": "write alike",
    "cooccurrence": "fire together",
}
"""What latents that lie together on a map have in common."""
SHARES = ("map_recall", "map_agreement", "moved")
"""Colours that are fractions; the others are on a log scale."""
_TITLES = {
    "decoder": "Map of the decoder vectors",
    "cooccurrence": "Map of the latents that fire together",
}


def layouts_of(bundle: Bundle) -> list[Layout]:
    """The maps that the bundle has."""
    return ["decoder"] if bundle.manifest.map_cooccurrence is None else ["decoder", "cooccurrence"]


def colours_of(bundle: Bundle, layout: Layout = "decoder") -> list[Colour]:
    """The colours of a map: latents move between two, and only one is measured for each latent."""
    known: list[Colour] = ["cluster", "density"]
    if layout == "decoder":
        known += ["map_recall", "map_agreement"]
    if len(layouts_of(bundle)) > 1:
        known += ["moved"]
    return [*known, "max"]


def latent_map(
    bundle: Bundle,
    *,
    selected: np.ndarray | None = None,
    colour: Colour = "cluster",
    level: int = 0,
    highlight: int | None = None,
    viewport: Viewport | None = None,
    layout: Layout = "decoder",
) -> Figure:
    """The UMAP of the decoder vectors or of the co-occurrence graph, one point a latent.

    `selected` [n_latents] bool keeps its colour, the rest turns light grey. `viewport` is x0, x1,
    y0, y1 in map units: what lies outside is left out, and more names find room. Selections: `box`
    (`box_of_cooccurrence` on that map), an interval of x and y, and `picked`, the latent that was
    clicked (points only: above 30,000 latents the map is an image with the box over it).
    """
    if layout not in layouts_of(bundle):
        known = ", ".join(layouts_of(bundle))
        raise InputError(f"Map: the bundle has no map {layout!r}; choose one of {known}.")
    if colour not in colours_of(bundle, layout):
        known = ", ".join(colours_of(bundle, layout))
        raise InputError(f"Map: cannot colour by {colour!r}; choose one of {known}.")
    clustering = level_of(bundle, level)
    rows = _rows(bundle, selected, colour, clustering, viewport, layout)
    frame = viewport or whole_map(bundle, layout)
    box = BOX if layout == "decoder" else COOCCURRENCE_BOX
    coloured = int(pc.sum(rows["selected"].cast("int64")).as_py() or 0)
    raster = rows.num_rows > MOST_POINTS
    base = (
        _image(rows, frame, colour, clustering, box)
        if raster
        else _points(rows, frame, colour, clustering, box)
    )
    names = _names(clustering, _centres(bundle, clustering, layout), rows, frame)
    legend = _legend(rows, frame, colour) if raster and colour != "cluster" else []
    layers = [base, *legend, *_name_layers(names), *_ring(bundle, highlight, frame, layout)]
    return Figure(
        name="map" if layout == "decoder" else f"map-{layout}",
        title=_TITLES[layout],
        chart=layered(*layers, height=HEIGHT),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            colour=COLOURS[colour],
            cluster_level=level,
            latents=f"{coloured} in colour of {rows.num_rows}",
            **({} if viewport is None else {"part_of_the_map": ", ".join(map(_edge, viewport))}),
        ),
        selections=(box.name,) if raster else (box.name, LATENT.name),
        note=_note(bundle, layout) + (_moved_note(bundle) if colour == "moved" else ""),
    )


def _edge(value: float) -> str:
    return f"{value:.4g}"


def _note(bundle: Bundle, layout: Layout) -> str:
    quality = quality_of_map(bundle.manifest, layout)
    weak = "Distance and area between clusters on this map are weak evidence"
    if quality is None:
        return f"{weak}; its quality was not measured."
    measured = [
        f"{name} {value:.3f}".replace(" 0.", " .")
        for name, value in (
            ("trustworthiness", quality.trustworthiness),
            ("kNN recall@10", quality.knn_recall),
            ("agreement over seeds", quality.agreement),
        )
        if value is not None
    ]
    left = f"; {quality.left_out:,} latents are left out" if quality.left_out else ""
    return (
        f"{weak}; {', '.join(measured) or 'its quality was not measured'} over "
        f"{quality.latents:,} latents{left}."
    )


def _moved_note(bundle: Bundle) -> str:
    """What the two maps have in common."""
    shared = 1 - (pc.mean(bundle.latents["moved"]).as_py() or 0.0)
    return (
        f" Of a latent's ten nearest on one map, {shared:.1%} are among its ten nearest on the "
        "other, in the mean."
    ).replace("%", " %")


def _rows(
    bundle: Bundle,
    selected: np.ndarray | None,
    colour: Colour,
    clustering: Level,
    viewport: Viewport | None,
    layout: Layout,
) -> pa.Table:
    """The latents with a place on the map, selected ones last so that they are drawn on top."""
    latents = bundle.latents
    x, y = _places(bundle, layout)
    chosen = np.ones(len(x), dtype=bool) if selected is None else np.asarray(selected, dtype=bool)
    inside = np.isfinite(x) & np.isfinite(y)
    if viewport is not None:
        x0, x1, y0, y1 = viewport
        inside &= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    columns = ["latent", *MAP_COLUMNS[layout], "density", "label", "top_tokens", "flag"]
    columns += ["label_precision", "label_recall"]
    if colour not in ("cluster", "density"):
        columns.append(colour)
    cluster = np.where(clustering.of_latent < 0, 0, clustering.of_latent)
    names = clustering.names()
    named = [names.get(int(c), "") for c in clustering.of_latent[inside]]
    rows = latents.select(columns)
    rows = rows.rename_columns(["latent", "x", "y", *columns[3:]]).append_column(
        "cluster", pa.array(cluster, pa.int32(), mask=clustering.of_latent < 0)
    )
    rows = rows.append_column("selected", pa.array(chosen)).filter(pa.array(inside))
    rows = rows.append_column("cluster_label", pa.array(named, pa.string()))
    return rows.sort_by([("selected", "ascending"), ("latent", "ascending")])


def _places(bundle: Bundle, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """x and y [n_latents] of every latent on a map, NaN where it is left out."""
    x, y = (bundle.latents[n].to_numpy(zero_copy_only=False) for n in MAP_COLUMNS[layout])
    return x, y


def whole_map(bundle: Bundle, layout: Layout = "decoder") -> Viewport:
    """The whole map with a margin of 3 %."""
    return part_of_map(bundle, None, layout) or (0.0, 1.0, 0.0, 1.0)


def part_of_map(
    bundle: Bundle, selected: np.ndarray | None, layout: Layout = "decoder"
) -> Viewport | None:
    """The part of a map that the selected latents fill, with a margin of 3 %; None without any."""
    x, y = _places(bundle, layout)
    inside = np.isfinite(x) & np.isfinite(y)
    if selected is not None:
        inside &= selected
    if not inside.any():
        return None
    bounds = []
    for values in (x[inside], y[inside]):
        least, most = float(values.min()), float(values.max())
        pad = 0.03 * (most - least) or 1.0
        bounds += [least - pad, most + pad]
    return (bounds[0], bounds[1], bounds[2], bounds[3])


def _axes(frame: Viewport) -> tuple[alt.X, alt.Y]:
    """Scales without axes: the coordinates of a UMAP mean nothing."""
    x0, x1, y0, y1 = frame
    return (
        alt.X("x:Q", axis=None, scale=alt.Scale(domain=[x0, x1], nice=False, zero=False)),
        alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[y0, y1], nice=False, zero=False)),
    )


def _tokens(top: list[str] | None) -> str:
    return " · ".join(shown_label(token, 16) for token in (top or [])[:6])


def _points(
    rows: pa.Table, frame: Viewport, colour: Colour, clustering: Level, box: Interval
) -> alt.Chart:
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
                alt.Tooltip("latent:Q", format="d"),
                alt.Tooltip("name:N", title="label"),
                alt.Tooltip("label_precision:Q", title="label: precision, held out", format=".2f"),
                alt.Tooltip("label_recall:Q", title="label: recall, held out", format=".2f"),
                alt.Tooltip("tokens:N", title="top tokens"),
                alt.Tooltip("density:Q", format=".1e"),
                alt.Tooltip("density:Q", title="density in %", format=".3~%"),
                alt.Tooltip("cluster_label:N", title="cluster"),
                *(
                    [alt.Tooltip(f"{colour}:Q", title=COLOURS[colour], format=".3~r")]
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


def _domain(rows: pa.Table, colour: Colour) -> tuple[Spacing, tuple[float, float]]:
    """Type and domain of the scale of a numeric colour."""
    if colour in SHARES:
        # Latents that moved little are rare, and the eye needs what tells the others apart.
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
        format=".0e" if colour == "density" else "~g",
    )
    scale = colour_scale(least, most, SEQUENTIAL_POINTS, kind)
    return alt.Color(f"{colour}:Q", title=COLOURS[colour], scale=scale, legend=legend)


def _image(
    rows: pa.Table, frame: Viewport, colour: Colour, clustering: Level, box: Interval
) -> alt.Chart:
    """The points as one picture of a fixed number of pixels, whatever their number."""
    x0, x1, y0, y1 = frame
    url = rasterise(
        np.column_stack([rows[name].to_numpy() for name in ("x", "y")]),
        _rgb(rows, colour, clustering),
        rows["selected"].to_numpy(zero_copy_only=False),
        frame,
    )
    x, y = _axes(frame)
    return (
        alt.Chart({"values": [{"x": x0, "x2": x1, "y": y0, "y2": y1, "url": url}]})
        .mark_image(aspect=False)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", url="url:N")
        .properties(name="map_image")
        .add_params(box.parameter())
    )


def _legend(rows: pa.Table, frame: Viewport, colour: Colour) -> list[alt.Chart]:
    """A point of no size, for the sake of the legend of its colour."""
    x, y = _axes(frame)
    least = _domain(rows, colour)[1][0]
    point = alt.Chart({"values": [{"x": frame[0], "y": frame[2], colour: least}]})
    return [point.mark_circle(size=0).encode(x=x, y=y, color=_paint(rows, colour))]


def _rgb(rows: pa.Table, colour: Colour, clustering: Level) -> np.ndarray:
    """Colours of the rows, [n, 3] in 0..255."""
    if colour == "cluster":
        every = clustering.colour_of_latents()
        distinct, index = np.unique(np.array(every), return_inverse=True)
        return rgb_of(distinct.tolist())[index][rows["latent"].to_numpy()]
    kind, (least, most) = _domain(rows, colour)
    values = np.clip(np.nan_to_num(rows[colour].to_numpy(zero_copy_only=False)), least, most)
    if kind == "log":
        part = np.log(values / least) / np.log(most / least)
    else:
        part = (values - least) / (most - least)
    ramp = rgb_of(SEQUENTIAL_POINTS)
    at = np.linspace(0, 1, len(ramp))
    return np.column_stack([np.interp(part, at, ramp[:, channel]) for channel in range(3)])


def _centres(bundle: Bundle, clustering: Level, layout: Layout) -> np.ndarray:
    """Median place [clusters, 2] of the members of each cluster of the level's table, or NaN."""
    table = clustering.table
    if layout == "decoder":
        return np.column_stack([table[n].to_numpy(zero_copy_only=False) for n in ("x", "y")])
    places = np.column_stack(_places(bundle, layout))
    on_map = np.flatnonzero((clustering.of_latent >= 0) & np.isfinite(places).all(axis=1))
    order = on_map[np.argsort(clustering.of_latent[on_map], kind="stable")]
    owner, ids = clustering.of_latent[order], table["cluster"].to_numpy()
    ends = np.searchsorted(owner, ids, side="right")
    starts = np.searchsorted(owner, ids, side="left")
    centres = np.full((len(ids), 2), np.nan)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end > start:
            centres[i] = np.median(places[order[start:end]], axis=0)
    return centres


def _tell(
    clustering: Level, centres: np.ndarray, rows: pa.Table, frame: Viewport
) -> list[tuple[int, int, float, float]]:
    """Clusters worth a name, as (-selected latents, cluster, x, y).

    A cluster of which the selection has only a corner is not among them.
    """
    chosen = rows.filter(rows["selected"])["cluster"].drop_null().to_numpy()
    members = np.bincount(chosen, minlength=1)
    columns = [clustering.table[name].to_pylist() for name in ("cluster", "size")]
    x0, x1, y0, y1 = frame
    found = []
    for cluster, size, (x, y) in zip(*columns, centres.tolist(), strict=True):
        count = int(members[cluster]) if cluster < len(members) else 0
        telling = count and (count >= size / 5 or count >= len(chosen) / 20)
        if telling and x0 <= x <= x1 and y0 <= y <= y1:
            found.append((-count, cluster, x, y))
    return sorted(found)


def _names(clustering: Level, centres: np.ndarray, rows: pa.Table, frame: Viewport) -> pa.Table:
    """Cluster names that fit without overlap, those with the most selected latents first."""
    names = clustering.names()
    x0, x1, y0, y1 = frame
    boxes: list[tuple[float, float, float, float]] = []
    placed: list[dict[str, Any]] = []
    told = _tell(clustering, centres, rows, frame)
    short = {cluster: shown_label(names[cluster], 26) for _, cluster, _, _ in told}
    times = Counter(short.values())
    for _, cluster, x, y in told:
        name = short[cluster] if times[short[cluster]] == 1 else f"{short[cluster]} ({cluster})"
        half = 3.6 * cells(name) + 4
        px = (x - x0) / (x1 - x0) * PLACED_FOR[0]
        px = float(np.clip(px, half, max(PLACED_FOR[0] - half, half)))
        py = (y1 - y) / (y1 - y0) * PLACED_FOR[1]
        box = (px - half, px + half, py - 10, py + 10)
        if len(placed) < MOST_NAMES and not any(overlap(box, other) for other in boxes):
            boxes.append(box)
            at = x0 + px / PLACED_FOR[0] * (x1 - x0)
            placed.append({"name": name, "x": at, "y": y, "cluster": cluster})
    kinds = [("name", pa.string()), ("x", pa.float64()), ("y", pa.float64())]
    return pa.Table.from_pylist(placed, pa.schema([*kinds, ("cluster", pa.int32())]))


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes x0, x1, y0, y1 share a place."""
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _name_layers(names: pa.Table) -> list[alt.Chart]:
    """Each name twice: a white outline, then the text."""
    base = alt.Chart(inline(names)).encode(x="x:Q", y="y:Q", text="name:N")
    halo = base.mark_text(
        fontSize=12,
        fontWeight="bold",
        stroke=PAPER,
        strokeWidth=5,
        strokeJoin="round",
        opacity=0.95,
    )
    return [halo, base.mark_text(fontSize=12, fontWeight="bold")]


def _ring(bundle: Bundle, latent: int | None, frame: Viewport, layout: Layout) -> list[alt.Chart]:
    """A ring around one latent, with its id."""
    if latent is None or not 0 <= latent < bundle.latents.num_rows:
        return []
    x, y = (bundle.latents[name][latent].as_py() for name in MAP_COLUMNS[layout])
    if x is None or not (frame[0] <= x <= frame[1] and frame[2] <= y <= frame[3]):
        return []
    base = alt.Chart({"values": [{"x": x, "y": y, "latent": latent}]}).encode(x="x:Q", y="y:Q")
    ring = base.mark_point(shape="circle", size=190, stroke=HIGHLIGHT, strokeWidth=2, filled=False)
    halo = base.mark_text(dy=-18, fontWeight="bold", stroke=PAPER, strokeWidth=4).encode(
        text="latent:N"
    )
    return [ring, halo, base.mark_text(dy=-18, fontWeight="bold").encode(text="latent:N")]
