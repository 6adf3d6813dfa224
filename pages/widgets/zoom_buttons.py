"""Zoom buttons of the map, for browsers in which it is a chart."""

import streamlit as st

from analysis.decoder.map_verdict import MapName
from charts.map_view import Viewport, part_of_map, whole_map
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.page import Page

STEP = 1.6
"""Factor by which one zoom step widens or narrows the shown part."""


def zoom_buttons(page: Page, name: MapName) -> Viewport | None:
    """Draw the zoom buttons; return the shown part of the map, None for all of it."""
    shown = session.current().viewport
    whole = whole_map(page.bundle, name)
    selection = part_of_map(page.bundle, page.selected, name) if page.selection else None
    steps: dict[str, tuple[str, Viewport | None, bool]] = {
        "To the selection": (":material/fit_screen:", selection, selection is None),
        "In": (":material/zoom_in:", scaled(shown or whole, 1 / STEP, whole), False),
        "Out": (":material/zoom_out:", scaled(shown or whole, STEP, whole), shown is None),
        "Whole map": (":material/zoom_out_map:", None, shown is None),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Zoom", width="content")
        for words, (icon, viewport, disabled) in steps.items():
            st.button(
                words,
                icon=icon,
                key=f"zoom {words}",
                type="tertiary",
                disabled=disabled,
                on_click=_show,
                args=(viewport,),
            )
    return shown


def scaled(viewport: Viewport, factor: float, whole: Viewport) -> Viewport | None:
    """The viewport with its sides times `factor`, inside the whole map; None if it covers all.

    The centre stays where it is unless an edge would leave the map.
    """
    x0, x1 = _scaled_side(viewport[:2], factor, whole[:2])
    y0, y1 = _scaled_side(viewport[2:], factor, whole[2:])
    return None if (x0, x1, y0, y1) == whole else (x0, x1, y0, y1)


def _scaled_side(
    side: tuple[float, float], factor: float, whole: tuple[float, float]
) -> tuple[float, float]:
    length = (side[1] - side[0]) * factor
    if length >= whole[1] - whole[0]:
        return whole
    start = min(max((side[0] + side[1] - length) / 2, whole[0]), whole[1] - length)
    return start, start + length


@guarded()
def _show(viewport: Viewport | None) -> None:
    session.clear_brushes()
    session.change(viewport=viewport)
