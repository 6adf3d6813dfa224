"""Legends keep their colour bars when the address changes; the script says why they would not."""

from pathlib import Path

import streamlit as st

_KEEP = Path(__file__).with_suffix(".js")
KEY = "legend colours"


def keep_legend_colours() -> None:
    """Mount the script; it draws nothing."""
    keep = st.components.v2.component("clearwater_legend_colours", js=_KEEP.read_text("utf-8"))
    with st.container(key=KEY):
        keep(key="colours of legends")
