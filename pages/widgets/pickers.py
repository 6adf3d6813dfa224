"""The choices beside charts, each kept in the view."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from analysis.bundle import Bundle, ContextKind
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.runtime import numbers
from analysis.selection import MapName
from charts.component_plane import CLASSES, Classes
from charts.map_view import COLOURS, LAYOUTS, Colour, colours_of, layouts_of
from charts.relations import ALL, RELATIONS
from pages.widgets import state


def measure() -> str:
    """How the strength of a co-occurrence is measured; its formula stands below."""
    return str(
        _choice(
            "measure",
            "Measure",
            list(MEASURES),
            lambda key: f"{MEASURES[key].label} = {MEASURES[key].formula}",
        )
    )


def layout(bundle: Bundle) -> MapName:
    """Which map is shown; a bundle may have the one by decoder alone."""
    chosen: MapName = _choice(
        "layout",
        "Latents lie together that",
        layouts_of(bundle),
        lambda key: LAYOUTS[key],
        also=_whole_map,
    )
    return chosen


def _whole_map() -> None:
    """Places of one map mean nothing on another."""
    state.forget_brushes()
    state.change(viewport="")


def colour(bundle: Bundle, layout: MapName) -> Colour:
    """What the colour of a point on the map says."""
    known = colours_of(bundle, layout)
    chosen: Colour = _choice("colour", "Colour", known, lambda key: COLOURS[key])
    return chosen


def level(bundle: Bundle) -> int:
    """The level of the clusters: 0 the finest."""
    sizes = {row.level: numbers.count(row.clusters) for row in bundle.manifest.clustering}
    if not sizes:
        return 0
    return int(_choice("level", "Clusters", list(sizes), lambda n: f"{sizes[n]} clusters"))


def subject(latent: int) -> str:
    """Whether a page is about the selection or about the latent that was looked at last."""
    known = list(state.SUBJECTS) if latent != state.NO_LATENT else ["selection"]
    words = {"selection": "the selection", "latent": f"latent {latent} and its partners"}
    return str(_choice("subject", "Pairs of", known, lambda key: words[key]))


def contexts() -> ContextKind:
    """Which contexts of a latent are shown."""
    kinds = list(state.CONTEXTS)
    chosen: ContextKind = _choice("contexts", "Contexts", kinds, lambda key: state.CONTEXTS[key])
    return chosen


def tab() -> str:
    """Which part of the Co-occurrence page is shown."""
    key = "pick tab"
    st.session_state[key] = state.current().tab
    st.segmented_control(
        "Part",
        list(state.TABS),
        key=key,
        required=True,
        format_func=lambda one: state.TABS[one],
        label_visibility="collapsed",
        on_change=_take,
        args=("tab", key),
    )
    return state.current().tab


def relation(counts: dict[str, int]) -> str:
    """Which relation is shown; `counts` are the listed pairs of each."""
    words = {ALL: "all", **RELATIONS}
    return str(
        _choice(
            "relation",
            "Relation",
            list(words),
            lambda one: f"{words[one]} ({numbers.count(counts.get(one, 0))})",
        )
    )


def loud() -> bool:
    """Whether pairs with a dense or an ultralow latent are hidden."""
    chosen = _choice(
        "loud", "Dense and ultralow latents", list(state.LOUD), lambda one: state.LOUD[one]
    )
    return bool(chosen == "hidden")


def communities(bundle: Bundle) -> int:
    """A level of the communities, or the components of Clarke et al. 2024."""
    words = {
        row.level: f"level {row.level}: {numbers.count(row.communities)} communities, "
        f"stability {numbers.short(row.stability)}"
        for row in bundle.manifest.communities
    }
    words[state.CLARKE] = "Clarke et al. 2024: components above a Jaccard threshold"
    return int(_choice("community_level", "Communities", list(words), lambda level: words[level]))


def network_colour(bundle: Bundle) -> int | None:
    """What the colour of a latent in a network says: None the finest cluster, or a level."""
    words: dict[int, str] = {state.BY_CLUSTER: "finest cluster"}
    words |= {
        row.level: f"community, level {row.level} ({numbers.count(row.communities)})"
        for row in bundle.manifest.communities
    }
    chosen = int(_choice("network_level", "Colour", list(words), lambda one: words[one]))
    return None if chosen == state.BY_CLUSTER else chosen


def picking() -> Picking:
    """How the contexts of a pair are picked."""
    chosen: Picking = _choice(
        "picking", "Contexts", list(state.PICKINGS), lambda one: state.PICKINGS[one]
    )
    return chosen


def pooled_contexts() -> Literal["top", "random"]:
    """Which contexts of a cluster's members are shown."""
    chosen: Literal["top", "random"] = _choice(
        "pooled", "Contexts of its members", list(state.POOLED), lambda key: state.CONTEXTS[key]
    )
    return chosen


def plane(components: int) -> tuple[tuple[int, int], Classes]:
    """The two principal components that span a plane, and what makes a class of tokens in it."""
    known = list(range(1, max(components, 2) + 1))
    across, up, by = st.columns([2, 2, 3])
    with across:
        x = int(_choice("component", "Component across", known, str))
    with up:
        y = int(_choice("against", "Component up", [k for k in known if k != x], str))
    with by:
        classes: Classes = _choice("classes", "Colour by", list(CLASSES), lambda key: CLASSES[key])
    return (x, y), classes


def _choice(
    field: str,
    label: str,
    options: Sequence[Any],
    words: Callable[[Any], str],
    also: Callable[[], None] | None = None,
) -> Any:
    """A select box whose value is one field of the view; `also` is done when it changes."""
    key = f"pick {field}"
    if getattr(state.current(), field) not in options:
        state.change(**{field: options[0]})
    st.session_state[key] = getattr(state.current(), field)
    return st.selectbox(
        label, options, key=key, format_func=words, on_change=_take, args=(field, key, also)
    )


def _take(field: str, key: str, also: Callable[[], None] | None = None) -> None:
    if st.session_state[key] is not None:
        state.change(**{field: st.session_state[key]})
        if also:
            also()
