"""Convert interactions with charts and tables to changes of the view.

Only this module reads chart events. Charts report their whole selection in every run, so an event
is handled only if it differs from the event of the previous run. Events of charts that have left
the page are dropped. `charts.core.interactions` defines all interactions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import streamlit as st

from analysis.decoder.map_verdict import MapName
from analysis.selection import (
    Between,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    Latents,
    Profile,
    Selection,
    Unclustered,
    both,
    drawn_box,
    ids_of,
    replaced,
)
from charts.component_plane import members_inside
from charts.core.interactions import (
    ACTIVATIONS,
    BOX,
    CELL,
    CELL_BRUSH,
    CLUSTER,
    CLUSTER_BRUSH,
    CLUSTER_PAIR,
    COMPONENT,
    COOCCURRENCE_BOX,
    DENSITY,
    FLAG,
    INNER_CLUSTER,
    LATENT,
    PAIR,
    PAIR_BRUSH,
    PASSAGE,
    PLANE,
    RELATION,
    STRENGTH_BINS,
    STRENGTHS,
    VALUE,
    Click,
    Interval,
    NameBrush,
)
from charts.density import density_histogram
from pages.widgets import session
from pages.widgets.bundles import shown
from pages.widgets.failures import guarded

KEY = session.CHART
LATENT_PAGE = "pages/latent.py"
PAIR_PAGE = "pages/pair.py"
_SEEN = "chart events of the last run"

Row = Mapping[str, Any]
"""The fields of a clicked mark."""
Ends = list[tuple[float, float]]
"""The lower and the upper end of a drawn interval along each of its axes."""


@dataclass(frozen=True)
class DrawnPart:
    """A drawn interval and the part of the selection that it replaces."""

    interval: Interval
    replaces: Callable[[Selection], bool]
    part: Callable[[Ends], Selection]


@dataclass(frozen=True)
class ClickedPart:
    """A click, or a drag over names, and the part of the selection that it replaces."""

    click: Click | NameBrush
    replaces: Callable[[Selection], bool]
    part: Callable[[Row], Selection]


@dataclass(frozen=True)
class Visit:
    """A click that opens a page or a cluster."""

    click: Click
    go: Callable[[Row], None]


def key_of(name: str, selects: bool) -> str:
    """The key of a figure's chart; it changes when the chart's drawn selection must be cleared."""
    return session.chart_key(name) if selects else f"{KEY} {name}"


def follow() -> None:
    """Handle the chart events since the last run; called once, before the page runs."""
    seen: dict[str, session.Reports] = st.session_state.setdefault(_SEEN, {})
    now = session.charts_reports()
    st.session_state[_SEEN] = now
    for key, events in now.items():
        before = seen.get(key, {})
        # Clicks come first: a click also clears a drawn box, and opening a page must keep it.
        for name in sorted(events.keys() | before.keys(), key=lambda name: name in _DRAWN):
            if events.get(name) != before.get(name):
                act(name, events.get(name))


def act(name: str, value: Any) -> None:
    """Apply an interaction to the view; `value` is the event of Streamlit, None if it is empty."""
    if drawn := _DRAWN.get(name):
        ends = drawn.interval.read(value)
        part = drawn.part(ends) if ends else Everything()
        selection = replaced(session.current().selection, drawn.replaces, part)
        session.select(selection, keep_brushes=True)
    elif name == ACTIVATIONS.name:
        session.change(regime=next(iter(ACTIVATIONS.read(value) or ()), None))
    elif (clicked := _CLICKED.get(name)) and (row := clicked.click.read(value)):
        selection = session.current().selection
        session.select(replaced(selection, clicked.replaces, clicked.part(row)))
    elif (visit := _VISITS.get(name)) and (row := visit.click.read(value)):
        visit.go(row)


def open_latent(latent: int) -> NoReturn:
    """Go to the page of a latent."""
    session.open_page(LATENT_PAGE, latent=latent)


def open_pair(a: int, b: int) -> NoReturn:
    """Go to the page of a pair."""
    session.open_page(PAIR_PAGE, latent=a, partner=b)


@guarded()
def choose_cluster(cluster: int) -> None:
    """Show a cluster and its level, and select its latents on every page."""
    clusters = shown().clusters
    if 0 <= cluster < clusters.num_rows:
        space, level = (clusters[name][cluster].as_py() for name in ("space", "level"))
        session.change(cluster=cluster, space=space, level=level)
        selection = session.current().selection
        session.select(replaced(selection, _is_cluster, Cluster((cluster,))))


def _visit_cluster(row: Row) -> None:
    """Show the clicked cluster; a mark of latents without a cluster only selects them."""
    if row["cluster"] is not None:
        choose_cluster(int(row["cluster"]))
    else:
        session.select(replaced(session.current().selection, _is_cluster, Unclustered()))


def _open_passage(row: Row) -> None:
    """Open the document of a context, at the clicked token."""
    session.change(passage=(int(row["document"]), int(row["position"])))


def _component(row: Row) -> Selection:
    """The members of a component by their ids, because no condition selects a component."""
    # Imported here because scipy would delay the first page by a second.
    from charts.jaccard_components import components_of  # noqa: PLC0415

    labels = components_of(shown()).labels
    return Latents(ids_of(np.flatnonzero(labels == int(row["component"])).tolist()))


def _box(on_map: MapName) -> Callable[[Ends], Selection]:
    def part(ends: Ends) -> Selection:
        (x0, x1), (y0, y1) = ends
        return drawn_box(x0, x1, y0, y1, on_map)

    return part


def _densities(ends: Ends) -> Selection:
    """Densities from log10. An interval that includes the bar of dead latents has no lower end."""
    ((low, high),) = ends
    dead_bar_end = density_histogram(shown()).rows["log10_density_end"][0].as_py()
    at_most = Compare("density", "<=", float(f"{10**high:.3g}"))
    if low <= dead_bar_end:
        return at_most
    return both(Compare("density", ">=", float(f"{10**low:.3g}")), at_most)


def _strengths(ends: Ends) -> Selection:
    """Ranges of density and of the largest activation, to three digits."""
    density, most = (
        Between(column, float(f"{low:.3g}"), float(f"{high:.3g}"))
        for column, (low, high) in zip(("density", "max"), ends, strict=True)
    )
    return both(density, most)


def _in_plane(ends: Ends) -> Selection:
    """The members of the cluster of the view that fire most inside a box of its plane."""
    view = session.current()
    if view.cluster is None:
        return Everything()
    plane = (view.component, view.against)
    members = members_inside(shown(), view.cluster, plane, ends)
    return Latents(ids_of(members)) if members else Everything()


def _is(kind: type) -> Callable[[Selection], bool]:
    return lambda part: isinstance(part, kind)


def _is_density(part: Selection) -> bool:
    return isinstance(part, Compare | Between) and part.column == "density"


def _is_strength(part: Selection) -> bool:
    return isinstance(part, Compare | Between) and part.column in ("density", "max")


def _is_cluster(part: Selection) -> bool:
    return isinstance(part, Cluster | Unclustered)


def _two_clusters(row: Row) -> Selection:
    return Cluster(tuple(sorted((int(row["cluster"]), int(row["other"])))))


def _members(row: Row) -> Selection:
    """The latents that a mark lists as text, such as "3,14"."""
    return Latents(ids_of(int(latent) for latent in str(row["members"]).split(",")))


def _has_value(row: Row) -> Selection:
    return Profile(str(row["column"]), str(row["value"]))


def _brushed(row: Row) -> Selection:
    return Latents(ids_of(row["ids"]))


def _brushed_clusters(row: Row) -> Selection:
    return Cluster(tuple(row["ids"]))


def _pair_of(a: str, b: str) -> Callable[[Row], None]:
    """Open the pair of a mark, or the latent of a mark that stands for one latent."""

    def go(row: Row) -> None:
        one, other = int(row[a]), int(row[b])
        if one == other:
            open_latent(one)
        open_pair(one, other)

    return go


_DRAWN = {
    drawn.interval.name: drawn
    for drawn in (
        DrawnPart(BOX, _is(Box), _box("decoder")),
        DrawnPart(COOCCURRENCE_BOX, _is(Box), _box("cooccurrence")),
        DrawnPart(DENSITY, _is_density, _densities),
        DrawnPart(STRENGTHS, _is_strength, _strengths),
        DrawnPart(STRENGTH_BINS, _is_strength, _strengths),
        DrawnPart(PLANE, _is(Latents), _in_plane),
    )
}
_CLICKED = {
    clicked.click.name: clicked
    for clicked in (
        ClickedPart(CLUSTER_PAIR, _is_cluster, _two_clusters),
        ClickedPart(COMPONENT, _is(Latents), _component),
        ClickedPart(INNER_CLUSTER, lambda part: True, _members),
        ClickedPart(CELL_BRUSH, _is(Latents), _brushed),
        ClickedPart(PAIR_BRUSH, _is(Latents), _brushed),
        ClickedPart(CLUSTER_BRUSH, _is_cluster, _brushed_clusters),
        ClickedPart(FLAG, _is(Flag), lambda row: Flag((str(row["flag"]),))),
        ClickedPart(VALUE, _is(Profile), _has_value),
    )
}
_VISITS = {
    visit.click.name: visit
    for visit in (
        Visit(LATENT, lambda row: open_latent(int(row["latent"]))),
        Visit(CLUSTER, _visit_cluster),
        Visit(PAIR, _pair_of("latent", "partner")),
        Visit(CELL, _pair_of("latent", "partner")),
        Visit(RELATION, _pair_of("a", "b")),
        Visit(PASSAGE, _open_passage),
    )
}
HANDLED = frozenset((*_DRAWN, *_CLICKED, *_VISITS, ACTIVATIONS.name))
"""Names of the interactions that change the view: all of `charts.core.interactions`."""
