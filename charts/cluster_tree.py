"""The clusters of all levels as a tree: their parents, sizes and stability."""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, Space
from analysis.clusters.stability import WEAK, recovery, weak
from analysis.runtime.numbers import count, counted
from charts.cluster_level import NULLS, SPACE_WORDS, in_no_cluster, level_of
from charts.core.cache import cached
from charts.core.drawing import Drawing, drawable, each, named, slot, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import CLUSTER
from charts.core.numbers import COUNT, ID, stability_tooltips
from charts.core.text import name_of_cluster
from charts.core.theme import INK, PALE_SEQUENTIAL, PAPER, UNSELECTED, layered

STABILITY = alt.Scale(
    domain=[0.0, WEAK, 1.0],
    range=PALE_SEQUENTIAL,
    interpolate="rgb",
    clamp=True,
)
"""From weak, which is pale, to stable."""
LAYER = 58
"""Height of a level in pixels."""
SELECTED_AT = 23
"""Pixels below the middle of a box, for the line that shows its selected latents."""
NARROWEST_NAME = 30
"""Width in pixels from which a cluster shows its name."""
MARGIN = 8
"""Pixels beside a name."""
WIDEST_CHART = 2600
"""Pixels of the widest chart: boxes that have no room for a name even there get no text."""
MOST_BOXES = 600
"""The widest clusters have a box each; neighbours among the others share one, because boxes of less
than a pixel would show nothing but their white borders."""


@cached
def cluster_tree(
    bundle: Bundle,
    selected: np.ndarray | None = None,
    chosen: int | None = None,
    space: Space | None = None,
) -> Figure:
    """Every cluster of a space as a box, coarse levels above fine ones, each under its parent.

    Without `space`, it is the one shown first. The colour is the recovery, whatever is selected; a
    line in each box is as long as its share of latents in `selected` [n_latents] bool. `chosen` is
    outlined. A click gives CLUSTER.
    """
    of_space = space or level_of(bundle).name.space
    tree = _tree(bundle, selected, of_space)
    rows = tree.rows
    sizes = [
        f"{counted(level.clusters, 'cluster')}, "
        f"{counted(in_no_cluster(bundle, level), 'latent')} in none"
        for level in bundle.manifest.clustering
        if level.space == of_space
    ]
    return Figure(
        name="cluster-tree",
        title="Clusters from coarse to fine",
        chart=_drawing(tree, chosen, overlaid=selected is not None),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            space=SPACE_WORDS[of_space],
            levels=len(sizes),
            clusters=rows.num_rows,
            coloured_by="recovery, the smaller of stability and bootstrap",
        ),
        selections=(CLUSTER.name,),
        note=(
            "The width of a cluster is its number of latents, or that of its finer clusters if "
            "they have more; a finer cluster has at least half of its latents in its parent. Blue "
            "clusters are reproducible: they reappear with other seeds and with resampled latents. "
            f"Pale ones are not: their recovery is below {WEAK:g}, or not above that of clusters "
            "of random data. "
            + _shared_note(tree)
            + (
                "The dark line in a box is its share of selected latents. "
                if selected is not None
                else ""
            )
            + f"From fine to coarse: {'; '.join(sizes)}.{_left_out(bundle, of_space)}"
        ),
    )


@cached
def null_tree(bundle: Bundle, space: Space | None = None) -> Figure:
    """The same picture of random data: the clusters of a null draw of a space."""
    of_space = space or level_of(bundle).name.space
    clusters = bundle.null_clusters
    clusters = clusters.filter(pc.equal(clusters["space"].cast(pa.string()), of_space))
    nothing = pa.array([""] * clusters.num_rows, pa.string())
    rows = _placed(
        clusters.append_column("label", nothing),
        clusters["size"].to_numpy(),
        weak=np.ones(clusters.num_rows, dtype=bool),
    )
    return Figure(
        name="cluster-tree-null",
        title="What chance looks like: clusters of random data",
        chart=_drawing(_drawn(rows, _names(rows)), None),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="latent",
            space=SPACE_WORDS[of_space],
            clusters=rows.num_rows,
            coloured_by="recovery, the smaller of stability and bootstrap",
            null=NULLS[of_space],
        ),
        note=(
            f"One draw of {NULLS[of_space]}, clustered like the data. It has "
            f"{count(rows.num_rows)} clusters: none of them means anything, however stable it is."
        ),
    )


