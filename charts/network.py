"""The neighbourhood of a latent as a network: its strongest partners and the edges among them."""

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import CLUSTER_COLUMNS, Bundle, Space
from analysis.cooccurrence.ranking import ranked_partners, reason_for_no_partners
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools, Floats, Ints
from charts.cluster_level import SPACE_WORDS, level_of
from charts.core.cache import cached
from charts.core.drawing import Drawing, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import LATENT
from charts.core.latents import check_latent
from charts.core.measures import check_measure, format_of, title_of
from charts.core.numbers import COUNT, ID, density_tooltips
from charts.core.text import name_of
from charts.core.theme import (
    CLUSTER_COLOURS,
    HIGHLIGHT,
    INK,
    NO_CLUSTER,
    PAPER,
    QUIET_INK,
    RULE,
    bare_x,
    bare_y,
    layered,
)

MOST_PARTNERS = 40
EDGES_EACH = 4
"""Strongest edges drawn per latent, in addition to all edges of the chosen latent."""
NAMED = 14
HEIGHT = 560
STEPS = 200
"""Most iterations of the layout."""
STILL = 1e-4
"""Movement per node below which the layout ends."""


@cached
def neighbourhood(
    bundle: Bundle,
    latent: int,
    measure: str = "phi",
    space: Space | None = None,
    partners: int = MOST_PARTNERS,
) -> Figure:
    """A latent, its strongest partners by a measure, and the strongest edges among them.

    Nodes are coloured by the cluster of the level that is shown first in a space; without `space`,
    it is the space shown first. Partners and edges come from `ranked_partners`. A click gives
    LATENT. Raises InputError for an unknown latent or measure.
    """
    check_latent(bundle, latent)
    check_measure(measure)
    nodes, edges, among = _graph(bundle, latent, measure, partners)
    place = spread(len(nodes), edges["a_index"].to_numpy(), edges["b_index"].to_numpy())
    by = space or level_of(bundle).name.space
    rows = _node_rows(bundle, nodes, place, latent, by)
    lines = _edge_rows(edges, rows, measure)
    return Figure(
        name=f"network-{latent}-{measure}",
        title=f"The neighbourhood of latent {latent}, by {title_of(measure)}",
        chart=_drawing(rows, lines, measure, f"{SPACE_WORDS[by]} cluster"),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            latent=latent,
            measure=measure,
            nodes=rows.num_rows,
            edges=f"{lines.num_rows} of {among} stored",
            minimum_joint_tokens=bundle.manifest.parameters.minimum_joint,
            partners_kept=bundle.manifest.parameters.partners_kept,
        ),
        selections=(LATENT.name,),
        note=_note(bundle, latent, rows.num_rows - 1),
    )


def _note(bundle: Bundle, latent: int, partners: int) -> str:
    if partners == 0:
        return reason_for_no_partners(bundle, latent)
    return (
        f"The {partners} strongest partners with at least "
        f"{bundle.manifest.parameters.minimum_joint} joint tokens. Of the edges among them, the "
        f"{EDGES_EACH} strongest of each latent are drawn. Thicker lines are stronger, larger "
        "points are denser latents. Positions come from the layout and have no meaning; only "
        "the lines are evidence."
    )


def _graph(bundle: Bundle, latent: int, measure: str, partners: int) -> tuple[Ints, pa.Table, int]:
    """The latents, chosen one first; the drawn edges; the number of stored edges among them."""
    minimum_joint = bundle.manifest.parameters.minimum_joint
    own = ranked_partners(bundle, latent, measure, minimum_joint, partners)
    nodes = np.append(latent, own["partner"].to_numpy().astype(np.int64))
    pairs = ranked_partners(bundle, nodes, measure, minimum_joint)
    index = np.full(bundle.latents.num_rows, -1)
    index[nodes] = np.arange(len(nodes))
    a, b = (index[pairs[end].to_numpy()] for end in ("latent", "partner"))
    low, high, value = np.minimum(a, b), np.maximum(a, b), pairs[measure].to_numpy()
    # P(b given a) has two values for a pair; the larger one is used.
    order = np.lexsort((-value, high, low))
    order = order[low[order] >= 0]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
    rows = order[new]
    drawn = rows[_strongest(low[rows], high[rows], value[rows], len(nodes))]
    edges = {
        "a": nodes[low[drawn]],
        "b": nodes[high[drawn]],
        "a_index": low[drawn],
        "b_index": high[drawn],
        measure: value[drawn],
        "joint_tokens": pairs["joint_tokens"].to_numpy()[drawn],
    }
    return nodes, pa.table(edges), len(rows)


def _strongest(low: Ints, high: Ints, value: Floats, nodes: int) -> Bools:
    """Which edges are drawn: all of the chosen latent, and the strongest of every other latent."""
    keep = low == 0
    for node in range(1, nodes):
        own = np.flatnonzero((low == node) | (high == node))
        keep[own[np.argsort(-value[own], kind="stable")[:EDGES_EACH]]] = True
    return keep


