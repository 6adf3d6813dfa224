"""The selection as a text that can be read, edited, cleared and shared."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.selection import Everything, evaluate, parse
from pages.widgets import session
from pages.widgets.collections_of_latents import (
    collections_menu,
    note_of_selected_collection,
)
from pages.widgets.explained_selection import explain_button, explained_selection
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.named_selections import named_selections
from pages.widgets.noted import noted_for
from pages.widgets.search_list import search_list
from pages.widgets.selection_chips import selection_chips
from pages.widgets.state import ViewState

_BAR, _COUNT = "selection bar", "selection count"
_FIELD = "selection as text"
_LONGEST_ERROR = 1000
"""Characters."""
_INVALID = "error of an invalid selection, and the selection before it"
_SYNTAX = """
A selection is a query for latents. Every chart on every page shows the result.

| write | to select |
|---|---|
| `python` or `"New York"` | latents whose label, explanation or top tokens contain the text |
| `New York` | both words, anywhere in these texts |
| `/colou?r/` | a regular expression in these texts |
| `context("New York")` | latents with the text in one of their strongest contexts |
| `density<0.01` or `max=1..5` | a number or a range: density, max, intruder, map_recall … |
| `cluster=12` or `cluster=none` | the members of a cluster, or of none |
| `flag=dead` | dead, ultralow, dense or live latents |
| `latent=3,14,20..30` | these latents |
| `near(4122)` | a latent and its nearest decoder vectors |
| `partners(4122,phi,20)` | a latent and its 20 strongest partners by phi |
| `relation(4122)` or `relation(duplicate)` | latents related to one, or all in a relation |
| `tag=days` or `status=checked` | latents by their note; `status=none` has neither note nor vote |
| `note~"New York"` or `collection=suspects` | text in the note, or the latents of a collection |
| `box(-1,2,0,3)` | a rectangle of the map |
| `lasso(0,0,2,0,1,3)` | a polygon of the map: x and y of its corners |

Join conditions with `&` (and), `|` (or), `!` (not) and parentheses; side by side means and.
"""


@dataclass(frozen=True)
class Selected:
    """The latents of the selection, and the row in which the bar is drawn."""

    mask: Bools
    """[n_latents]; everything if the selection is not valid."""
    error: str
    row: DeltaGenerator


def selection_field(bundle: Bundle) -> Selected:
    """Draw the field of the selection and the number of the selected latents."""
    view = session.current()
    pending = _pending_error(view)
    if not pending:
        st.session_state[_FIELD] = view.select
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key=_BAR)
    with row:
        st.text_input(
            "Selection",
            key=_FIELD,
            placeholder="Search, or select: cluster=12 & density<0.01 & python",
            label_visibility="collapsed",
            icon=":material/filter_alt:",
            on_change=_take,
        )
        # Empty until the latents are found, so that it is never the number of another selection.
        with st.container(key=_COUNT, width="content"):
            count = st.empty()
        mask, problem = _mask(bundle, view)
        error = pending or view.selection_error or problem
        if not error:
            selected, total = numbers.count(int(mask.sum())), numbers.count(len(mask))
            count.markdown(f"**{selected}** of {total} latents", width="content")
    return Selected(mask, error, row)


def selection_buttons(bundle: Bundle, selected: Selected) -> None:
    """Draw what can be done with the selection, in the row of its field."""
    view = session.current()
    with selected.row:
        _step_buttons()
        st.button(
            "Clear",
            on_click=_clear,
            disabled=not st.session_state[_FIELD],
            type="tertiary",
            icon=":material/close:",
            help="Clear the selection, so that all latents are selected",
        )
        explain_button(selected.mask)
        with _menu("Saved", "bookmark", "Selections that this browser keeps"):
            named_selections(view.select if not selected.error else "")
        collections_menu(bundle, selected.mask)
        with _menu("Syntax", "data_object", "How to write a selection"):
            st.markdown(_SYNTAX)
        with _menu("Share", "link", "A link that opens this view"):
            _link(view)
    search_list(bundle)


def _menu(name: str, icon: str, meaning: str) -> DeltaGenerator:
    """A menu of the bar; narrow windows show only its icon, so that it has a tooltip."""
    return st.popover(
        name, type="tertiary", icon=f":material/{icon}:", width="content", help=meaning
    )


def selection_parts(bundle: Bundle, selected: Selected) -> None:
    """Draw what only some selections have: an error, parts, an explanation, a note.

    It comes last in the toolbar, because a browser makes the elements after a new one anew. The
    style sheet puts it in its place.
    """
    view = session.current()
    if selected.error:
        st.error(plain(selected.error, _LONGEST_ERROR))
    if not view.selection_error:
        selection_chips(bundle, view.select, None if selected.error else selected.mask)
    explained_selection(bundle, selected.mask, view.select)
    note_of_selected_collection(bundle, view.selection)


def _step_buttons() -> None:
    st.button(
        ":material/undo:",
        key="undo selection",
        help="Undo the last selection",
        on_click=_undo,
        disabled=not session.can_undo(),
        type="tertiary",
    )
    st.button(
        ":material/redo:",
        key="redo selection",
        help="Select again what was undone",
        on_click=_redo,
        disabled=not session.can_redo(),
        type="tertiary",
    )


def _mask(bundle: Bundle, view: ViewState) -> tuple[Bools, str]:
    """The mask, and why it could not be computed; then everything is selected."""
    try:
        noted = noted_for(bundle, view.selection)
        if noted is None:
            return _evaluated(bundle.identity, view.select, bundle), ""
        return evaluate(view.selection, bundle, noted), ""
    except InputError as error:
        return np.ones(bundle.latents.num_rows, dtype=bool), error.public


@st.cache_data(show_spinner="Selecting latents …", max_entries=64)
def _evaluated(identity: str, text: str, _bundle: Bundle) -> Bools:
    return evaluate(parse(text), _bundle)


def _pending_error(view: ViewState) -> str:
    """Why the text in the field is invalid, until it is corrected or the selection changes."""
    error, unchanged = st.session_state.get(_INVALID, ("", view.select))
    if unchanged != view.select:
        del st.session_state[_INVALID]
        return ""
    return str(error)


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
def _undo() -> None:
    session.undo()


@guarded()
def _redo() -> None:
    session.redo()


@guarded()
def _clear() -> None:
    st.session_state.pop(_INVALID, None)
    session.select(Everything())


def _link(view: ViewState) -> None:
    st.markdown("This link opens the current view for everyone who can reach this server.")
    st.code(session.link(view), language=None, wrap_lines=True)
