"""A file that is dropped on a page and was exported by Clearwater opens its view.

The browser reads the file; nothing is uploaded.
"""

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js")
KEY = "dropped file"


def open_dropped_files() -> None:
    """Let the browser open the view of an exported file that is dropped on the page."""
    component = st.components.v2.component("clearwater_dropped_file", js=_SCRIPT.read_text("utf-8"))
    with st.container(key=KEY):
        component(key="opening of dropped files")
