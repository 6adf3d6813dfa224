"""The dialog that prepares a figure for a paper, with a preview."""

from dataclasses import replace
from functools import partial
from typing import get_args

import streamlit as st

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import on_behalf_of
from charts.core.export import MIME, filename
from charts.core.figure import Figure
from charts.core.paper import (
    FONT_SIZES,
    MILLIMETRES,
    PAPER_KINDS,
    SCALES,
    Background,
    Paper,
    paper_figure,
)
from pages.widgets.authorised_file import authorised
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.requester import requester

_REQUESTED = "paper is asked for"
_BACKGROUNDS: tuple[Background, ...] = get_args(Background)


def paper_button(figure: Figure) -> None:
    """Offer the dialog beside the export menu of a figure."""
    st.button(
        "Paper",
        key=f"paper {figure.name}",
        type="tertiary",
        icon=":material/print:",
        on_click=_ask,
        args=(figure.name,),
        help="The figure for a paper: its width, text, title, caption, background and pixels.",
    )


@guarded()
def _ask(name: str) -> None:
    st.session_state[_REQUESTED] = name


def open_if_requested(light: Figure) -> None:
    """Open the dialog for a figure, in the light scheme, whose button was clicked."""
    if st.session_state.get(_REQUESTED) == light.name:
        del st.session_state[_REQUESTED]
        _dialog(light)


@st.dialog("Figure for a paper", width="large")
@guarded("drawing the figure")
def _dialog(figure: Figure) -> None:
    left, right = st.columns([1, 2], gap="medium")
    with left:
        paper = _choices()
        for kind in PAPER_KINDS:
            st.download_button(
                f"Save as {kind.upper()}",
                authorised(
                    figure,
                    f"paper_{filename(figure, kind)}",
                    partial(paper_figure, figure, kind, paper),
                ),
                file_name=f"paper_{filename(figure, kind)}",
                mime=MIME[kind],
                key=f"paper file {kind}",
                on_click="ignore",
                icon=":material/download:",
            )
    with right:
        try:
            with on_behalf_of(requester()), st.spinner("Drawing the figure …"):
                drawn = paper_figure(figure, "png", replace(paper, scale=2))
        except InputError as error:
            st.error(plain(error.public, 1000))
            return
        st.image(drawn, width=round(paper.points * 96 / 72), alt=figure.texts["title"])
        st.caption(
            f"In its size on paper: {MILLIMETRES[paper.columns]:g} mm wide, text of "
            f"{paper.font_size:g} points. SVG files use the fonts of the reader."
        )


def _choices() -> Paper:
    columns = st.segmented_control(
        "Columns", list(MILLIMETRES), default="1", key="paper columns", required=True
    )
    least, most = FONT_SIZES
    size = st.slider("Size of the text, points", least, most, 8.0, 0.5, key="paper font")
    background = st.segmented_control(
        "Background", _BACKGROUNDS, default="light", key="paper background", required=True
    )
    scale = st.select_slider("Pixels per point of a PNG", SCALES, 4, key="paper scale")
    title = st.toggle("Title", key="paper title")
    caption = st.toggle("Note and caption", key="paper caption")
    return Paper(columns, size, title, caption, background, scale)
