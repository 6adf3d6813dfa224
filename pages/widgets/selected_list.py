"""Which latents are selected, and why: a list that a reader opens beside the selection's parts."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.selection import parse
from charts.selected_lines import MOST, selected_lines
from pages.widgets.events import open_latent
from pages.widgets.markdown import plain

_MENU = "list of the selected latents"
_LONGEST = 600
"""Characters of a reason."""


def selected_list(bundle: Bundle, mask: Bools, selection: str) -> None:
    """A menu of the latents of a mask [n_latents]; they are read when it is opened."""
    menu = st.popover(
        "List",
        key=_MENU,
        icon=":material/list:",
        width="content",
        help="Which latents are selected, and why",
        on_change="rerun",
    )
    if menu.open:
        with menu:
            _lines(bundle, mask, selection)


def _lines(bundle: Bundle, mask: Bools, selection: str) -> None:
    lines, total = selected_lines(bundle, mask, parse(selection)), int(mask.sum())
    if not lines:
        st.caption("No latent is selected.")
    for line in lines:
        name = f"**{plain(line.name) or 'no label'}** · latent {line.latent}"
        key = f"listed {line.latent}"
        if st.button(name, key=key, type="tertiary", icon=":material/target:"):
            open_latent(line.latent)
        st.caption(plain(line.reason, _LONGEST))
    if total > MOST:
        st.caption(
            f"The first {MOST} of {numbers.count(total)}, by id. The tab Latents of the Map lists "
            "all of them."
        )
