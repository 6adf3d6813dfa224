"""The little that the theme cannot say: less empty space around the page."""

from pathlib import Path

import streamlit as st

_SHEET = Path(__file__).with_suffix(".css")


def apply() -> None:
    """Add the style sheet to the page."""
    st.html(_SHEET)
