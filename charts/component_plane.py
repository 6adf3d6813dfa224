"""The reconstruction by a cluster in the plane of two of its principal components."""

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.clusters.circles import MOST_CLASSES, Ring, ring
from analysis.clusters.principal_components import Reconstruction, reconstruct
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count, percent
from charts.cluster_evidence import cluster_row
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import LATENT, PLANE
from charts.core.names import name_by_latent
from charts.core.numbers import ID, NUMBER, NUMBER_AXIS, PERCENT, PERCENT_AXIS
from charts.core.placement import overlap
from charts.core.text import cells, name_of, shown_token
from charts.core.theme import (
    ACCENT,
    CLUSTER_COLOURS,
    NO_CLUSTER,
    PAPER,
    QUIET_INK,
    UNSELECTED,
    layered,
)

Classes = Literal["member", "token"]
CLASSES: dict[str, str] = {
    "member": "the member that fires most",
    "token": "the token",
}
HEIGHT = 430
_reconstruction = cached(reconstruct)
PLACED_FOR = (560, HEIGHT - 50)
"""Size in pixels that the placement of names assumes; on a wider plane they also fit."""


@cached
def component_plane(
    bundle: Bundle,
    cluster: int,
    plane: tuple[int, int] = (1, 2),
    classes: Classes = "member",
    mask: np.ndarray | None = None,
) -> Figure:
    """Tokens of a cluster in the plane of two components, counted from 1, coloured by class.

    Tokens whose strongest member is not in `mask` [n_latents] are pale. The note reports whether
    the classes form a circle, with the evidence. A click gives LATENT, the member that fires most,
    and a drag gives PLANE, see `members_inside`. Raises InputError for unknown components or
    classes.
    """
    size = cluster_row(bundle, cluster)["size"]
    if classes not in CLASSES:
        raise InputError(f"Components: cannot colour by {classes!r}; choose member or token.")
    reconstruction = _reconstruction(bundle, cluster)
    known = len(reconstruction.shares)
    if known >= 2 and not (plane[0] != plane[1] and all(1 <= axis <= known for axis in plane)):
        raise InputError(
            f"Components: cluster {cluster} has components 1 to {known}; choose two of them."
        )
    axes = (plane[0] - 1, plane[1] - 1)
    names, ids = _classes(bundle, reconstruction, classes)
    circle = ring(reconstruction.scores, ids, reconstruction.shares, axes) if known >= 2 else None
    rows = _rows(bundle, reconstruction, axes, names, ids) if known >= 2 else _ROWS.empty_table()
    return Figure(
        name=f"cluster-{cluster}-components-{plane[0]}-{plane[1]}",
        title=f"Reconstruction by the cluster: components {plane[0]} and {plane[1]}",
        chart=_drawing(rows, circle, names, reconstruction.shares, plane, mask),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            cluster=cluster,
            members=size,
            tokens=f"{count(len(reconstruction.tokens))} sampled of {count(reconstruction.active)} "
            "with an active member",
            components_from=f"{count(reconstruction.rests_on)} tokens",
            classes=CLASSES[classes],
        ),
        selections=(LATENT.name, PLANE.name),
        note=_note(circle, reconstruction),
    )


def _note(circle: Ring | None, reconstruction: Reconstruction) -> str:
    if circle is None:
        return "The decoder rows of the members span only one dimension, so there is no plane."
    return (
        f"{circle.sentence} Each of the {count(len(reconstruction.tokens))} points is a token, "
        f"sampled from the {count(reconstruction.active)} with an active member. Its position is "
        "the sum of activation times decoder row over the members, centred. The first component "
        "is often the overall activation strength; try the next ones too. Drag to select the "
        "members that fire most on the tokens inside, click to open one."
    )


def members_inside(
    bundle: Bundle,
    cluster: int,
    plane: tuple[int, int],
    ends: Sequence[tuple[float, float]],
) -> list[int]:
    """The members that fire most on the drawn tokens inside a box of the plane, ascending."""
    rows = component_plane(bundle, cluster, plane).rows
    (left, right), (low, high) = ends
    x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
    inside = (left <= x) & (x <= right) & (low <= y) & (y <= high)
    members: list[int] = np.unique(rows["latent"].to_numpy()[inside]).tolist()
    return members


