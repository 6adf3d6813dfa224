"""Back and Forward: one step for each change that a reader causes; a page begins at its top."""

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js")
KEY = "address steps"


def join_address_steps() -> None:
    """Let the browser join the changes of the address that follow one click or key.

    It also scrolls to the top when the address names another page.
    """
    join = st.components.v2.component("clearwater_address_steps", js=_SCRIPT.read_text("utf-8"))
    with st.container(key=KEY):
        join(key="joining of address steps")
