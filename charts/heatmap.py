"""Co-occurrence of a set of latents as a matrix."""

from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from analysis.bundle import Bundle
from analysis.cooccurrence.association import measure_table
from analysis.cooccurrence.joint import joint_matrix
from analysis.runtime.numbers import count, short
from charts.core.cache import cached
from charts.core.drawing import Drawing, each, named, template
from charts.core.figure import Figure, caption_of
from charts.core.interactions import CELL, CELL_BRUSH
from charts.core.measures import check_measure, format_of, range_of, title_of
from charts.core.names import names_of_latents
from charts.core.numbers import COUNT
from charts.core.text import name_of
from charts.core.theme import (
    CELLS,
    DIVERGING,
    GRID,
    NARROW,
    PAPER,
    UNSELECTED,
    colour_stops,
    colours_at,
    layered,
)

MOST_LATENTS = 200
MOST_NAMES = 40


@cached
def cooccurrence_heatmap(bundle: Bundle, latents: np.ndarray, measure: str = "phi") -> Figure:
    """Every pair of the given latents, coloured by a measure; the diagonal is grey.

    `latents` [n] are ids; of more than 200, the 200 with the most active tokens are drawn. Rows
    and columns are ordered by average linkage. A click gives CELL: latent and partner, which are
    equal on the diagonal; a drag gives CELL_BRUSH. The value of a pair can be minus infinity, see
    `similarity_order` and `cell_colour`.
    Raises InputError for an unknown measure.
    """
    check_measure(measure)
    given = np.unique(np.asarray(latents, dtype=np.int64))
    drawn = _most_active(bundle, given)
    table = _pair_table(bundle, drawn)
    values = measure_table(table, bundle.latents, bundle.manifest.tokens, [measure])
    n = len(drawn)
    matrix = np.zeros((n, n))
    matrix[~np.eye(n, dtype=bool)] = values[measure].to_numpy(zero_copy_only=False)
    order = similarity_order(matrix)
    rows = _rows(values, drawn, order)
    cut = (
        f"; only the {MOST_LATENTS} with the most active tokens are drawn" if n < len(given) else ""
    )
    return Figure(
        name=f"heatmap-{measure}",
        title=f"Which latents fire together, by {title_of(measure)}",
        chart=_drawing(bundle, rows, drawn[order], measure),
        rows=rows,
        caption=caption_of(bundle, unit="token", measure=measure, latents=f"{n} of {len(given)}"),
        selections=(CELL.name, CELL_BRUSH.name),
        note=(
            f"{count(len(given))} latents{cut}. Rows and columns are ordered by similarity, so "
            "blocks on the diagonal appear even without group structure. Drag to select the "
            "latents of the cells. Click a cell to open its pair, a grey cell to open its latent."
            f"{note_on_infinite(rows, measure)}"
        ),
    )


def _most_active(bundle: Bundle, latents: np.ndarray) -> np.ndarray:
    """At most 200 of the latents, those with the most active tokens, by ascending id."""
    active = bundle.latents["active_tokens"].to_numpy()[latents]
    return np.sort(latents[np.argsort(-active, kind="stable")[:MOST_LATENTS]])


def _pair_table(bundle: Bundle, latents: np.ndarray) -> pa.Table:
    """All ordered pairs except the diagonal, row by row, with their joint tokens."""
    joint = np.asarray(joint_matrix(bundle.activations, latents))
    n = len(latents)
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    return pa.table(
        {
            "latent": pa.array(latents[i], pa.int32()),
            "partner": pa.array(latents[j], pa.int32()),
            "joint_tokens": pa.array(joint[i, j], pa.int64()),
        }
    )


def similarity_order(matrix: np.ndarray) -> np.ndarray:
    """Indices [n] in the order of the leaves of average linkage of a matrix [n, n].

    The distance is the largest value minus the value, and the order is the optimal one of
    Bar-Joseph et al. 2001. So latents that are similar are neighbours, whatever their clusters
    are. Minus infinity, the PMI of latents that share no
    token, counts as the least finite value, because linkage needs finite distances.
    """
    n = len(matrix)
    if n < 3:
        return np.arange(n)
    finite = np.isfinite(matrix)
    matrix = np.where(finite, matrix, matrix[finite].min(initial=0.0))
    symmetric = (matrix + matrix.T) / 2
    distance = symmetric.max() - symmetric
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    order: np.ndarray = leaves_list(tree).astype(np.int64)
    return order


def _rows(values: pa.Table, latents: np.ndarray, order: np.ndarray) -> pa.Table:
    """The cells in drawing order."""
    place = np.empty(len(latents), dtype=np.int32)
    place[order] = np.arange(len(latents))
    row = place[np.searchsorted(latents, values["latent"].to_numpy())]
    column = place[np.searchsorted(latents, values["partner"].to_numpy())]
    values = values.append_column("row", pa.array(row)).append_column("column", pa.array(column))
    return values.sort_by([("row", "ascending"), ("column", "ascending")])


def measure_stops(rows: pa.Table, measure: str) -> list[float]:
    """The values that have the colours of `measure_scale`.

    A measure without a bound extends to the largest finite value of the rows.
    """
    most = range_of(measure)[1]
    if most is None:
        values = rows[measure].to_numpy(zero_copy_only=False)
        most = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    least = -most if _is_diverging(measure) else 0.0
    return colour_stops(least, most, len(_colours(measure)), "square")


