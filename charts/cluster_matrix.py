"""Co-occurrence of the clusters of a level as a matrix."""

from typing import NamedTuple

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import EVERY_PAIR_UP_TO, Bundle, LevelName
from analysis.cooccurrence.association import measure_table
from analysis.runtime.numbers import count
from charts.cluster_level import Level, level_of, level_words
from charts.core.cache import cached
from charts.core.drawing import Drawing, drawable, each, named, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import CLUSTER_BRUSH, CLUSTER_PAIR
from charts.core.measures import check_measure, title_of
from charts.core.numbers import COUNT
from charts.core.text import unique_name_of_cluster
from charts.core.theme import ACCENT, GRID, HIGHLIGHT, PAPER, layered
from charts.heatmap import (
    MOST_NAMES,
    cell_colour,
    cell_tooltip,
    cells_of,
    measure_stops,
    note_on_infinite,
    similarity_order,
)

MOST_CLUSTERS = 100


@cached
def cluster_matrix(
    bundle: Bundle,
    level: LevelName | None = None,
    measure: str = "phi",
    chosen: int | None = None,
    mask: np.ndarray | None = None,
) -> Figure:
    """Every pair of clusters of a level, coloured by a measure.

    The diagonal is grey, or shows the share of each cluster's latents that are in `mask`
    [n_latents].

    A cluster is active on a token if any of its members is. With more than 100 clusters, only
    those active on the most tokens, and `chosen`, are drawn. Rows and columns are ordered by
    average linkage. A click gives CLUSTER_PAIR, a drag CLUSTER_BRUSH. Raises InputError for an
    unknown measure or level.
    """
    check_measure(measure)
    clustering = level_of(bundle, level)
    clusters = clustering.table
    every = clusters.num_rows
    ids = _most_active(clusters)
    is_drawn = chosen is None or chosen in ids or chosen not in clusters["cluster"].to_pylist()
    cells = _cells(bundle, clustering.name, measure, None if is_drawn else chosen)
    rows, n, overlaid = cells.rows, len(cells.names), mask is not None
    most = f"; only the {n} active on the most tokens are drawn" if n < every else ""
    return Figure(
        name=f"cluster-matrix-{measure}",
        title=f"Which clusters fire together, by {title_of(measure)}",
        chart=_drawing(cells, measure, chosen, _selected(cells, clustering, mask)),
        rows=rows,
        caption=caption_of(
            bundle,
            unit="token",
            measure=measure,
            cluster_level=level_words(clustering.name),
            clusters=f"{n} of {every}",
        ),
        selections=(CLUSTER_PAIR.name, CLUSTER_BRUSH.name),
        note=(
            f"{count(every)} clusters{most}. A cluster is active on a token if any of its members "
            "is, so large clusters often co-occur for that reason only; phi and lift correct for "
            "size. Rows and columns are ordered by similarity, so blocks on the diagonal appear "
            "even without group structure. Click a cell to select its two clusters, drag to select "
            "more."
            + (" The diagonal is as dark as a cluster has selected latents." if overlaid else "")
            + f"{note_on_infinite(rows, measure)}"
            + (
                " There is no room for so many names: hover over a cell to see its two clusters."
                if n > MOST_NAMES
                else ""
            )
        ),
    )


class _Cells(NamedTuple):
    """The cells of a matrix, which do not depend on the cluster that is outlined."""

    rows: pa.Table
    """In drawing order."""
    drawn: pa.Table
    """What the chart shows of them."""
    names: list[str]
    """Of the clusters, in drawing order."""
    ids: list[int]
    """Of the clusters, in drawing order."""


