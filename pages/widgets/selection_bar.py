"""The selection as text that can be read, edited, cleared and shared."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.selection import Everything, evaluate, parse
from pages.widgets import state
from pages.widgets.text import plain

_FIELD = "selection as text"
_UNREAD = "selection that could not be read"
_HELP = """
A selection is a question that every chart of every page answers together.

| write | to select |
|---|---|
| `"python"` | latents whose label or top tokens contain the text |
| `density<0.01` | by a number: density, max, mean, active_tokens, map_recall … |
| `cluster=12` or `cluster=none` | the members of a cluster; those of none |
| `community=3` | the members of a community of latents that fire together |
| `flag=dead` | dead, ultralow, dense or live latents |
| `latent=3,14` | these latents |
| `near(4122)` | a latent and its nearest decoder vectors |
| `partners(4122,phi,20)` | a latent and those that fire with it |
| `box(-1,2,0,3)` | a rectangle of the map |

Join them with `&` (and), `|` (or), `!` (not) and parentheses.
"""


def selection_bar(bundle: Bundle) -> Bools:
    """Draw the bar; the answer is the mask [n_latents] of what is selected."""
    view = state.current()
    error = _pending_error(view) or view.selection_error
    if not _pending_error(view):
        st.session_state[_FIELD] = view.select
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Selection",
            key=_FIELD,
            placeholder='All latents. Select some: cluster=12 & density<0.01 & "python"',
            label_visibility="collapsed",
            icon=":material/filter_alt:",
            on_change=_edited,
        )
        mask = _answer(bundle, view)
        chosen, total = numbers.count(int(mask.sum())), numbers.count(len(mask))
        st.markdown(f"**{chosen}** of {total} latents", width="content")
        st.button(
            "Clear",
            on_click=_clear,
            disabled=not st.session_state[_FIELD],
            type="tertiary",
            icon=":material/close:",
        )
        with st.popover("Syntax", type="tertiary", icon=":material/help:", width="content"):
            st.markdown(_HELP)
        with st.popover("Share", type="tertiary", icon=":material/link:", width="content"):
            _link(view)
    if error:
        st.error(plain(error))
    return mask


@st.cache_data(show_spinner=False, max_entries=64)
def _evaluated(bundle_id: str, text: str, _bundle: Bundle) -> Bools:
    return evaluate(parse(text), _bundle)


def _answer(bundle: Bundle, view: state.ViewState) -> Bools:
    try:
        return _evaluated(bundle.manifest.bundle_id, view.select, bundle)
    except InputError:
        return np.ones(bundle.latents.num_rows, dtype=bool)


def _pending_error(view: state.ViewState) -> str:
    """Why the text in the field cannot be read, while it waits there to be mended."""
    error, beside = st.session_state.get(_UNREAD, ("", view.select))
    return str(error) if beside == view.select else ""


def _edited() -> None:
    try:
        selection = parse(st.session_state[_FIELD])
    except InputError as error:
        st.session_state[_UNREAD] = (str(error), state.current().select)
        return
    st.session_state.pop(_UNREAD, None)
    state.select(selection)


def _clear() -> None:
    st.session_state.pop(_UNREAD, None)
    state.select(Everything())


def _link(view: state.ViewState) -> None:
    st.markdown("This link opens what you see now, for everyone who can reach this server.")
    st.code(state.link(view), language=None, wrap_lines=True)
