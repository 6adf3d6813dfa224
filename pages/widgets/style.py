"""The style sheet, for settings that the theme in `.streamlit/config.toml` does not support."""

from pathlib import Path

import streamlit as st

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
    '<text y=".9em" font-size="90">&#128167;</text></svg>'
)
"""A drop. As an emoji it would cost the first page a tenth of a second: Streamlit then makes a
pattern of all emojis."""
_SHEET = Path(__file__).with_suffix(".css")


def apply() -> None:
    """Add the style sheet to the page."""
    st.html(_SHEET)
