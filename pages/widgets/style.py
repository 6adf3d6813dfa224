"""The style sheet, for settings that the theme in `.streamlit/config.toml` does not support."""

from pathlib import Path

import streamlit as st

_SHEET = Path(__file__).with_suffix(".css")


def apply() -> None:
    """Add the style sheet to the page."""
    st.html(_SHEET)