def _left_out(bundle: Bundle, space: Space) -> str:
    """How many of the latents in no cluster were not clustered; empty if all were."""
    levels = [level for level in bundle.manifest.clustering if level.space == space]
    left_out = max((in_no_cluster(bundle, level) - level.noise for level in levels), default=0)
    if left_out <= 0:
        return ""
    return f" Of those in none, {counted(left_out, 'latent')} were left out for their density."


class _Tree(NamedTuple):
    """The boxes of a tree, which do not depend on the cluster that is outlined."""

    rows: pa.Table
    data: pa.Table
    """What the chart shows of each."""
    boxes: pa.Table
    """Those that have a box of their own."""
    texts: pa.Table
    """Those that have room for their names."""
    shared: pa.Table
    """The boxes that neighbours share."""
    total: int
    """Where the last box ends, in latents."""
    layers: list[str]
    """The names of the levels, the coarsest first."""


@cached
def _tree(bundle: Bundle, selected: np.ndarray | None, space: Space) -> _Tree:
    """The clusters of a space with the number of selected latents and the ends of each box."""
    every = _every_box(bundle, space)
    if selected is None:
        return every
    members = bundle.memberships
    inside = members["cluster"].to_numpy()[selected[members["latent"].to_numpy()]]
    counts = np.bincount(inside, minlength=bundle.clusters.num_rows)
    place = every.rows.column_names.index("selected")
    of_cluster = pa.array(counts[every.rows["cluster"].to_numpy()])
    return _drawn(every.rows.set_column(place, "selected", of_cluster), every.data["name"])


@cached
def _every_box(bundle: Bundle, space: Space) -> _Tree:
    """The tree without a selection: all members of a cluster count as selected."""
    clusters = bundle.clusters
    clusters = clusters.filter(pc.equal(clusters["space"].cast(pa.string()), space))
    counts = np.bincount(
        bundle.memberships["cluster"].to_numpy(), minlength=bundle.clusters.num_rows
    )
    of_cluster = counts[clusters["cluster"].to_numpy()]
    rows = _placed(clusters, of_cluster, np.asarray(weak(clusters)))
    return _drawn(rows, _names(rows))


def _placed(clusters: pa.Table, selected: np.ndarray, weak: np.ndarray) -> pa.Table:
    """The clusters with the number of selected latents [n] and the ends of each box."""
    start, end = _places(
        clusters["size"].to_pylist(),
        clusters["level"].to_pylist(),
        pc.index_in(clusters["parent"], clusters["cluster"].combine_chunks()).to_pylist(),
    )
    kept = ["cluster", "level", "parent", "label", "size", "stability", "bootstrap"]
    rows = clusters.select(kept).append_column("recovery", recovery(clusters))
    for name, values in (("weak", weak), ("selected", selected), ("start", start), ("end", end)):
        rows = rows.append_column(name, pa.array(values))
    return rows


