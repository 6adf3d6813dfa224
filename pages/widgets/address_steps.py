"""Back and Forward: one step for each change of the address that a reader causes."""

from pathlib import Path

import streamlit as st

_SCRIPT = Path(__file__).with_suffix(".js")
KEY = "address steps"


def join_address_steps() -> None:
    """Let the browser join the changes of the address that follow one click or key."""
    join = st.components.v2.component("clearwater_address_steps", js=_SCRIPT.read_text("utf-8"))
    with st.container(key=KEY):
        join(key="joining of address steps")