@cached
def component_shares(bundle: Bundle, cluster: int, plane: tuple[int, int] = (1, 2)) -> Figure:
    """The share of the reconstruction's variance that each component explains."""
    cluster_row(bundle, cluster)
    table = bundle.cluster_components
    table = table.filter(pa.array(table["cluster"].to_numpy() == cluster)).sort_by("component")
    share = table["share"].to_numpy().astype(np.float64)
    rows = pa.table(
        {
            "component": table["component"],
            "share": table["share"],
            "cumulative": pa.array(np.cumsum(share)),
            "in_plane": pa.array(np.isin(table["component"].to_numpy(), plane)),
        }
    )
    tokens = int(table["tokens"][0].as_py()) if table.num_rows else 0
    return Figure(
        name=f"cluster-{cluster}-variance",
        title="Variance that each component explains",
        chart=_share_bars().draw({"rows": rows}),
        rows=rows,
        caption=caption_of(bundle, unit="token", cluster=cluster, tokens=tokens),
        note=(
            f"Variance of the reconstruction by the members, on {count(tokens)} sampled tokens; "
            f"the first {rows.num_rows} components explain {percent(float(share.sum()), 2)} of it."
        ),
    )


@template
def _share_bars() -> alt.LayerChart:
    base = alt.Chart(named("rows")).encode(
        x=alt.X("component:O", title="component", axis=alt.Axis(labelAngle=0)),
        tooltip=[
            alt.Tooltip("component:O"),
            alt.Tooltip("share:Q", format=PERCENT),
            alt.Tooltip("cumulative:Q", title="cumulative", format=PERCENT),
        ],
    )
    y = alt.Y("share:Q", title="share of variance", axis=alt.Axis(format=PERCENT_AXIS, tickCount=4))
    bars = base.mark_bar().encode(
        y=y, color=alt.condition("datum.in_plane", alt.value(ACCENT), alt.value(UNSELECTED))
    )
    # Two digits without the sign of the axis: eight fit beside each other on a phone.
    texts = (
        base.transform_calculate(percent="format(100 * datum.share, '.2r')")
        .mark_text(dy=-7, color=QUIET_INK, fontSize=11)
        .encode(y=y, text="percent:N")
    )
    return layered(bars, texts, height=190)


def _classes(
    bundle: Bundle, reconstruction: Reconstruction, classes: Classes
) -> tuple[dict[int, str], np.ndarray]:
    """The name of each class, and the class [n] of every token."""
    if classes == "member":
        names = name_by_latent(bundle, reconstruction.strongest.tolist())
        return {i: name_of(i, name, 24) for i, name in names.items()}, reconstruction.strongest
    texts = bundle.tokens["token"].take(reconstruction.tokens).cast("string").to_pylist()
    words = sorted(set(texts))
    place = {word: i for i, word in enumerate(words)}
    ids = np.array([place[text] for text in texts], dtype=np.int64)
    return {i: shown_token(word) for i, word in enumerate(words)}, ids


_ROWS = pa.schema(
    [
        ("token_row", pa.int64()), ("document", pa.int64()), ("position", pa.int32()),
        ("token", pa.string()), ("latent", pa.int64()), ("x", pa.float64()), ("y", pa.float64()),
        ("class", pa.string()),
    ]
)  # fmt: skip


def _rows(
    bundle: Bundle,
    reconstruction: Reconstruction,
    axes: tuple[int, int],
    names: dict[int, str],
    ids: np.ndarray,
) -> pa.Table:
    """One row per sampled token; `latent` is the member that fires most on it."""
    tokens = bundle.tokens.take(reconstruction.tokens)
    return pa.table(
        {
            "token_row": reconstruction.tokens,
            "document": tokens["document"],
            "position": tokens["position"],
            "token": tokens["token"].cast("string"),
            "latent": reconstruction.strongest,
            "x": reconstruction.scores[:, axes[0]],
            "y": reconstruction.scores[:, axes[1]],
            "class": pa.array([names[i] for i in ids.tolist()], pa.string()),
        },
        schema=_ROWS,
    )


def _drawing(
    rows: pa.Table,
    circle: Ring | None,
    names: dict[int, str],
    shares: np.ndarray,
    plane: tuple[int, int],
    mask: np.ndarray | None,
) -> Drawing:
    """Points, and the names of the largest classes at their centres; both axes have one scale."""
    coloured = circle.classes[np.argsort(-circle.tokens, kind="stable")].tolist() if circle else []
    colours = {
        names[i]: CLUSTER_COLOURS[k % len(CLUSTER_COLOURS)]
        for k, i in enumerate(coloured[:MOST_CLASSES])
    }
    data = rows.drop_columns(["token", "token_row"])
    data = data.append_column(
        "shown", pa.array([shown_token(t) for t in rows["token"].to_pylist()], pa.string())
    )
    data = data.append_column(
        "colour", pa.array([colours.get(c, NO_CLUSTER) for c in rows["class"].to_pylist()])
    )
    chosen = np.ones(data.num_rows, bool) if mask is None else mask[rows["latent"].to_numpy()]
    data = data.append_column("selected", pa.array(chosen))
    data = data.take(np.argsort(chosen, kind="stable"))  # selected ones on top
    middle, half = _extent(rows)
    return _chart().draw(
        {"points": data, "names": _names(half, circle, names)},
        x_title=_axis_title(plane[0], shares),
        y_title=_axis_title(plane[1], shares),
        x_component=str(plane[0]),
        y_component=str(plane[1]),
        x_middle=middle[0],
        y_middle=middle[1],
        x_half=half[0],
        y_half=half[1],
    )