def _places(
    sizes: Sequence[int], levels: Sequence[int], parents: Sequence[int | None]
) -> tuple[list[int], list[int]]:
    """Where each cluster starts and ends along its layer, in latents; parents are rows.

    Clusters are ordered from the coarsest level to the finest, then by size.
    """
    order = sorted(range(len(sizes)), key=lambda c: (-levels[c], -sizes[c], c))
    children: dict[int | None, list[int]] = {}
    for cluster in order:
        children.setdefault(parents[cluster], []).append(cluster)
    width = list(sizes)
    for cluster in reversed(order):
        width[cluster] = max(width[cluster], sum(width[c] for c in children.get(cluster, [])))
    start = [0] * len(sizes)
    next_start = {None: 0} | dict.fromkeys(range(len(sizes)), 0)
    for cluster in order:
        parent = parents[cluster]
        start[cluster] = next_start[parent] + (0 if parent is None else start[parent])
        next_start[parent] += width[cluster]
    return start, [s + w for s, w in zip(start, width, strict=True)]


def _names(rows: pa.Table) -> pa.Array:
    """The names of the clusters."""
    columns = rows["cluster"].to_pylist(), rows["label"].to_pylist()
    return pa.array([name_of_cluster(*one) for one in zip(*columns, strict=True)], pa.string())


def _drawn(rows: pa.Table, names: pa.Array | pa.ChunkedArray) -> _Tree:
    """The boxes with the names of their clusters [n] and levels."""
    levels = rows["level"].to_numpy()
    layers = {
        level: counted(int((levels == level).sum()), "cluster")
        for level in sorted(set(levels.tolist()), reverse=True)
    }
    layer = pa.array([layers[level] for level in levels.tolist()], pa.string())
    data = rows.drop_columns(["label", "level", "parent"])
    data = data.append_column("name", names).append_column("layer", layer)
    data = drawable(data)
    widths = rows["end"].to_numpy() - rows["start"].to_numpy()
    wide = np.zeros(rows.num_rows, dtype=bool)
    wide[np.argsort(-widths, kind="stable")[:MOST_BOXES]] = True
    total = int(rows["end"].to_numpy().max(initial=1))
    has_room = widths > total * (NARROWEST_NAME + MARGIN) / WIDEST_CHART
    return _Tree(
        rows,
        data,
        boxes=data.filter(pa.array(wide)),
        texts=data.select(["name", "start", "end", "layer"]).filter(pa.array(has_room)),
        shared=_shared(data, wide, levels),
        total=total,
        layers=list(layers.values()),
    )


def _shared(data: pa.Table, wide: np.ndarray, levels: np.ndarray) -> pa.Table:
    """One box for all narrow clusters of a level between two wide ones."""
    order = np.lexsort((data["start"].to_numpy(), levels))
    new_level = np.diff(levels[order], prepend=-1) != 0
    # A wide cluster ends the run before it, and the next narrow one starts another.
    run = np.cumsum(new_level | wide[order])
    narrow = data.take(order).append_column("run", pa.array(run)).filter(pa.array(~wide[order]))
    boxes = narrow.group_by("run", use_threads=False).aggregate(
        [
            ("layer", "first"), ("start", "min"), ("end", "max"), ("cluster", "count"),
            ("weak", "sum"), ("size", "max"), ("size", "sum"), ("selected", "sum"),
        ]
    )  # fmt: skip
    return pa.table(
        {
            "layer": boxes["layer_first"],
            "start": boxes["start_min"],
            "end": boxes["end_max"],
            "clusters": boxes["cluster_count"],
            "believable": pc.subtract(boxes["cluster_count"], boxes["weak_sum"].cast(pa.int64())),
            "largest": boxes["size_max"],
            "latents": boxes["size_sum"],
            "selected": boxes["selected_sum"],
        }
    )


def _shared_note(tree: _Tree) -> str:
    """What a grey box is; empty without one."""
    if not tree.shared.num_rows:
        return ""
    narrow = pc.sum(tree.shared["clusters"]).as_py()
    largest = pc.max(tree.shared["largest"]).as_py()
    return (
        f"The {count(narrow)} narrowest, of at most {counted(largest, 'latent')}, share grey boxes "
        "with their neighbours; the table and the export have each of them. "
    )


