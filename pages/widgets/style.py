"""The style sheet, for what the theme in `.streamlit/config.toml` cannot set."""

from pathlib import Path

import streamlit as st

_SHEET = Path(__file__).with_suffix(".css")


def apply() -> None:
    """Add the style sheet to the page."""
    st.html(_SHEET)
