"""Whether the reader's browser shows the page in light or in dark colours."""

from pathlib import Path

import streamlit as st

from charts.core.scheme import Scheme

_WATCH = Path(__file__).with_suffix(".js")
KEY = "scheme"


def shown_scheme() -> Scheme:
    """The scheme of this session; light if the browser has not said which."""
    return "dark" if st.context.theme.type == "dark" else "light"


def follow_scheme() -> None:
    """Run the page again when the browser changes its scheme, so that charts follow."""
    watch = st.components.v2.component("clearwater_scheme", js=_WATCH.read_text("utf-8"))
    with st.container(key=KEY):
        watch(data={"drawn": shown_scheme()}, key="watch of the scheme", on_scheme_change=_redraw)


def _redraw() -> None:
    """Do nothing: the run that follows reads the scheme."""