def spread(nodes: int, a: Ints, b: Ints) -> Floats:
    """Positions [nodes, 2] in [-1, 1] by the spring layout of Fruchterman and Reingold 1991.

    a and b [edges] are the ends of the edges. Node 0 is at the centre. The layout starts
    from a spiral, not from random positions, so that the same graph gives the same picture. It
    equals `sknetwork.embedding.Spring`, which computes one node at a time and takes twenty times as
    long.
    """
    if nodes < 2:
        return np.zeros((nodes, 2))
    turn = np.arange(nodes) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(np.arange(nodes) / nodes)
    place = np.column_stack([np.cos(turn), np.sin(turn)]) * radius[:, None]
    edges = np.zeros((nodes, nodes))
    np.add.at(edges, (np.concatenate([a, b]), np.concatenate([b, a])), 1.0)
    spring = np.sqrt(1 / nodes)
    start = 0.1 * np.ptp(place, axis=0).max()
    for step in start * np.arange(STEPS + 1, 1, -1) / (STEPS + 1):
        distance = np.sqrt(sum(np.subtract.outer(at, at) ** 2 for at in place.T))
        force = (spring / np.maximum(distance, 0.01)) ** 2 - edges * distance / spring
        move = force.sum(axis=1)[:, None] * place - force @ place
        length = np.linalg.norm(move, axis=0)
        move *= step / np.where(length < 0.01, 0.1, length)
        place += move
        if np.linalg.norm(move) / nodes < STILL:
            break
    place = place - place[0]
    return np.asarray(place / np.maximum(np.abs(place).max(axis=0), 1e-9))


def _node_rows(bundle: Bundle, nodes: Ints, place: Floats, latent: int, space: Space) -> pa.Table:
    at = pa.array(nodes)
    return pa.table(
        {
            "latent": pa.array(nodes, pa.int32()),
            "label": bundle.latents["label"].take(at),
            "density": bundle.latents["density"].take(at),
            "group": bundle.latents[CLUSTER_COLUMNS[space]].take(at),
            "chosen": pa.array(nodes == latent),
            "x": place[:, 0],
            "y": place[:, 1],
        }
    )


def _edge_rows(edges: pa.Table, nodes: pa.Table, measure: str) -> pa.Table:
    x, y = nodes["x"].to_numpy(), nodes["y"].to_numpy()
    a, b = edges["a_index"].to_numpy(), edges["b_index"].to_numpy()
    lines = edges.drop_columns(["a_index", "b_index"])
    for name, values in (("x", x[a]), ("y", y[a]), ("x2", x[b]), ("y2", y[b])):
        lines = lines.append_column(name, pa.array(values))
    return lines.append_column("of_chosen", pa.array((a == 0) | (b == 0)))


def _drawing(nodes: pa.Table, lines: pa.Table, measure: str, by: str) -> Drawing:
    names = [
        name_of(i, t, 24)
        for i, t in zip(nodes["latent"].to_pylist(), nodes["label"].to_pylist(), strict=True)
    ]
    data = nodes.drop_columns(["label"]).append_column("name", pa.array(names, pa.string()))
    named = [name if i < NAMED else "" for i, name in enumerate(names)]
    data = data.append_column("text", pa.array(named, pa.string()))
    groups_of = [numbers.MISSING if g is None else str(g) for g in nodes["group"].to_pylist()]
    data = data.append_column("group_text", pa.array(groups_of, pa.string()))
    groups = sorted({g for g in nodes["group"].to_pylist() if g is not None})
    data = data.append_column(
        "colour",
        pa.array(
            [
                NO_CLUSTER if g is None else CLUSTER_COLOURS[groups.index(g) % len(CLUSTER_COLOURS)]
                for g in nodes["group"].to_pylist()
            ],
            pa.string(),
        ),
    )
    return _chart(measure).draw({"nodes": data, "edges": lines}, by=by)


@template
def _chart(measure: str) -> alt.LayerChart:
    x, y = bare_x("x:Q", (-1.2, 1.2)), bare_y("y:Q", (-1.1, 1.1))
    edges = (
        alt.Chart(named("edges"))
        .mark_rule(strokeCap="round")
        .encode(
            x=x,
            y=y,
            x2="x2:Q",
            y2="y2:Q",
            strokeWidth=alt.StrokeWidth(
                f"{measure}:Q", scale=alt.Scale(range=[0.5, 5], zero=True), legend=None
            ),
            color=alt.condition("datum.of_chosen", alt.value(QUIET_INK), alt.value(RULE)),
            tooltip=[
                alt.Tooltip("a:Q", title="latent", format=ID),
                alt.Tooltip("b:Q", title="partner", format=ID),
                alt.Tooltip(f"{measure}:Q", title=title_of(measure), format=format_of(measure)),
                alt.Tooltip("joint_tokens:Q", title="joint tokens", format=COUNT),
            ],
        )
    )
    base = alt.Chart(named("nodes")).encode(x=x, y=y)
    points = (
        base.mark_circle(opacity=1, cursor="pointer", strokeWidth=2)
        .encode(
            size=alt.Size(
                "density:Q",
                scale=alt.Scale(type="log", range=[60, 520]),
                legend=None,
            ),
            color=alt.Color("colour:N", scale=None),
            stroke=alt.condition("datum.chosen", alt.value(HIGHLIGHT), alt.value(PAPER)),
            tooltip=[
                alt.Tooltip("name:N", title="latent"),
                *density_tooltips(),
                alt.Tooltip("group_text:N", title=slot("by")),
            ],
        )
        .properties(name="nodes")
        .add_params(LATENT.parameter())
    )
    # A name near an edge stays inside the chart.
    x_at = "scale('x', datum.x)"
    side = f"{x_at} > width - 90 ? 'right' : {x_at} < 90 ? 'left' : 'center'"
    texts = base.mark_text(
        dy=-15, fontSize=11, color=INK, limit=170, align=alt.ExprRef(side)
    ).encode(text="text:N")
    return layered(edges, points, texts, height=HEIGHT)
