"""The view of this session, which is stored in the address bar.

The address bar is authoritative: opening a link restores its view. The session keeps a copy because
the browser clears the query parameters when the reader changes the page.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import urlencode

import streamlit as st

from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection import LONGEST_TEXT, Selection, parse
from charts.map_columns import ASSOCIATION
from pages.widgets.markdown import plain
from pages.widgets.state import PARAMETERS, ViewState, invalid_parameters

CHART = "figure"
"""How the keys of charts begin."""
GENERATION = "generations of the charts' own selections"
MOST_STEPS = 100
"""Selections that can be undone."""
_EARLIER = "selections before this one"
_UNDONE = "selections that were undone"
_UNWRITTEN = "the address is written later"
_VIEW = "view"
_ADDRESS = "query parameters last read or written"
_INVALID = "query parameters of the link that are not valid"
_SUGGESTED = "fields that the reader has not chosen"
_SET_ASIDE = "the latent of other pages while the map has none in focus"
_ABOUT_LATENT = ("latent", "regime", "passage")
_PAGE = "page of the last run"
Reports = Mapping[str, Any]
"""The interactions of one chart that are not empty, by name."""
_OF_THE_MAP = ("viewport", "beside", "mode", "size")
"""Parameters that the map in the browser writes as it moves; no chart depends on them."""


def current() -> ViewState:
    """The view of the address bar, or the copy of the session if a change of page cleared it."""
    params = {k: v for k, v in st.query_params.to_dict().items() if k in PARAMETERS}
    read = st.session_state.get(_ADDRESS)
    if params and params != read:
        if _VIEW in st.session_state and _others(params) != _others(read or {}):
            clear_brushes()
        st.session_state[_VIEW] = ViewState.from_query_params(params)
        st.session_state[_INVALID] = invalid_parameters(params)
        st.session_state[_ADDRESS] = params
        st.session_state.pop(_SUGGESTED, None)
        st.session_state.pop(_SET_ASIDE, None)
    view: ViewState = st.session_state.setdefault(_VIEW, ViewState())
    return view


def take_invalid() -> dict[str, str]:
    """The parameters of a new link that were ignored, once."""
    invalid: dict[str, str] = st.session_state.pop(_INVALID, {})
    return invalid


def _others(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that charts depend on."""
    return {name: text for name, text in params.items() if name not in _OF_THE_MAP}


def change(**changes: object) -> ViewState:
    """Change fields of the view and write it to the address bar."""
    note(**changes)
    write()
    return current()


def note(**changes: object) -> ViewState:
    """Change fields that the address bar has already, or that the end of the run writes."""
    st.session_state[_VIEW] = current().changed(**changes)
    for name in changes:
        st.session_state.get(_SUGGESTED, {}).pop(name, None)
    if "latent" in changes:
        st.session_state.pop(_SET_ASIDE, None)
    return current()


def arrive(page: str) -> None:
    """Note which page comes next, before it is drawn; `page` is its path in the address.

    A map that is opened by the menu begins without the latent of other pages: the lines to its
    neighbours would cover the map uninvited. The other pages get their latent back, unless the
    reader has put one in focus on the map. A link to the map says itself what is in focus.
    """
    before, st.session_state[_PAGE] = st.session_state.get(_PAGE), page
    view = current()
    if page == before:
        return
    if page != "map":
        note(**st.session_state.pop(_SET_ASIDE, {}))
    elif not PARAMETERS & st.query_params.to_dict().keys():
        is_chosen = view.latent is not None and "latent" not in st.session_state.get(_SUGGESTED, {})
        if is_chosen and view.colour != ASSOCIATION:
            note(latent=None)
            st.session_state[_SET_ASIDE] = {name: getattr(view, name) for name in _ABOUT_LATENT}


def suggest(**ids: int) -> ViewState:
    """Fill fields that the reader has not chosen, such as the first latent of the selection.

    Other pages do not show them: `drop_suggestions`.
    """
    view = change(**ids)
    st.session_state[_SUGGESTED] = st.session_state.get(_SUGGESTED, {}) | ids
    return view


def drop_suggestions() -> None:
    """Empty the fields that were suggested and that the reader has not chosen since."""
    suggested = st.session_state.pop(_SUGGESTED, {})
    if suggested:
        change(**dict.fromkeys(suggested))


def open_page(page: str, **changes: object) -> NoReturn:
    """Go to the file of a page, with changes to the view.

    The address keeps its parameters until the page has been drawn. Otherwise the browser would add
    a step with the new parameters to the page that is left.
    """
    note(**changes)
    st.switch_page(page, query_params=st.query_params.to_dict())


