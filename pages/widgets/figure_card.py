"""Show a figure with its export menu. Pages draw every chart with `show`."""

import re
from functools import partial
from typing import Any

import streamlit as st

from charts.core.export import Kind, export, filename
from charts.core.figure import Figure
from charts.core.room import height_of
from pages.widgets.events import key_of
from pages.widgets.markdown import plain
from pages.widgets.scheme import shown_scheme

MANY_MARKS = 2000
"""A chart with more rows is drawn on a canvas, because an SVG would be slow."""
_KINDS: dict[Kind, str] = {
    "png": "Picture, PNG",
    "svg": "Picture, SVG",
    "html": "Web page, HTML",
    "parquet": "Plotted rows, Parquet",
    "csv": "Plotted rows, CSV",
}

_PICTURES: tuple[Kind, ...] = ("png", "svg")
"""Files that a dark page also offers in light colours, for paper."""


def show(figure: Figure, selection: str = "") -> None:
    """Draw the title and export menu, the chart, the note and the caption.

    `selection` is the text of the selection that the figure shows; exported files carry it too.
    `events.follow` handles interactions with the chart in the next run.
    """
    light = figure.of_selection(selection)
    figure = light.in_scheme(shown_scheme())
    with st.container(border=True, gap="xsmall", key=f"card {figure.name}"):
        _head(figure, light)
        if figure.rows.num_rows:
            _chart(figure)
        else:
            st.markdown("There are no rows to draw.")
        texts = [figure.note, figure.caption.own]
        st.caption(
            " ".join(plain(text, 1000) for text in texts if text),
            help=plain(figure.caption.text, 2000),
        )


def _chart(figure: Figure) -> None:
    """Draw the chart in a place of its height, so that nothing moves when the chart arrives."""
    spec = figure.for_browser()
    place = re.sub(r"[^\w-]", "-", f"plot {figure.name}")
    st.html(f"<style>.st-key-{place} {{ min-height: {height_of(spec)}px; }}</style>")
    with st.container(key=f"plot {figure.name}"):
        _drawn(figure, spec)


def _drawn(figure: Figure, spec: dict[str, Any]) -> None:
    renderer = "canvas" if figure.rows.num_rows > MANY_MARKS else "svg"
    spec = spec | {"usermeta": {"embedOptions": {"renderer": renderer}}}
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


def _head(figure: Figure, light: Figure) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(f"**{plain(figure.title)}**")
        with st.popover("Export", type="tertiary", icon=":material/download:", width="content"):
            for kind, words in _KINDS.items():
                _file(figure, kind, words)
            if light is not figure:
                for kind in _PICTURES:
                    _file(light, kind, f"{_KINDS[kind]}, on white", " on white")


def _file(figure: Figure, kind: Kind, words: str, variant: str = "") -> None:
    st.download_button(
        words,
        partial(export, figure, kind),
        file_name=filename(figure, kind),
        key=f"export {figure.name} {kind}{variant}",
        on_click="ignore",
        type="tertiary",
    )
