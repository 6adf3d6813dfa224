"""Selections under names, kept in the reader's browser."""

from pathlib import Path

import streamlit as st

from analysis.selection import parse
from pages.widgets import session
from pages.widgets.failures import guarded

_SCRIPT = Path(__file__).with_suffix(".js")
_STYLE = Path(__file__).with_suffix(".css")
KEY = "named selections"


def named_selections(selection: str) -> None:
    """The list of named selections, and a field to name this one; empty if all are selected."""
    component = st.components.v2.component(
        "clearwater_named_selections",
        html='<div id="named"></div>',
        css=_STYLE.read_text("utf-8"),
        js=_SCRIPT.read_text("utf-8"),
    )
    component(data={"selection": selection}, key=KEY, on_open_change=open_named)


@guarded()
def open_named() -> None:
    """Select what the reader has chosen from the list.

    Raises InputError if its text cannot be read, because an earlier version wrote it.
    """
    text = st.session_state[KEY]["open"]
    if isinstance(text, str):
        session.select(parse(text))