def reset(bundle: str) -> ViewState:
    """Start with another bundle; keep only the fields that have the same meaning there."""
    view = current()
    st.session_state[_VIEW] = ViewState(bundle=bundle, measure=view.measure, colour=view.colour)
    for one in (_EARLIER, _UNDONE, _SET_ASIDE):
        st.session_state.pop(one, None)
    write()
    return current()


@contextmanager
def unwritten() -> Iterator[None]:
    """Do not write the address in this block, because another page is opened after it."""
    st.session_state[_UNWRITTEN] = True
    try:
        yield
    finally:
        del st.session_state[_UNWRITTEN]


def write() -> None:
    """Write the view to the address bar."""
    if _UNWRITTEN in st.session_state:
        return
    params = current().to_query_params()
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)
    st.session_state[_ADDRESS] = params


def link(view: ViewState) -> str:
    """The address of this page that restores the view, on the host that the reader used."""
    page = (st.context.url or "").split("?")[0]
    return f"{page}?{urlencode(view.to_query_params())}"


def select(selection: Selection, *, keep_brushes: bool = False) -> ViewState:
    """Set the selection, and clear the boxes drawn in charts.

    If its text is too long for a link, or could not be read back because many gestures have added
    to it, the view does not change and the page shows the reason.
    """
    text = str(selection)
    if problem := _problem_of(text):
        st.toast(f"Nothing was selected: {problem}")
        return current()
    if not keep_brushes:
        clear_brushes()
    if text != current().select:
        _record(_EARLIER, current().select)
        st.session_state[_UNDONE] = []
    return change(select=text)


def _problem_of(text: str) -> str:
    """Why no link can hold a selection; empty if one can."""
    if len(text) > LONGEST_TEXT:
        return (
            f"the text of this selection has {numbers.count(len(text))} characters, but a link "
            f"holds at most {numbers.count(LONGEST_TEXT)}. Select fewer latents."
        )
    try:
        parse(text)
    except InputError as error:
        return plain(error.public.removeprefix("Selection: "))
    return ""


def can_undo() -> bool:
    """Whether a selection was made in this session that can be undone."""
    return bool(st.session_state.get(_EARLIER))


def can_redo() -> bool:
    """Whether a selection was undone, and none was made after it."""
    return bool(st.session_state.get(_UNDONE))


def undo() -> ViewState:
    """Go back to the selection before the last one that was made; nothing if there is none."""
    return _step(_EARLIER, _UNDONE)


def redo() -> ViewState:
    """Make the selection again that was undone last; nothing if there is none."""
    return _step(_UNDONE, _EARLIER)


def _step(source: str, other: str) -> ViewState:
    texts = list(st.session_state.get(source, []))
    if not texts:
        return current()
    text = texts.pop()
    st.session_state[source] = texts
    _record(other, current().select)
    clear_brushes()
    return change(select=text)


def _record(where: str, text: str) -> None:
    st.session_state[where] = [*st.session_state.get(where, []), text][-MOST_STEPS:]


def generation(figure: str) -> int:
    """Part of the key of the chart of a figure; a new one clears what is drawn in the chart."""
    generations: dict[str, int] = st.session_state.get(GENERATION, {})
    return generations.get(figure, 0)


def clear_brushes() -> None:
    """Clear the boxes drawn in charts, because the selection has changed.

    Charts in which nothing is drawn stay, and the browser only changes their data.
    """
    drawn = [figure_of(key) for key, reports in charts_reports().items() if reports]
    generations: dict[str, int] = st.session_state.get(GENERATION, {})
    changed = {figure: generation(figure) + 1 for figure in drawn}
    st.session_state[GENERATION] = generations | changed


def chart_key(figure: str) -> str:
    """The key of the chart of a figure in which a reader can select."""
    return f"{CHART} {figure} {generation(figure)}"


def figure_of(key: str) -> str:
    """The name of the figure of a `chart_key`."""
    return key.removeprefix(f"{CHART} ").rpartition(" ")[0]


def charts_reports() -> dict[str, Reports]:
    """What each chart of the page reports, by the chart's key."""
    # Streamlit takes as long for each value as for all keys.
    keys = [key for key in st.session_state if str(key).startswith(f"{CHART} ")]
    return {str(key): _reports(st.session_state[key]) for key in keys}


def _reports(value: Any) -> Reports:
    selection = value["selection"] if value and "selection" in value else {}
    return {name: selection[name] for name in selection if selection[name]}