def _axis_title(component: int, shares: np.ndarray) -> str:
    if component > len(shares):
        return f"component {component}"
    share = percent(float(shares[component - 1]), 2)
    return f"component {component} ({share} of the variance)"


@template
def _chart() -> alt.LayerChart:
    x, y = _axes()
    points = (
        alt.Chart(named("points"))
        .mark_circle(size=20, cursor="pointer", clip=True)
        .encode(
            x=x,
            y=y,
            color=alt.condition(
                "datum.selected",
                alt.Color("colour:N", scale=None, legend=None),
                alt.value(UNSELECTED),
            ),
            opacity=alt.condition("datum.selected", alt.value(0.6), alt.value(0.35)),
            tooltip=[
                alt.Tooltip("shown:N", title="token"),
                alt.Tooltip("class:N"),
                alt.Tooltip("latent:Q", title="member that fires most", format=ID),
                alt.Tooltip("x:Q", title=f"component {slot('x_component')}", format=NUMBER),
                alt.Tooltip("y:Q", title=f"component {slot('y_component')}", format=NUMBER),
                alt.Tooltip("document:Q", format=ID),
                alt.Tooltip("position:Q", format=ID),
            ],
        )
        .properties(name="component_points")
        .add_params(LATENT.parameter(), PLANE.parameter())
    )
    return layered(points, *_name_marks(), height=HEIGHT)


def _extent(rows: pa.Table) -> tuple[list[float], list[float]]:
    """Centre and half extent of the drawn points along x and y, including the origin."""
    ends = [np.append(rows[name].to_numpy(), 0.0) for name in ("x", "y")]
    middle = [float(v.min() + v.max()) / 2 for v in ends]
    return middle, [float(v.max() - v.min()) * 0.55 or 1.0 for v in ends]


def _axes() -> tuple[alt.X, alt.Y]:
    """Axes with equal units, so that a circle looks round and a weak component narrow."""
    x_half, y_half = slot("x_half"), slot("y_half")
    tall = f"max({y_half}, {x_half} * height / width)"
    wide = f"max({x_half}, {y_half} * width / height)"

    def scale(middle: str, reach: str) -> alt.Scale:
        return alt.Scale(
            domainMin={"expr": f"{middle} - {reach}"},
            domainMax={"expr": f"{middle} + {reach}"},
            nice=False,
            zero=False,
        )

    ticks = alt.Axis(format=NUMBER_AXIS, tickCount=6)
    return (
        alt.X("x:Q", title=slot("x_title"), axis=ticks, scale=scale(slot("x_middle"), wide)),
        alt.Y("y:Q", title=slot("y_title"), axis=ticks.copy(), scale=scale(slot("y_middle"), tall)),
    )


_NAMES = pa.schema([("x", pa.float64()), ("y", pa.float64()), ("name", pa.string())])


def _names(half: list[float], circle: Ring | None, names: dict[int, str]) -> pa.Table:
    """Names of the classes at the mean of their tokens, largest first, while they fit."""
    if circle is None:
        return _NAMES.empty_table()
    pixels = min(PLACED_FOR[0] / (2 * half[0]), PLACED_FOR[1] / (2 * half[1]))
    boxes: list[tuple[float, float, float, float]] = []
    values = []
    for i in np.argsort(-circle.tokens, kind="stable").tolist():
        (x, y), name = circle.centres[i].tolist(), names[int(circle.classes[i])]
        reach = 3.4 * cells(name) + 3
        box = (x * pixels - reach, x * pixels + reach, y * pixels - 8, y * pixels + 8)
        if not any(overlap(box, other) for other in boxes):
            boxes.append(box)
            values.append({"x": x, "y": y, "name": name})
    return pa.Table.from_pylist(values, _NAMES)


def _name_marks() -> list[alt.Chart]:
    base = alt.Chart(named("names")).encode(x="x:Q", y="y:Q", text="name:N")
    halo = base.mark_text(
        fontSize=11,
        fontWeight="bold",
        stroke=PAPER,
        strokeWidth=4,
        strokeJoin="round",
        opacity=0.85,
    )
    return [halo, base.mark_text(fontSize=11, fontWeight="bold")]