@cached
def _cells(bundle: Bundle, level: LevelName, measure: str, added: int | None) -> _Cells:
    clusters = level_of(bundle, level).table.sort_by("cluster")
    drawn = _drawn(clusters, added)
    values = _pairs(bundle, clusters, drawn, measure)
    n = len(drawn)
    matrix = np.zeros((n, n))
    matrix[values["latent"].to_numpy(), values["partner"].to_numpy()] = values[measure].to_numpy()
    order = similarity_order(matrix)
    rows = _rows(values, clusters.take(drawn), order, measure)
    ids, labels = (clusters[name].take(drawn[order]).to_pylist() for name in ("cluster", "label"))
    names = [unique_name_of_cluster(i, label, 22) for i, label in zip(ids, labels, strict=True)]
    return _Cells(rows, _drawn_cells(rows, names), names, ids)


def _most_active(clusters: pa.Table) -> list[int]:
    """The clusters that are active on the most tokens; the smaller id first among equals."""
    order = [("active_tokens", "descending"), ("cluster", "ascending")]
    ids: list[int] = clusters.sort_by(order)["cluster"].slice(0, MOST_CLUSTERS).to_pylist()
    return ids


def _drawn(clusters: pa.Table, chosen: int | None) -> np.ndarray:
    """Indices in the table of the level of the clusters to draw, ascending."""
    order = np.argsort(-clusters["active_tokens"].to_numpy(), kind="stable")[:MOST_CLUSTERS]
    own = np.flatnonzero(clusters["cluster"].to_numpy() == chosen)
    if len(own) and own[0] not in order:
        order[-1] = own[0]
    return np.sort(order)


def _pairs(bundle: Bundle, clusters: pa.Table, drawn: np.ndarray, measure: str) -> pa.Table:
    """Every pair in both orders; `latent` and `partner` are indices into `drawn`.

    If the level has too many clusters for all pairs to be stored, only stored pairs are returned.
    """
    n, ids = len(drawn), clusters["cluster"].to_numpy()[drawn]
    stored = bundle.cluster_pairs
    a, b = (stored[name].to_numpy() for name in ("cluster", "other"))
    both = np.isin(a, ids) & np.isin(b, ids)
    i, j = np.searchsorted(ids, a[both]), np.searchsorted(ids, b[both])
    joint = np.full((n, n), -1, dtype=np.int64)
    if clusters.num_rows <= EVERY_PAIR_UP_TO:
        joint[:] = 0
    joint[i, j] = joint[j, i] = stored["joint_tokens"].to_numpy()[both]
    np.fill_diagonal(joint, -1)
    i, j = np.nonzero(joint >= 0)
    pairs = pa.table({"latent": i, "partner": j, "joint_tokens": joint[i, j]})
    return measure_table(pairs, clusters.take(drawn), bundle.manifest.tokens, [measure])


def _rows(values: pa.Table, drawn: pa.Table, order: np.ndarray, measure: str) -> pa.Table:
    """The cells in drawing order."""
    place = np.empty(drawn.num_rows, dtype=np.int32)
    place[order] = np.arange(drawn.num_rows)
    i, j = values["latent"].to_numpy(), values["partner"].to_numpy()
    rows = pa.table(
        {
            "cluster": drawn["cluster"].take(i),
            "label": drawn["label"].take(i),
            "other": drawn["cluster"].take(j),
            "other_label": drawn["label"].take(j),
            "tokens": drawn["active_tokens"].take(i),
            "other_tokens": drawn["active_tokens"].take(j),
            "joint_tokens": values["joint_tokens"],
            "row": place[i],
            "column": place[j],
        }
    )
    if measure not in rows.column_names:
        rows = rows.append_column(measure, values[measure])
    return rows.sort_by([("row", "ascending"), ("column", "ascending")])


def _drawn_cells(rows: pa.Table, names: list[str]) -> pa.Table:
    """The cells with the names of their clusters."""
    cells = rows.drop_columns(["label", "other_label", "row", "column"])
    texts = pa.array(names, pa.string())
    for end, place in (("a", "row"), ("b", "column")):
        cells = cells.append_column(end, texts.take(rows[place].combine_chunks()))
    return drawable(cells)


