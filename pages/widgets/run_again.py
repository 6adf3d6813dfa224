"""Run a page or a fragment again every few seconds, or when what it shows has changed.

The timer belongs to an element of the page (`run_again.js`), so it ends with it. A fragment of
Streamlit can run by a timer of its own (`run_every`), but that one is still there while another
page is being opened, and the browser then mixes the elements of both.
"""

from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

_SCRIPT = Path(__file__).with_suffix(".js")


def run_again_every(seconds: float, key: str) -> None:
    """Run the fragment, or the page, that draws this each time that so many seconds are over."""
    _mount(key, seconds)


def run_again_after_click(selector: str, seconds: float, key: str) -> None:
    """Run it so many seconds after each click on an element that a selector of CSS names."""
    _mount(key, seconds, after=selector)


def run_again_on_change(address: str, drawn: str, seconds: float, key: str) -> None:
    """Run the fragment, or the page, that draws this when an address answers other than `drawn`.

    The browser asks the address, which is relative to the dashboard, every few seconds.
    """
    _mount(key, seconds, address, drawn)


def _mount(key: str, seconds: float, address: str = "", drawn: str = "", after: str = "") -> None:
    with st.container(key=f"run again {key}"):
        _component()(
            data={"seconds": seconds, "address": address, "drawn": drawn, "after": after},
            key=f"due {key}",
            on_due_change=_nothing,
        )


@lru_cache(maxsize=1)
def _component() -> ComponentRenderer:
    return st.components.v2.component("clearwater_run_again", js=_SCRIPT.read_text("utf-8"))


def _nothing() -> None:
    """Do nothing: the run that follows reads what has changed."""
