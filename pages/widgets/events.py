"""What readers do in charts, turned into changes of the view. Nothing else reads chart events.

Charts report their whole selection at every rerun, so an event counts only when it differs from
the last one that was seen; a chart that has left the page is forgotten.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import streamlit as st

from analysis.selection import (
    Box,
    Cluster,
    Community,
    Compare,
    Everything,
    Flag,
    Latents,
    MapName,
    Selection,
    Unclustered,
    both,
    replaced,
)
from charts.density import density_histogram
from pages.widgets import state
from pages.widgets.bundle import shown

KEY = "figure"
LATENT_PAGE = "pages/latent.py"
PAIR_PAGE = "pages/pair.py"
_SEEN = "chart events seen"

Event = Mapping[str, Any]


def key_of(name: str, selects: bool) -> str:
    """The key of the chart of a figure, new whenever its drawn selection has to vanish."""
    return f"{KEY} {name} {state.generation()}" if selects else f"{KEY} {name}"


def follow() -> None:
    """Act on what has been done in a chart since the last run; called once, before a page."""
    seen: dict[str, Event] = st.session_state.setdefault(_SEEN, {})
    now = {
        str(key): _event(value)
        for key, value in st.session_state.items()
        if str(key).startswith(f"{KEY} ")
    }
    st.session_state[_SEEN] = now
    for key, event in now.items():
        before = seen.get(key, {})
        for name in sorted(event.keys() | before.keys(), key=lambda n: "picked" not in n):
            if event.get(name) != before.get(name):
                _act(name, event.get(name))


def _event(value: Any) -> Event:
    """The selections of a chart that are not empty."""
    selection = value["selection"] if value and "selection" in value else {}
    return {name: selection[name] for name in selection if selection[name]}


def _act(name: str, value: Any) -> None:
    if name in _INTERVALS:
        matches, made = _INTERVALS[name]
        by = made(value) if value else Everything()
        state.change(select=str(replaced(state.current().selection, matches, by)))
    elif value and name in _PARTS:
        matches, made = _PARTS[name]
        if name == "picked_cluster" and value[0]["cluster"] is not None:
            choose_cluster(int(value[0]["cluster"]))
        else:
            state.select(replaced(state.current().selection, matches, made(value[0])))
    elif value and name in _PAIRS:
        first, second = _PAIRS[name]
        open_pair(int(value[0][first]), int(value[0][second]))
    elif value and name == "picked_component":
        state.select(replaced(state.current().selection, _is(Latents), _component(value[0])))
    elif value and "latent" in value[0]:
        open_latent(int(value[0]["latent"]))


def open_latent(latent: int) -> NoReturn:
    """Go to the page of a latent."""
    view = state.change(latent=latent)
    st.switch_page(LATENT_PAGE, query_params=view.to_query_params())


def open_pair(a: int, b: int) -> NoReturn:
    """Go to the page of a pair."""
    view = state.change(latent=a, partner=b)
    st.switch_page(PAIR_PAGE, query_params=view.to_query_params())


def _component(point: Event) -> Selection:
    """The members of a component by their ids: they have no name that a selection could say."""
    # Only this one click needs it, and it would make the first page wait for scipy.
    from pages.widgets.components_2024 import components_of  # noqa: PLC0415

    labels = components_of(shown()).labels
    return Latents(tuple(np.flatnonzero(labels == int(point["component"])).tolist()))


def choose_cluster(cluster: int) -> None:
    """Look at this cluster, show its level, and select its latents everywhere."""
    clusters = shown().clusters
    if 0 <= cluster < clusters.num_rows:
        state.change(cluster=cluster, level=clusters["level"][cluster].as_py())
        by = Cluster((cluster,))
        state.select(replaced(state.current().selection, _is_cluster, by))


def _box(value: Event, layout: MapName = "decoder") -> Selection:
    (x0, x1), (y0, y1) = sorted(value["x"]), sorted(value["y"])
    x0, x1, y0, y1 = (round(float(edge), 4) for edge in (x0, x1, y0, y1))
    return Box(x0, x1, y0, y1, layout)


def _box_of_cooccurrence(value: Event) -> Selection:
    return _box(value, layout="cooccurrence")


def _density(value: Event) -> Selection:
    """From the logarithms of the axis to densities; from the dead bar on there is no lower end."""
    low, high = sorted(value["log10_density"])
    end_of_dead = density_histogram(shown()).rows["log10_density_end"][0].as_py()
    above = Compare("density", ">=", float(f"{10**low:.3g}")) if low > end_of_dead else Everything()
    return both(above, Compare("density", "<=", float(f"{10**high:.3g}")))


def _is(kind: type) -> Callable[[Selection], bool]:
    return lambda part: isinstance(part, kind)


def _is_density(part: Selection) -> bool:
    return isinstance(part, Compare) and part.column == "density"


def _is_cluster(part: Selection) -> bool:
    return isinstance(part, Cluster | Unclustered)


def _clusters(point: Event) -> Selection:
    return Cluster(tuple(sorted((int(point["cluster"]), int(point["other"])))))


def _cluster(point: Event) -> Selection:
    return Unclustered() if point["cluster"] is None else Cluster((int(point["cluster"]),))


Matches = Callable[[Selection], bool]
_INTERVALS: dict[str, tuple[Matches, Callable[[Event], Selection]]] = {
    "box": (_is(Box), _box),
    "box_of_cooccurrence": (_is(Box), _box_of_cooccurrence),
    "density": (_is_density, _density),
}
_PARTS: dict[str, tuple[Matches, Callable[[Event], Selection]]] = {
    "picked_cluster": (_is_cluster, _cluster),
    "picked_pair_of_clusters": (_is_cluster, _clusters),
    "picked_community": (
        _is(Community),
        lambda point: Community((int(point["community"]),)),
    ),
    "picked_flag": (_is(Flag), lambda point: Flag((str(point["flag"]),))),
}
_PAIRS = {
    "picked_pair": ("latent", "partner"),
    "picked_cell": ("latent", "partner"),
    "picked_relation": ("a", "b"),
}
"""Selections of a pair, and the fields that name its latents."""
