"""The selection as a text that can be read, edited, cleared and shared."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.selection import Everything, evaluate, parse
from pages.widgets import session
from pages.widgets.explained_selection import explain_button, explained_selection
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.state import ViewState

_FIELD = "selection as text"
_INVALID = "error of an invalid selection, and the selection before it"
_SYNTAX = """
A selection is a query for latents. Every chart on every page shows the result.

| write | to select |
|---|---|
| `"python"` | latents whose label, explanation or top tokens contain the text |
| `density<0.01` | by a number: density, max, mean, active_tokens, map_recall … |
| `cluster=12` or `cluster=none` | the members of a cluster, or of none |
| `flag=dead` | dead, ultralow, dense or live latents |
| `latent=3,14` | these latents |
| `near(4122)` | a latent and its nearest decoder vectors |
| `partners(4122,phi,20)` | a latent and its 20 strongest partners by phi |
| `box(-1,2,0,3)` | a rectangle of the map |
| `lasso(0,0,2,0,1,3)` | a polygon of the map: x and y of its corners |

Join conditions with `&` (and), `|` (or), `!` (not) and parentheses.
"""


def selection_bar(bundle: Bundle) -> Bools:
    """Draw the bar; return the mask [n_latents] of the selected latents."""
    view = session.current()
    pending = _pending_error(view)
    if not pending:
        st.session_state[_FIELD] = view.select
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Selection",
            key=_FIELD,
            placeholder='All latents. To select some: cluster=12 & density<0.01 & "python"',
            label_visibility="collapsed",
            icon=":material/filter_alt:",
            on_change=_take,
        )
        mask = _mask(bundle, view)
        selected, total = numbers.count(int(mask.sum())), numbers.count(len(mask))
        st.markdown(f"**{selected}** of {total} latents", width="content")
        st.button(
            "Clear",
            on_click=_clear,
            disabled=not st.session_state[_FIELD],
            type="tertiary",
            icon=":material/close:",
        )
        explain_button(mask)
        with st.popover("Syntax", type="tertiary", icon=":material/help:", width="content"):
            st.markdown(_SYNTAX)
        with st.popover("Share", type="tertiary", icon=":material/link:", width="content"):
            _link(view)
    if error := pending or view.selection_error:
        st.error(plain(error))
    explained_selection(bundle, mask, view.select)
    return mask


def _mask(bundle: Bundle, view: ViewState) -> Bools:
    try:
        return _evaluated(bundle.identity, view.select, bundle)
    except InputError:
        return np.ones(bundle.latents.num_rows, dtype=bool)


@st.cache_data(show_spinner=False, max_entries=64)
def _evaluated(identity: str, text: str, _bundle: Bundle) -> Bools:
    return evaluate(parse(text), _bundle)


def _pending_error(view: ViewState) -> str:
    """Why the text in the field is invalid, until it is corrected or the selection changes."""
    error, unchanged = st.session_state.get(_INVALID, ("", view.select))
    return str(error) if unchanged == view.select else ""


@guarded()
def _take() -> None:
    try:
        selection = parse(st.session_state[_FIELD])
    except InputError as error:
        st.session_state[_INVALID] = (str(error), session.current().select)
        return
    st.session_state.pop(_INVALID, None)
    session.select(selection)


@guarded()
def _clear() -> None:
    st.session_state.pop(_INVALID, None)
    session.select(Everything())


def _link(view: ViewState) -> None:
    st.markdown("This link opens the current view for everyone who can reach this server.")
    st.code(session.link(view), language=None, wrap_lines=True)
