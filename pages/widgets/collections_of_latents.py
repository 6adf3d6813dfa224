"""Collections: fixed sets of latents that readers have named, for everybody on this server."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import new_collection
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.selection import InCollection, Selection, conjuncts
from pages.widgets import session
from pages.widgets.author import writer
from pages.widgets.current_user import i_may
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.note_panel import note_panel
from pages.widgets.noted import known_notes, note_store, place_of

_MENU = "collections"
_FIELD = "name of a new collection"
_PROBLEM = "why no collection was made"


def collections_menu(bundle: Bundle, mask: Bools) -> None:
    """A menu of the collections; they are read when it is opened."""
    menu = st.popover(
        "Collections",
        key=_MENU,
        type="tertiary",
        icon=":material/folder:",
        width="content",
        help="Named sets of latents, for everybody on this server",
        on_change="rerun",
    )
    if menu.open:
        with menu:
            _collections(bundle, mask)


def _collections(bundle: Bundle, mask: Bools) -> None:
    """The collections, which can be selected, and a form that makes one of the selection."""
    noted, problem = known_notes(bundle)
    st.caption("Fixed sets of latents, for everybody on this server.")
    if problem:
        st.caption(plain(problem, 1000))
    for note in noted.collections:
        st.button(
            f"{plain(note.content.name, 60)} · {numbers.count(len(note.subject.members))} latents",
            key=f"select collection {note.subject.key}",
            type="tertiary",
            icon=":material/folder:",
            on_click=_select,
            args=(note.content.name,),
        )
    if not i_may(bundle, "annotate"):
        return
    with st.form("new collection", border=False, clear_on_submit=True):
        st.text_input("Name of a new collection", key=_FIELD)
        st.form_submit_button(
            f"Collect the {numbers.count(int(mask.sum()))} selected latents",
            key="make collection",
            on_click=_make,
            args=(bundle, np.flatnonzero(mask).tolist()),
        )
    if failed := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(failed, 1000))


def note_of_selected_collection(bundle: Bundle, selection: Selection) -> None:
    """The note on the collection that a selection names, if it names one.

    Of names that differ only in upper and lower case, it is the one that is written alike.
    """
    names = {
        name
        for part in conjuncts(selection)
        if isinstance(part, InCollection)
        for name in part.names
    }
    if len(names) != 1:
        return
    wanted = names.pop()
    noted, _ = known_notes(bundle)
    alike = [n for n in noted.collections if n.content.name.casefold() == wanted.casefold()]
    if alike:
        exact = [note for note in alike if note.content.name == wanted]
        note_panel(bundle, (exact or alike)[0].subject, shortcut=None)


@guarded()
def _select(name: str) -> None:
    session.select(InCollection((name,)))


@guarded()
def _make(bundle: Bundle, latents: list[int]) -> None:
    try:
        content = note_content(name=st.session_state[_FIELD])
        subject = new_collection(latents)
        name = writer(bundle, f"{subject.kind} {subject.key}")
        note_store().write(place_of(bundle), subject, content, 0, name)
    except InputError as error:
        st.session_state[_PROBLEM] = error.public
    else:
        session.select(InCollection((content.name,)))
