"""The choices beside charts, each kept in the view."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from analysis.bundle import Bundle, ContextKind
from analysis.cooccurrence.association import MEASURES
from charts.map import COLOURS, Colour
from pages.components import numbers, state


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


def colour_and_level(bundle: Bundle) -> tuple[Colour, int]:
    """What the colour of a point on the map says, and the level of the clusters: 0 the finest."""
    beside, finest = st.columns(2)
    with beside:
        colour: Colour = _choice("colour", "Colour", list(COLOURS), lambda key: COLOURS[key])
    sizes = {row.level: numbers.count(row.clusters) for row in bundle.manifest.clustering}
    if not sizes:
        return colour, 0
    with finest:
        level = _choice("level", "Clusters", list(sizes), lambda n: f"{sizes[n]} clusters")
    return colour, int(level)


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


def _choice(field: str, label: str, options: Sequence[Any], words: Callable[[Any], str]) -> Any:
    """A select box whose value is one field of the view."""
    key = f"pick {field}"
    if getattr(state.current(), field) not in options:
        state.change(**{field: options[0]})
    st.session_state[key] = getattr(state.current(), field)
    return st.selectbox(
        label, options, key=key, format_func=words, on_change=_take, args=(field, key)
    )


def _take(field: str, key: str) -> None:
    if st.session_state[key] is not None:
        state.change(**{field: st.session_state[key]})