def _drawing(tree: _Tree, chosen: int | None, *, overlaid: bool = False) -> Drawing:
    is_chosen = pc.equal(tree.data["cluster"], -1 if chosen is None else chosen)
    outlined = tree.data.select(["cluster", "start", "end", "layer"]).filter(is_chosen)
    others = {"chosen": outlined, "texts": tree.texts, "shared": tree.shared}
    # Screen readers would announce an empty layer.
    others = {name: rows for name, rows in others.items() if rows.num_rows}
    return _chart(overlaid, tuple(others)).draw(
        {"rows": tree.boxes, **others},
        total=tree.total,
        layers=tree.layers,
        height=LAYER * max(len(tree.layers), 1),
    )


@template
def _chart(overlaid: bool, others: tuple[str, ...]) -> alt.LayerChart:
    """The boxes, the line of a selection, and the layers of the other datasets."""
    room = f"(datum.end - datum.start) / {slot('total')} * width - {MARGIN}"
    x = alt.X("start:Q", axis=None, scale=alt.Scale(domain=[0, slot("total")], nice=False))
    y = alt.Y(
        "layer:N",
        sort=each("layers"),
        title=None,
        axis=alt.Axis(domain=False, ticks=False),
        scale=alt.Scale(paddingInner=0.06, paddingOuter=0.02),
    )
    base = alt.Chart(named("rows")).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("name:N", title="cluster"),
            alt.Tooltip("cluster:Q", title="id", format=ID),
            alt.Tooltip("size:Q", title="latents", format=COUNT),
            alt.Tooltip("selected:Q", title="selected latents", format=COUNT),
            *stability_tooltips(),
        ],
    )
    box = (
        base.mark_rect(stroke=PAPER, strokeWidth=0.5, cursor="pointer")
        .encode(
            x2="end:Q",
            opacity=alt.condition("datum.weak", alt.value(0.45), alt.value(1)),
            color=alt.Color(
                "recovery:Q",
                scale=STABILITY,
                legend=alt.Legend(
                    title="recovery", orient="top", direction="horizontal",
                    gradientLength=160, gradientThickness=9, values=[0, 0.5, 1], offset=6,
                ),
            ),
        )
        .properties(name="cluster_tree")
        .add_params(CLUSTER.parameter())
    )  # fmt: skip
    shared = (
        alt.Chart(named("shared"))
        .mark_rect(color=UNSELECTED, stroke=PAPER, strokeWidth=0.5)
        .encode(
            x=x,
            x2="end:Q",
            y=y,
            tooltip=[
                alt.Tooltip("clusters:Q", title="small clusters", format=COUNT),
                alt.Tooltip("reproducible:Q", title="of them reproducible", format=COUNT),
                alt.Tooltip("largest:Q", title="latents of the largest", format=COUNT),
                alt.Tooltip("latents:Q", title="latents of all", format=COUNT),
                alt.Tooltip("selected:Q", title="selected latents", format=COUNT),
            ],
        )
    )
    outline = (
        alt.Chart(named("chosen"))
        .mark_rect(filled=False, stroke=INK, strokeWidth=2.5)
        .encode(x=x, x2="end:Q", y=y)
    )
    texts = (
        alt.Chart(named("texts"))
        .mark_text(align="left", dx=4, fontSize=11, limit=alt.ExprRef(f"max({room}, 1)"))
        .encode(
            x=x,
            y=y,
            text="name:N",
            opacity=alt.value({"expr": f"{room} > {NARROWEST_NAME} ? 1 : 0"}),
        )
    )
    share = "datum.start + (datum.end - datum.start) * datum.selected / datum.size"
    selected = (
        base.transform_filter("datum.selected > 0")
        .transform_calculate(selected_end=share)
        .mark_rule(color=INK, strokeWidth=4, yOffset=SELECTED_AT)
        .encode(x2="selected_end:Q")
    )
    layers = {"chosen": outline, "texts": texts, "shared": shared}
    return layered(box, *([selected] if overlaid else []), *(layers[dataset] for dataset in others))