def _selected(cells: _Cells, clustering: Level, mask: np.ndarray | None) -> pa.Table | None:
    """The selected latents of each drawn cluster; None if there is no selection."""
    if mask is None:
        return None
    ids = np.array(cells.ids, dtype=np.int64)
    of_latent = clustering.of_latent
    every = np.bincount(of_latent[of_latent >= 0], minlength=int(ids.max(initial=0)) + 1)[ids]
    inside = mask & (of_latent >= 0)
    selected = np.bincount(of_latent[inside], minlength=int(ids.max(initial=0)) + 1)[ids]
    return pa.table(
        {
            "a": pa.array(cells.names, pa.string()),
            "selected": selected,
            "size": every,
            "share": selected / np.maximum(every, 1),
        }
    )


def _drawing(cells: _Cells, measure: str, chosen: int | None, selected: pa.Table | None) -> Drawing:
    clusters = len(cells.names)
    own = pc.index(cells.rows["cluster"], -1 if chosen is None else chosen).as_py()
    outlined = cells.drawn["a"].slice(max(own, 0), 1 if own >= 0 else 0)
    datasets = {
        "cells": cells.drawn,
        "diagonal": pa.table({"a": pa.array(cells.names, pa.string())}),
        "chosen": pa.table({"a": outlined.combine_chunks()}),
    }
    if selected is not None:
        datasets["selected"] = selected
    return _chart(measure, clusters <= MOST_NAMES, overlaid=selected is not None).draw(
        datasets,
        names=cells.names,
        stops=measure_stops(cells.rows, measure),
        height=int(np.clip(clusters * 15, 260, 560)),
    )


@template
def _chart(measure: str, has_names: bool, *, overlaid: bool) -> alt.LayerChart:
    # If the names do not all fit, Vega omits every other one.
    axis = alt.Axis(labelOverlap=True, ticks=False, domain=False, labelLimit=190, labelFontSize=11)
    x = alt.X("b:N", title=None, axis=axis.copy(), scale=alt.Scale(domain=each("names")))
    y = alt.Y("a:N", title=None, axis=axis, scale=alt.Scale(domain=each("names")))
    base = cells_of(measure).encode(x=x, y=y)
    cells = (
        base.mark_rect(
            stroke=PAPER,
            strokeWidth=0.5 if has_names else 0,
            cursor="pointer",
        )
        .encode(
            color=cell_colour(measure),
            tooltip=[
                alt.Tooltip("a:N", title="cluster"),
                alt.Tooltip("b:N", title="other"),
                cell_tooltip(measure),
                alt.Tooltip("joint_tokens:Q", title="joint tokens", format=COUNT),
                alt.Tooltip("tokens:Q", title="active tokens of the cluster", format=COUNT),
                alt.Tooltip("other_tokens:Q", title="active tokens of the other", format=COUNT),
            ],
        )
        .properties(name="cluster_cells")
        .add_params(CLUSTER_PAIR.parameter(), CLUSTER_BRUSH.parameter())
    )
    outline = (
        alt.Chart(named("chosen"))
        .mark_rect(filled=False, stroke=HIGHLIGHT, strokeWidth=1.5)
        .encode(y=y, x=alt.value(0), x2=alt.value({"expr": "width"}))
    )
    diagonal = (
        alt.Chart(named("diagonal"))
        .mark_rect(color=GRID)
        .encode(x="a:N", y="a:N", tooltip=alt.Tooltip("a:N", title="cluster"))
    )
    if not overlaid:
        return layered(cells, diagonal, outline)
    return layered(cells, diagonal, _selected_shares(), outline)


def _selected_shares() -> alt.Chart:
    """How much of each cluster is selected."""
    return (
        alt.Chart(named("selected"))
        .transform_filter("datum.selected > 0")
        .mark_rect(color=ACCENT, stroke=PAPER, strokeWidth=0.5)
        .encode(
            x="a:N",
            y="a:N",
            opacity=alt.Opacity(
                "share:Q", scale=alt.Scale(domain=[0, 1], range=[0.25, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("a:N", title="cluster"),
                alt.Tooltip("selected:Q", title="selected latents", format=COUNT),
                alt.Tooltip("size:Q", title="all latents", format=COUNT),
            ],
        )
    )
