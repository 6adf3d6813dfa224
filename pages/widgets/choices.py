"""Select boxes next to charts. Each one sets one field of the view."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from analysis.bundle import Bundle, ContextKind
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from analysis.runtime import numbers
from charts.component_plane import CLASSES, Classes
from charts.map_view import COLOURS, Colour, colours_of, maps_of
from charts.relations import ALL, RELATIONS
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.state import BY_CLUSTER, COMPONENTS, PooledContexts, Subject, Tab

_MAPS: dict[MapName, str] = {
    "decoder": "decoder similarity",
    "cooccurrence": "co-occurrence",
}
_CONTEXTS: dict[ContextKind, str] = {
    "top": "strongest",
    "interval": "evenly spaced",
    "random": "random",
}
_PICKINGS: dict[Picking, str] = {"even": "evenly spaced", "random": "random"}
_POOLED: tuple[PooledContexts, ...] = ("top", "random")
_FLAGGED = ("hidden", "shown")
_TABS: dict[Tab, str] = {
    "pairs": "Pairs",
    "relations": "Relations",
    "communities": "Communities",
    "neighbourhood": "Neighbourhood",
}


def measure() -> str:
    """The measure of co-occurrence, with its formula."""
    return str(
        _choice(
            "measure",
            "Measure",
            list(MEASURES),
            lambda name: f"{MEASURES[name].label} = {MEASURES[name].formula}",
        )
    )


def map_name(bundle: Bundle) -> MapName:
    """Which map is shown; a bundle may have only the one by decoder similarity."""
    chosen: MapName = _choice(
        "map", "Map by", maps_of(bundle), lambda name: _MAPS[name], after=_show_whole_map
    )
    return chosen


def _show_whole_map() -> None:
    """Reset the viewport, because coordinates of one map are not valid on the other."""
    session.clear_brushes()
    session.change(viewport=None)


def colour(bundle: Bundle, map_name: MapName) -> Colour:
    """What the colour of a point on the map shows."""
    known = colours_of(bundle, map_name)
    chosen: Colour = _choice("colour", "Colour", known, lambda name: COLOURS[name])
    return chosen


def level(bundle: Bundle) -> int:
    """The level of the clusters; 0 is the finest."""
    sizes = {row.level: numbers.count(row.clusters) for row in bundle.manifest.clustering}
    if not sizes:
        return 0
    return int(_choice("level", "Level", list(sizes), lambda n: f"{sizes[n]} clusters"))


def subject(latent: int | None) -> Subject:
    """Whether the pairs are those of the selection or those of the latest latent."""
    words = {"selection": "the selection", "latent": f"latent {latent} and its partners"}
    known = ["selection"] if latent is None else list(words)
    chosen: Subject = _choice("subject", "Pairs of", known, lambda name: words[name])
    return chosen


def contexts() -> ContextKind:
    """Which contexts of a latent are shown."""
    chosen: ContextKind = _choice(
        "contexts", "Contexts", list(_CONTEXTS), lambda kind: _CONTEXTS[kind]
    )
    return chosen


def tab() -> Tab:
    """Which part of the Co-occurrence page is shown."""
    key = "pick tab"
    st.session_state[key] = session.current().tab
    st.segmented_control(
        "Part",
        list(_TABS),
        key=key,
        required=True,
        format_func=lambda name: _TABS[name],
        label_visibility="collapsed",
        on_change=_take,
        args=("tab", key),
    )
    return session.current().tab


def relation(counts: dict[str, int]) -> str:
    """Which relation is shown; `counts` gives the listed pairs of each."""
    words = {ALL: "all", **RELATIONS}
    return str(
        _choice(
            "relation",
            "Relation",
            list(words),
            lambda name: f"{words[name]} ({numbers.count(counts.get(name, 0))})",
        )
    )


def flagged_are_hidden() -> bool:
    """Whether pairs with a dense or an ultralow latent are hidden."""
    return bool(_choice("flagged", "Dense and ultralow latents", _FLAGGED, str) == "hidden")


def communities(bundle: Bundle) -> int | None:
    """A level of the communities; None for the components of Clarke et al. 2024."""
    words: dict[int | str, str] = {
        row.level: f"level {row.level}: {numbers.count(row.communities)} communities, "
        f"stability {numbers.short(row.stability)}"
        for row in bundle.manifest.communities
    }
    words[COMPONENTS] = "Clarke et al. 2024: components above a Jaccard threshold"
    chosen = _choice("communities", "Communities", list(words), lambda option: words[option])
    return None if chosen == COMPONENTS else int(chosen)


def network_colour(bundle: Bundle) -> int | None:
    """The colour of the latents of a network: a level of communities, or None for clusters."""
    words: dict[int | str, str] = {BY_CLUSTER: "finest cluster"}
    words |= {
        row.level: f"community, level {row.level} ({numbers.count(row.communities)})"
        for row in bundle.manifest.communities
    }
    chosen = _choice("network", "Colour", list(words), lambda option: words[option])
    return None if chosen == BY_CLUSTER else int(chosen)


def picking() -> Picking:
    """How the contexts of a pair are picked."""
    chosen: Picking = _choice(
        "picking", "Contexts", list(_PICKINGS), lambda option: _PICKINGS[option]
    )
    return chosen


def pooled_contexts() -> PooledContexts:
    """Which contexts of a cluster's members are shown."""
    chosen: PooledContexts = _choice(
        "pooled", "Contexts of its members", _POOLED, lambda kind: _CONTEXTS[kind]
    )
    return chosen


def plane(components: int) -> tuple[tuple[int, int], Classes]:
    """The two principal components that span a plane, and what the colour of a token shows."""
    known = list(range(1, max(components, 2) + 1))
    across, up, by = st.columns([2, 2, 3])
    with across:
        x = int(_choice("component", "Horizontal component", known, str))
    with up:
        y = int(_choice("against", "Vertical component", [k for k in known if k != x], str))
    with by:
        classes: Classes = _choice("classes", "Colour by", list(CLASSES), lambda key: CLASSES[key])
    return (x, y), classes


def _choice(
    field: str,
    label: str,
    options: Sequence[Any],
    words: Callable[[Any], str],
    after: Callable[[], None] | None = None,
) -> Any:
    """A select box for one field of the view; `after` is called when the reader changes it.

    If the view has a value that is not an option, the first option is chosen.
    """
    key = f"pick {field}"
    if getattr(session.current(), field) not in options:
        session.change(**{field: options[0]})
    st.session_state[key] = getattr(session.current(), field)
    return st.selectbox(
        label, options, key=key, format_func=words, on_change=_take, args=(field, key, after)
    )


@guarded()
def _take(field: str, key: str, after: Callable[[], None] | None = None) -> None:
    if st.session_state[key] is not None:
        session.change(**{field: st.session_state[key]})
        if after:
            after()
