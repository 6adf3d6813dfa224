"""Networks of latents: of one latent with its strongest partners, of a cluster, of a selection."""

from collections import Counter
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pyarrow as pa

from analysis.bundle import CLUSTER_COLUMNS, Bundle, Space
from analysis.cooccurrence.ranking import reason_for_no_partners
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.runtime.numbers import count
from charts.cluster_level import SPACE_WORDS, level_of
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import LATENT
from charts.core.latents import check_latent
from charts.core.measures import check_measure, format_of, title_of
from charts.core.names import names_of_latents
from charts.core.numbers import COUNT, ID, density_tooltips
from charts.core.text import name_of, slug, unique_name_of_cluster
from charts.core.theme import (
    CLUSTER_COLOURS,
    HIGHLIGHT,
    INK,
    NARROW,
    NO_CLUSTER,
    PAPER,
    QUIET_INK,
    RULE,
    bare_x,
    bare_y,
    layered,
)
from charts.network_edges import EDGES_EACH, graph_of_latent, graph_of_pairs
from charts.network_layout import least_widths, spread
from charts.pairs import strongest_pairs

MOST_PARTNERS = 40
HEIGHT = 560
MOST_NODES = 500
"""Of the network of a group."""
MOST_PAIRS = 10_000
"""Strongest pairs of a group, among which its edges are."""
GRAVITY = 0.6
EDGE = 1.15
"""The chart shows places from -EDGE to EDGE."""
WIDEST = 2_000
"""Pixels of the widest chart for which names are placed."""
MOST_GROUPS = 12
"""Clusters with a colour of their own in the legend."""
NO_GROUP, OTHER_GROUP = "no cluster", "other clusters"


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
    nodes, edges, among = graph_of_latent(bundle, latent, measure, partners)
    place = spread(len(nodes), edges["a_index"].to_numpy(), edges["b_index"].to_numpy())
    clusters = _clusters_of(bundle, space)
    rows = _node_rows(bundle, nodes, place, latent, clusters)
    lines = _edge_rows(edges, rows)
    return Figure(
        name=f"network-{latent}-{measure}",
        title=f"The neighbourhood of latent {latent}, by {title_of(measure)}",
        chart=_drawing(rows, lines, measure, clusters),
        rows=_exported(rows, lines, measure),
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


@cached
def group_network(
    bundle: Bundle, mask: Bools, of: str, measure: str = "phi", space: Space | None = None
) -> Figure:
    """The latents of a mask [n_latents] as a network: those of the strongest pairs inside it.

    `of` names the group, such as "cluster 12". Colours are as in `neighbourhood`. A click gives
    LATENT. Raises InputError for an unknown measure.
    """
    latents = np.flatnonzero(mask)
    ranked = strongest_pairs(bundle, latents, measure, within=True, most=MOST_PAIRS)
    nodes, edges = graph_of_pairs(ranked.rows, measure, MOST_NODES)
    ends = edges["a_index"].to_numpy(), edges["b_index"].to_numpy()
    place = spread(len(nodes), *ends, gravity=GRAVITY)
    clusters = _clusters_of(bundle, space)
    rows = _node_rows(bundle, nodes, place, -1, clusters)
    lines = _edge_rows(edges, rows)
    left = len(latents) - len(nodes)
    return Figure(
        name=f"network-of-{slug(of)}-{measure}",
        title=f"The network of {of}, by {title_of(measure)}",
        chart=_drawing(rows, lines, measure, clusters),
        rows=_exported(rows, lines, measure),
        caption=caption_of(
            bundle,
            unit="token",
            measure=measure,
            nodes=f"{count(len(nodes))} of {count(len(latents))} latents",
            edges=f"{count(lines.num_rows)} of {count(ranked.total)} pairs",
            minimum_joint_tokens=bundle.manifest.parameters.minimum_joint,
            partners_kept=bundle.manifest.parameters.partners_kept,
        ),
        selections=(LATENT.name,),
        note=(
            f"The latents of the strongest pairs, at most {MOST_NODES}. "
            + (
                f"{count(left)} others are not drawn: they have no such pair, or are dense or "
                "ultralow. "
                if left
                else ""
            )
            + f"Drawn are the {EDGES_EACH} strongest edges of each latent. {_READING}"
        ),
    )


_READING = (
    "Thicker lines are stronger, larger points are denser latents. A name is left out where it "
    "would touch another one; point at its latent. Positions come from the layout and have no "
    "meaning; only the lines are evidence."
)


def _note(bundle: Bundle, latent: int, partners: int) -> str:
    if partners == 0:
        return reason_for_no_partners(bundle, latent)
    return (
        f"The {partners} strongest partners with at least "
        f"{bundle.manifest.parameters.minimum_joint} joint tokens. Of the edges among them, the "
        f"{EDGES_EACH} strongest of each latent are drawn. {_READING}"
    )


class _Clusters(NamedTuple):
    """The clusters that colour a network."""

    column: str
    title: str
    names: dict[int, str]


def _clusters_of(bundle: Bundle, space: Space | None) -> _Clusters:
    """Those of the level that is shown first, in a space or overall."""
    shown = space or level_of(bundle).name.space
    ids, labels = (bundle.clusters[name].to_pylist() for name in ("cluster", "label"))
    names = {i: unique_name_of_cluster(i, label, 26) for i, label in zip(ids, labels, strict=True)}
    return _Clusters(CLUSTER_COLUMNS[shown], f"{SPACE_WORDS[shown]} cluster", names)


def _node_rows(
    bundle: Bundle, nodes: Ints, place: Floats, latent: int, clusters: _Clusters
) -> pa.Table:
    at = pa.array(nodes, pa.int64())
    return pa.table(
        {
            "latent": pa.array(nodes, pa.int32()),
            "label": names_of_latents(bundle, at),
            "density": bundle.latents["density"].take(at),
            "group": bundle.latents[clusters.column].take(at),
            "chosen": pa.array(nodes == latent),
            "x": place[:, 0],
            "y": place[:, 1],
        }
    )


def _exported(nodes: pa.Table, lines: pa.Table, measure: str) -> pa.Table:
    """Nodes, then edges, as one table; `part` says which a row is."""
    own = nodes.add_column(0, "part", pa.array(["node"] * nodes.num_rows, pa.string()))
    edges = lines.select(["a", "b", measure, "joint_tokens"])
    edges = edges.rename_columns(["latent", "partner", measure, "joint_tokens"])
    edges = edges.set_column(0, "latent", edges["latent"].cast(pa.int32()))
    edges = edges.set_column(1, "partner", edges["partner"].cast(pa.int32()))
    edges = edges.add_column(0, "part", pa.array(["edge"] * edges.num_rows, pa.string()))
    return pa.concat_tables([own, edges], promote_options="default")


def _edge_rows(edges: pa.Table, nodes: pa.Table) -> pa.Table:
    x, y = nodes["x"].to_numpy(), nodes["y"].to_numpy()
    a, b = edges["a_index"].to_numpy(), edges["b_index"].to_numpy()
    lines = edges.drop_columns(["a_index", "b_index"])
    for name, values in (("x", x[a]), ("y", y[a]), ("x2", x[b]), ("y2", y[b])):
        lines = lines.append_column(name, pa.array(values))
    chosen = nodes["chosen"].to_numpy(zero_copy_only=False)
    return lines.append_column("of_chosen", pa.array(chosen[a] | chosen[b], pa.bool_()))


def _drawing(nodes: pa.Table, lines: pa.Table, measure: str, clusters: _Clusters) -> Drawing:
    names = [
        name_of(i, t, 24)
        for i, t in zip(nodes["latent"].to_pylist(), nodes["label"].to_pylist(), strict=True)
    ]
    place = np.column_stack([nodes[axis].to_numpy() for axis in ("x", "y")])
    widths = least_widths(place, names, EDGE, HEIGHT, WIDEST)
    groups = nodes["group"].to_pylist()
    texts = [numbers.MISSING if group is None else str(group) for group in groups]
    legend = _legend(groups, clusters)
    kinds = [_kind(group, legend, clusters) for group in groups]
    data = nodes.drop_columns(["label"])
    for name, values in (
        ("name", pa.array(names, pa.string())),
        ("least_width", pa.array(widths, pa.float64())),
        ("group_text", pa.array(texts, pa.string())),
        ("kind", pa.array(kinds, pa.string())),
    ):
        data = data.append_column(name, values)
    datasets = {"nodes": data, "edges": lines}
    return _chart(measure).draw(
        datasets,
        by=clusters.title,
        kinds=list(legend),
        colours=list(legend.values()),
        sizes=_sizes(nodes.num_rows),
    )


def _sizes(nodes: int) -> list[float]:
    """Areas of the smallest and the largest point, in pixels; smaller if there are many."""
    share = min(1.0, 150 / max(nodes, 1))
    return [60 * share, 520 * share]


def _legend(groups: list[int | None], clusters: _Clusters) -> dict[str, str]:
    """The colour of each kind of node: of the clusters with most nodes, the largest first."""
    known = [group for group in groups if group is not None]
    most = [group for group, _ in Counter(known).most_common()]
    drawn = {
        clusters.names.get(group, str(group)): CLUSTER_COLOURS[i]
        for i, group in enumerate(most[:MOST_GROUPS])
    }
    others = {OTHER_GROUP: QUIET_INK} if len(most) > MOST_GROUPS else {}
    return drawn | others | ({NO_GROUP: NO_CLUSTER} if len(known) < len(groups) else {})


def _kind(group: int | None, legend: dict[str, str], clusters: _Clusters) -> str:
    if group is None:
        return NO_GROUP
    name = clusters.names.get(group, str(group))
    return name if name in legend else OTHER_GROUP


@template
def _chart(measure: str) -> alt.LayerChart:
    x, y = bare_x("x:Q", (-EDGE, EDGE)), bare_y("y:Q", (-EDGE, EDGE))
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
                scale=alt.Scale(type="log", range=each("sizes")),
                legend=None,
            ),
            color=alt.Color(
                "kind:N",
                title=slot("by"),
                scale=alt.Scale(domain=each("kinds"), range=each("colours")),
                legend=alt.Legend(
                    orient="bottom",
                    columns=alt.ExprRef(f"{NARROW} ? 2 : 4"),
                    labelLimit=alt.ExprRef(f"{NARROW} ? 105 : 170"),
                    symbolType="circle",
                    symbolOpacity=1,
                ),
            ),
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
    place: dict[str, Any] = {
        "dy": -15,
        "fontSize": 11,
        "align": alt.ExprRef(side),
        "opacity": alt.ExprRef("datum.least_width <= width ? 1 : 0"),
    }
    # A name on paper can be read above edges and points.
    paper = base.mark_text(**place, color=PAPER, stroke=PAPER, strokeWidth=3, strokeJoin="round")
    names = base.mark_text(**place, color=INK)
    return layered(
        edges, points, paper.encode(text="name:N"), names.encode(text="name:N"), height=HEIGHT
    )
