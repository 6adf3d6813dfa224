"""Which part of the map is shown: buttons set it in the view, so a link shows the same part."""

import streamlit as st

from analysis.selection import MapName
from charts.map_view import Viewport, part_of_map, whole_map
from pages.widgets import state
from pages.widgets.page import Page

STEP = 1.6
"""How many times as wide the map becomes with one step out, and as narrow with one step in."""


def zoom(page: Page, layout: MapName) -> Viewport | None:
    """Offer to come closer and to go back; returns the part that is shown, None for all of it."""
    shown = page.view.part_of_map
    whole = whole_map(page.bundle, layout)
    chosen = part_of_map(page.bundle, page.selected, layout) if page.selection else None
    steps: dict[str, tuple[str, Viewport | None, bool]] = {
        "To the selection": (":material/fit_screen:", chosen, chosen is None),
        "In": (":material/zoom_in:", _scaled(shown or whole, 1 / STEP, whole), False),
        "Out": (":material/zoom_out:", _scaled(shown or whole, STEP, whole), shown is None),
        "Whole map": (":material/zoom_out_map:", None, shown is None),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Zoom", width="content")
        for words, (icon, window, disabled) in steps.items():
            st.button(
                words,
                icon=icon,
                key=f"zoom {words}",
                type="tertiary",
                disabled=disabled,
                on_click=_show,
                args=(window,),
            )
    return shown


def _scaled(window: Viewport, times: float, whole: Viewport) -> Viewport | None:
    """The window around the same middle, kept inside the whole map; None where it is all of it."""
    edges: list[float] = []
    for low, high, least, most in (
        (window[0], window[1], whole[0], whole[1]),
        (window[2], window[3], whole[2], whole[3]),
    ):
        reach = min((high - low) * times, most - least)
        start = min(max((low + high - reach) / 2, least), most - reach)
        edges += [start, start + reach]
    inside = edges[1] - edges[0] < whole[1] - whole[0] or edges[3] - edges[2] < whole[3] - whole[2]
    return (edges[0], edges[1], edges[2], edges[3]) if inside else None


def _show(window: Viewport | None) -> None:
    state.forget_brushes()
    state.change(viewport=state.corners(window))
