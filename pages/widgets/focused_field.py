"""Put the focus into a field of a form that a key has opened, so that the next keys go there."""

import re
from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_SCRIPT = Path(__file__).with_suffix(".js")


def focus_field(key: str, form: str) -> None:
    """Focus the text field with this key when it is drawn, once for each name of a form."""
    with st.container(key=f"focus on {form}"):
        _component()(data={"field": class_of(key), "form": form}, key=f"focus of {form}")


def class_of(key: str) -> str:
    """The class that Streamlit gives to the element of a widget with this key."""
    return "st-key-" + re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component("clearwater_focused_field", js=_SCRIPT.read_text("utf-8"))
