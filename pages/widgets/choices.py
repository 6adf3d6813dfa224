"""Select boxes next to charts. Each one sets one field of the view."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.bundle import Bundle, ClusterLevel, ContextKind, LevelName, Space
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from analysis.runtime import numbers
from charts.cluster_level import NULLS
from charts.component_plane import CLASSES, Classes
from charts.map_columns import ASSOCIATION, offered_columns
from charts.map_view import maps_of
from charts.null_view import has_null_view
from charts.profile_colours import offered_profiles
from charts.relations import ALL, RELATIONS
from charts.text_colours import OWN_TEXT
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.glossary import COUNTS
from pages.widgets.state import NetworkOf, PooledContexts, Subject, Tab, ViewState

_SPACES: dict[Space, str] = {
    "decoder": "decoder similarity",
    "cooccurrence": "co-occurrence",
}
_LEVEL, _MAP = "pick level", "pick map"
_BOTH = "both, side by side"
_CONTEXTS: dict[ContextKind, str] = {
    "top": "strongest",
    "interval": "equal intervals",
    "random": "random",
}
_PICKINGS: dict[Picking, str] = {"even": "evenly spaced", "random": "random"}
_POOLED: tuple[PooledContexts, ...] = ("top", "random")
_NETWORKS: dict[NetworkOf, str] = {
    "latent": "a latent",
    "cluster": "a cluster",
    "selection": "the selection",
}
_FLAGGED = ("hidden", "shown")
_TABS: dict[Tab, str] = {
    "pairs": "Pairs",
    "relations": "Relations",
    "components": "Components",
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
            meaning=COUNTS,
        )
    )


def chosen_maps(bundle: Bundle) -> tuple[MapName, ...]:
    """Which map is shown, and the one beside it if both are.

    A bundle may have only the one by decoder similarity.
    """
    view, known = session.current(), maps_of(bundle)
    if view.map is None and view.viewport is not None:
        # In links of earlier versions, a viewport without a map is one of the decoder's.
        view = session.change(map="decoder")
    if view.map not in known:
        view = session.change(map=known[0])
    first: MapName = view.map or known[0]
    shows_both = view.maps == "both" and len(known) > 1
    return (first, *(name for name in known if name != first)) if shows_both else (first,)


def maps(bundle: Bundle) -> None:
    """Which map is shown, or both."""
    shown, known = chosen_maps(bundle), maps_of(bundle)
    st.session_state[_MAP] = _BOTH if len(shown) > 1 else shown[0]
    st.selectbox(
        "Map by",
        [*known, _BOTH] if len(known) > 1 else known,
        key=_MAP,
        format_func=lambda name: f"by {_SPACES[name]}" if name in known else _BOTH,
        label_visibility="collapsed",
        on_change=_take_map,
        width=170,
    )


@guarded()
def _take_map() -> None:
    chosen = st.session_state[_MAP]
    if chosen is not None:
        session.clear_brushes()
        session.change(**after_map(session.current(), chosen))


def after_map(view: ViewState, chosen: str) -> dict[str, object]:
    """What changes in the view when a map, or both, are chosen.

    Coordinates of one map are not valid on the other, which is shown as a whole or as it was beside
    the first.
    """
    if chosen == _BOTH:
        return {"maps": "both", "beside": None}
    viewport = view.viewport if chosen == view.map else view.beside
    return {"map": chosen, "maps": "one", "viewport": viewport, "beside": None}


def more() -> DeltaGenerator:
    """A menu for choices that are made less often."""
    return st.popover(
        "More", icon=":material/tune:", type="tertiary", width="content", help="Clusters and chance"
    )


def chosen_colour(bundle: Bundle) -> str:
    """The column by which the points of the map are coloured."""
    return str(_valid("colour", _colours(bundle)))


def colour(bundle: Bundle) -> None:
    """The column by which the points of the map are coloured."""
    offers = offered_columns(bundle)
    known = _colours(bundle)
    words = {name: _colour_words(offers[name].title) for name in known}
    _choice("colour", "Colour", known, words.__getitem__, width=200, is_labelled=False)


def _colours(bundle: Bundle) -> list[str]:
    view = session.current()
    absent = {ASSOCIATION: view.latent is None, OWN_TEXT: not view.own_text}
    return [name for name in offered_columns(bundle) if not absent.get(name)]


def profile(bundle: Bundle) -> str:
    """The column of the documents by whose values latents are described; empty without any."""
    known = offered_profiles(bundle)
    if not known:
        return ""
    options = _profiles(known)
    return (
        str(_choice("profile", "Documents by", options, lambda name: name or known[0])) or known[0]
    )


def check_profile(bundle: Bundle) -> None:
    """Take the first column of the documents if the bundle does not have that of the view."""
    if known := offered_profiles(bundle):
        _valid("profile", _profiles(known))


def _profiles(known: Sequence[str]) -> list[str]:
    # A link does not name the first column, which depends on the bundle.
    return ["", *known[1:]]


def _colour_words(title: str) -> str:
    latent = session.current().latent
    named = title if latent is None else title.replace("a latent", f"latent {latent}")
    return f"colour: {named}"


def level(bundle: Bundle) -> LevelName | None:
    """The space and level of the clusters; None if there are no clusters."""
    levels = {row.name: row for row in bundle.manifest.clustering}
    chosen = chosen_level(bundle)
    if chosen is None or bundle.manifest.first_level() is None:
        return chosen
    st.session_state[_LEVEL] = chosen
    st.selectbox(
        "Clusters",
        list(levels),
        key=_LEVEL,
        format_func=lambda name: _level_words(levels[name]),
        on_change=_take_level,
        width=270,
    )
    return chosen


def chosen_level(bundle: Bundle) -> LevelName | None:
    """The level of the view, or the one shown first; None if the bundle has no levels."""
    levels = [row.name for row in bundle.manifest.clustering]
    view = session.current()
    space = view.space or (None if view.level is None else "decoder")
    first = bundle.manifest.first_level(space) or bundle.manifest.first_level()
    if first is None:
        return levels[0] if levels else None
    chosen = LevelName(first.space, first.level if view.level is None else view.level)
    return chosen if chosen in levels else first.name


def _level_words(level: ClusterLevel) -> str:
    return f"by {_SPACES[level.space]}: {numbers.count(level.clusters)}"


@guarded()
def _take_level() -> None:
    name = st.session_state[_LEVEL]
    if name is not None:
        session.change(space=name.space, level=name.level)


def subject(latent: int | None) -> Subject:
    """Whether the pairs are those of the selection or those of the latest latent."""
    words = {"selection": "the selection", "latent": f"latent {latent} and its partners"}
    known = ["selection"] if latent is None else list(words)
    chosen: Subject = _choice("subject", "Pairs of", known, lambda name: words[name])
    return chosen


def contexts() -> ContextKind:
    """Which contexts of a latent are shown."""
    _segments("contexts", "Contexts", _CONTEXTS)
    return session.current().contexts


def tab() -> Tab:
    """Which part of the Co-occurrence page is shown."""
    _segments("tab", "Part", _TABS)
    return session.current().tab


def _segments(field: str, label: str, words: Mapping[Any, str]) -> None:
    """Buttons side by side for one field of the view."""
    key = f"pick {field}"
    st.session_state[key] = getattr(session.current(), field)
    st.segmented_control(
        label,
        list(words),
        key=key,
        required=True,
        format_func=lambda name: words[name],
        label_visibility="collapsed",
        on_change=_take,
        args=(field, key),
    )


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


def chance_is_shown(bundle: Bundle, space: Space) -> bool:
    """Whether the same picture of a null draw is shown."""
    return has_null_view(bundle, space) and session.current().chance == "shown"


def shows_chance(bundle: Bundle, space: Space) -> bool:
    """Whether the same picture of a null draw is shown; bundles without one have no switch."""
    if not has_null_view(bundle, space):
        return False
    key = "pick chance"
    st.session_state[key] = session.current().chance == "shown"
    st.toggle(
        "Show chance",
        key=key,
        help="What chance looks like: the same picture of random data, " + NULLS[space] + ".",
        on_change=_take_chance,
    )
    return chance_is_shown(bundle, space)


@guarded()
def _take_chance() -> None:
    session.change(chance="shown" if st.session_state["pick chance"] else "hidden")


def network_of() -> NetworkOf:
    """Whose latents are the nodes of the network."""
    options = list(_NETWORKS)
    chosen: NetworkOf = _choice(
        "nodes", "Network of", options, lambda one: _NETWORKS[one], width=200
    )
    return chosen


def network_colour(bundle: Bundle) -> Space:
    """Whose clusters colour the latents of a network; the first option is shown first."""
    first = bundle.manifest.clusters_shown_first
    known = {level.space for level in bundle.manifest.clustering} or {first}
    options = sorted(known, key=lambda space: space != first)
    chosen: Space = _choice("network", "Colour", options, lambda space: f"{_SPACES[space]} cluster")
    return chosen


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
    x = int(_choice("component", "Horizontal component", known, str, width=220))
    others = [k for k in known if k != x]
    y = int(_choice("against", "Vertical component", others, str, width=210))
    classes: Classes = _choice(
        "classes", "Colour by", list(CLASSES), lambda key: CLASSES[key], width=290
    )
    return (x, y), classes


def _choice(
    field: str,
    label: str,
    options: Sequence[Any],
    words: Callable[[Any], str],
    width: int = 240,
    meaning: str | None = None,
    *,
    is_labelled: bool = True,
) -> Any:
    """A select box for one field of the view.

    Options that say what they are need no label before the box; screen readers have it anyway.
    """
    key = f"pick {field}"
    st.session_state[key] = _valid(field, options)
    return st.selectbox(
        label,
        options,
        key=key,
        format_func=words,
        on_change=_take,
        args=(field, key),
        width=width,
        help=meaning,
        label_visibility="visible" if is_labelled else "collapsed",
    )


def _valid(field: str, options: Sequence[Any]) -> Any:
    """The value of a field of the view; the first option if it is none of them."""
    if getattr(session.current(), field) not in options:
        session.change(**{field: options[0]})
    return getattr(session.current(), field)


@guarded()
def _take(field: str, key: str) -> None:
    if st.session_state[key] is not None:
        session.change(**{field: st.session_state[key]})