def measure_scale(measure: str) -> alt.Scale:
    """The colour scale of a measure: diverging at 0 if it can be negative, from white otherwise.

    The slot `stops` takes the values of `measure_stops`.
    """
    return colours_at(each("stops"), _colours(measure), "square")


def _is_diverging(measure: str) -> bool:
    least = range_of(measure)[0]
    return least is None or least < 0


def _colours(measure: str) -> list[str]:
    return DIVERGING if _is_diverging(measure) else CELLS


def cell_colour(measure: str) -> Any:
    """The colour of a cell of `cells_of`: minus infinity is grey, because it is on no scale."""
    scaled = alt.Color(
        f"{_field(measure)}:Q",
        title=title_of(measure),
        scale=measure_scale(measure),
        legend=alt.Legend(gradientLength=160, tickCount=5),
    )
    if _is_bounded_below(measure):
        return scaled
    return alt.condition(_is_finite(measure), scaled, alt.value(UNSELECTED))


def cell_tooltip(measure: str) -> alt.Tooltip:
    """The value of a cell of `cells_of` in its tooltip."""
    if _is_bounded_below(measure):
        return alt.Tooltip(f"{measure}:Q", title=title_of(measure), format=format_of(measure))
    return alt.Tooltip("cell_text:N", title=title_of(measure))


def cells_of(measure: str) -> alt.Chart:
    """A chart of the cells in the dataset `cells`, without its encoding.

    JSON holds minus infinity as null, which Vega draws and writes as 0. So a measure without a
    lower bound has its text, and the number for the colour, in fields of their own.
    """
    chart = alt.Chart(named("cells"))
    if _is_bounded_below(measure):
        return chart
    number = f"format(datum.{measure}, '{format_of(measure)}')"
    return chart.transform_calculate(
        cell_text=f"{_is_finite(measure)} ? {number} : '{short(-np.inf)}'"
    ).transform_calculate(cell_number=f"{_is_finite(measure)} ? datum.{measure} : 0")


def _is_bounded_below(measure: str) -> bool:
    return range_of(measure)[0] is not None


def _field(measure: str) -> str:
    return measure if _is_bounded_below(measure) else "cell_number"


def _is_finite(measure: str) -> str:
    """The condition in Vega, for which null is finite."""
    return f"isValid(datum.{measure}) && isFinite(datum.{measure})"


def note_on_infinite(rows: pa.Table, measure: str) -> str:
    """What minus infinity means, if a row has it; else empty."""
    if not np.isneginf(rows[measure].to_numpy(zero_copy_only=False)).any():
        return ""
    return f" Grey: the two share no token, and their {title_of(measure)} is {short(-np.inf)}."


def _drawing(bundle: Bundle, rows: pa.Table, latents: np.ndarray, measure: str) -> Drawing:
    labels = names_of_latents(bundle, latents).to_pylist()
    names = [name_of(int(i), t, 22) for i, t in zip(latents, labels, strict=True)]
    data = rows.drop_columns(["row", "column"])
    for end, place in (("a", "row"), ("b", "column")):
        data = data.append_column(
            end, pa.array([names[i] for i in rows[place].to_pylist()], pa.string())
        )
    active = bundle.latents["active_tokens"].take(pa.array(latents))
    diagonal = pa.table(
        {
            "latent": pa.array(latents, pa.int32()),
            "partner": pa.array(latents, pa.int32()),
            "a": pa.array(names, pa.string()),
            "b": pa.array(names, pa.string()),
            "active_tokens": active,
        }
    )
    return _chart(measure, len(latents) <= MOST_NAMES).draw(
        {"cells": data, "diagonal": diagonal},
        names=names,
        stops=measure_stops(rows, measure),
        height=int(np.clip(len(latents) * 15, 260, 620)),
    )


@template
def _chart(measure: str, has_names: bool) -> alt.LayerChart:
    axis = alt.Axis(
        labels=has_names,
        labelOverlap="greedy",
        ticks=False,
        domain=False,
        labelLimit=alt.ExprRef(f"{NARROW} ? 90 : 170"),
        labelFontSize=11,
    )
    x, y = (
        alt.X(
            "b:N",
            sort=each("names"),
            title=None,
            axis=axis.copy(),
            scale=alt.Scale(domain=each("names")),
        ),
        alt.Y(
            "a:N", sort=each("names"), title=None, axis=axis, scale=alt.Scale(domain=each("names"))
        ),
    )
    stroke = 0.5 if has_names else 0
    diagonal = (
        alt.Chart(named("diagonal"))
        .mark_rect(stroke=PAPER, strokeWidth=stroke, color=GRID, cursor="pointer")
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("a:N", title="latent"),
                alt.Tooltip("active_tokens:Q", title="active tokens", format=COUNT),
            ],
        )
    )
    cells = (
        cells_of(measure)
        .mark_rect(stroke=PAPER, strokeWidth=stroke, cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=cell_colour(measure),
            tooltip=[
                alt.Tooltip("a:N", title="latent"),
                alt.Tooltip("b:N", title="partner"),
                cell_tooltip(measure),
                alt.Tooltip("joint_tokens:Q", title="joint tokens", format=COUNT),
            ],
        )
        .properties(name="cells")
        .add_params(CELL.parameter(), CELL_BRUSH.parameter())
    )
    return layered(cells, diagonal)
