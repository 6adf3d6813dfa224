"""The export menu of a figure or a table, and what a page has shown in this run."""

from dataclasses import replace
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import streamlit as st

from analysis.notes.note import Note
from charts.core.export import ROWS_KINDS, Kind, export, filename
from charts.core.figure import CaptionedTable, Figure
from charts.core.report import Part
from pages.widgets import session
from pages.widgets.authorised_file import authorised, may_be_exported
from pages.widgets.failures import guarded
from pages.widgets.paper_dialog import paper_button

WORDS: dict[Kind, str] = {
    "png": "Picture, PNG",
    "svg": "Picture, SVG",
    "html": "Web page, HTML",
    "parquet": "Rows, Parquet",
    "csv": "Rows, CSV",
    "csv-metadata": "Types of the CSV, JSON",
    "spreadsheet": "Rows, CSV for spreadsheets",
}
HELP: dict[Kind, str] = {
    "csv": "For programs: every text as it is, also one that begins like a formula.",
    "csv-metadata": "The side file of the CSV: caption, provenance, types, and how pandas reads "
    "the same rows as from the Parquet file.",
    "spreadsheet": "A text that begins with =, +, -, @, a tab or a return has an apostrophe before "
    "it, so that no spreadsheet computes it.",
}
_PICTURES: tuple[Kind, ...] = ("png", "svg")
"""Files that a dark page also offers in light colours, for paper."""
SHOWN = "figures and tables of this run"
NOTES = "notes that this run has shown"
TITLE = "title of the page of this run"
_Captioned = TypeVar("_Captioned", bound=CaptionedTable)


def begin_run(title: str) -> None:
    """Forget what the last run of a page has shown."""
    st.session_state[TITLE] = title
    st.session_state[SHOWN] = []
    st.session_state[NOTES] = []


def title_now() -> str:
    """The title of the page of this run."""
    return str(st.session_state.get(TITLE, ""))


def shown_now() -> list[Part]:
    """The figures and tables that this run has shown so far, in their order."""
    shown: list[Part] = st.session_state.setdefault(SHOWN, [])
    return shown


def notes_now() -> list[Note]:
    """The notes that this run has shown, also empty ones."""
    notes: list[Note] = st.session_state.setdefault(NOTES, [])
    return notes


def with_view(figure: _Captioned) -> _Captioned:
    """The figure with the link of this page, which its files carry; the page will show it."""
    placed = replace(figure, view=view_of_page())
    shown_now().append(placed)
    return placed


def view_of_page() -> str:
    """The page and the view as in a link, such as `latent?latent=20`."""
    page = urlsplit(st.context.url or "").path.rpartition("/")[2]
    return f"{page}?{urlencode(session.current().to_query_params())}"


def head_with_export(words: str, table: CaptionedTable) -> None:
    """The head of a table: words in Markdown, and its export menu at the right."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(words)
        export_menu(table)


def export_menu(figure: CaptionedTable, light: CaptionedTable | None = None) -> None:
    """The button that opens the files of a figure, or of a table.

    `light` is the figure in the light scheme, if the page is dark.
    """
    if not may_be_exported(figure):
        return
    with st.container(horizontal=True, width="content", gap="small", key=f"files of {figure.name}"):
        if isinstance(figure, Figure):
            paper_button(figure)
        _menu(figure, light)


@st.fragment
@guarded("listing the files")
def _menu(figure: CaptionedTable, light: CaptionedTable | None) -> None:
    """The menu of the files, which are listed once it is opened.

    The buttons of all menus would take a fifth of the time of each run of a page.
    """
    menu = st.popover(
        "Export",
        key=menu_key(figure.name),
        type="tertiary",
        icon=":material/download:",
        width="content",
        on_change="rerun",
    )
    if not menu.open:
        return
    kinds: tuple[Kind, ...] = tuple(WORDS) if isinstance(figure, Figure) else ROWS_KINDS
    with menu:
        for kind in kinds:
            _file(figure, kind, WORDS[kind])
        if light is not None and light is not figure:
            for kind in _PICTURES:
                _file(light, kind, f"{WORDS[kind]}, on white", " on white")


def menu_key(name: str) -> str:
    """The key of the export menu of a figure or a table."""
    return f"export menu of {name}"


def _file(figure: CaptionedTable, kind: Kind, words: str, variant: str = "") -> None:
    name = filename(figure, kind)
    st.download_button(
        words,
        authorised(figure, name, partial(export, figure, kind)),
        file_name=name,
        key=f"export {figure.name} {kind}{variant}",
        on_click="ignore",
        type="tertiary",
        help=HELP.get(kind),
    )
