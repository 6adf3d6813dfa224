"""Show a figure with its export menu. Pages draw every chart with `show`."""

from typing import Any

import streamlit as st

from analysis.cooccurrence.association import MEASURES
from charts.core.figure import Figure
from charts.core.room import height_of
from pages.widgets.events import key_of
from pages.widgets.export_menu import export_menu, with_view
from pages.widgets.markdown import plain
from pages.widgets.paper_dialog import open_if_requested
from pages.widgets.scheme import shown_scheme

MANY_MARKS = 2000
"""A chart with more rows is drawn on a canvas, because an SVG would be slow."""
ROOM_STEP = 20
ROOMS = (100, 1000)
"""The lowest and the highest room in the style sheet, in pixels."""


def show(figure: Figure, selection: str = "") -> None:
    """Draw the title and export menu, the chart, the note and the caption.

    `selection` is the text of the selection that the figure shows; exported files carry it too.
    `events.follow` handles interactions with the chart in the next run.
    """
    light = with_view(figure.of_selection(selection))
    figure = light.in_scheme(shown_scheme())
    spec = figure.for_browser() if figure.rows.num_rows else None
    with st.container(border=True, gap="xsmall", key=f"card {place_of(figure.name)}"):
        _head(figure, light, height_of(spec, figure.rows.num_rows) if spec else 0)
        if spec:
            _chart(figure, spec)
        else:
            st.markdown("There are no rows to draw.")
        texts = [figure.note, figure.caption.own]
        st.caption(
            " ".join(plain(text, 1000) for text in texts if text),
            help=plain(figure.caption.text, 2000),
        )


def place_of(name: str) -> str:
    """The name of a figure without the numbers and the measure that it is about.

    A container of another key is a new one to the browser, which first draws the chart of the
    former one in it, and then the new chart.
    """
    parts = ("n" if part.isdigit() else part for part in name.split("-"))
    return "-".join("measure" if part in MEASURES else part for part in parts)


def room(height: int) -> int:
    """A height in pixels as the style sheet has it: the next of its steps; 0 without a chart."""
    lowest, highest = ROOMS
    return height and min(max(-(-height // ROOM_STEP) * ROOM_STEP, lowest), highest)


def _chart(figure: Figure, spec: dict[str, Any]) -> None:
    is_canvas = figure.rows.num_rows > MANY_MARKS
    spec = spec | {"usermeta": {"embedOptions": {"renderer": "canvas" if is_canvas else "svg"}}}
    if is_canvas:
        # A canvas has no elements that could be described, but each mark would get its text.
        spec |= {"config": {**spec["config"], "aria": False}}
    key = key_of(figure.name, bool(figure.selections))
    if not figure.selections:
        st.vega_lite_chart(spec=spec, theme=None, key=key, alt=figure.title)
        return
    st.vega_lite_chart(
        spec=spec,
        theme=None,
        key=key,
        on_select="rerun",
        selection_mode=list(figure.selections),
        alt=figure.title,
    )


def _head(figure: Figure, light: Figure, height: int) -> None:
    """The title and the export menu; the key reserves the height of the chart that follows.

    The style sheet, which browsers have first, knows the heights. The key is not one of the chart,
    because the browser would draw a chart anew if its height changes.
    """
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key=f"head room-{room(height)} {figure.name}",
    ):
        st.markdown(f"**{plain(figure.title)}**")
        export_menu(figure, light)
    open_if_requested(light)
