"""A text of the reader: its strongest latents, where model and SAE are on this machine."""

import zlib

import streamlit as st

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import MOST_CHARACTERS, MOST_TOKENS
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection import Latents, ids_of
from analysis.serve.server_settings import server_settings
from charts.core.figure import CaptionedTable
from charts.own_text import (
    NOT_IMPORTANCE,
    own_text,
    own_text_strips,
    own_text_table,
    shares_of_text,
)
from charts.text_colours import OWN_TEXT, shares_text
from pages.widgets import session
from pages.widgets.events import open_latent
from pages.widgets.export_menu import head_with_export, with_view
from pages.widgets.failures import guarded
from pages.widgets.figure_card import show
from pages.widgets.frames import frame
from pages.widgets.markdown import plain

MAP_PAGE = "pages/map.py"
ROW_HEIGHT = 28
"""Pixels."""
SHOWN_ROWS = 12
SELECTED = 20
"""Latents that the button selects."""
_TEXT, _DENSE = "own text", "own text with dense latents"
_OPEN_MAP = "open the map by own text"
_NUMBER, _WORDS = st.column_config.NumberColumn, st.column_config.TextColumn
_COLUMNS = {
    "latent": _NUMBER("latent", format="%d", width="small"),
    "label": _WORDS("label", width="medium"),
    "label_precision": _NUMBER(
        "precision",
        format="percent",
        width="small",
        help="Of the label: on this share of the held-out words that it predicts, the latent "
        "fires. Few words may be predicted; the Latent page says how many.",
    ),
    "label_recall": _NUMBER(
        "recall",
        format="percent",
        width="small",
        help="Of the label: the share of the held-out words on which the latent fires that it "
        "predicts. Below 50 %, do not read the label as the meaning.",
    ),
    "ratio": st.column_config.ProgressColumn(
        "of its maximum",
        format="percent",
        min_value=0,
        max_value=1,
        width=130,
        help="Largest activation on the text, over the latent's maximum in the corpus. Above 100 % "
        "the text activates it more than any token of the corpus.",
    ),
    "activation": _NUMBER("activation", format="%.2f", width="small"),
    "rank": _NUMBER(
        "rank", format="localized", width="small", help="Among its activations in the corpus."
    ),
    "corpus_activations": _NUMBER("of", format="localized", width="small"),
    "token": _WORDS("token", width="small", help="Where it is strongest."),
    "position": _NUMBER("position", format="%d", width="small"),
    "active_in_text": _NUMBER("tokens", format="%d", width="small", help="Active tokens."),
    "density": _NUMBER("density", format="%.1e", width="small"),
    "top_tokens": st.column_config.ListColumn("top tokens", width="large"),
}


def own_text_panel(bundle: Bundle) -> None:
    """The field of the text, and its latents once a reader asks; only in the mode local."""
    if st.session_state.pop(_OPEN_MAP, False):
        session.open_page(MAP_PAGE)
    if server_settings().mode != "local":
        return
    with st.container(border=True, gap="small"):
        st.markdown(
            "**:material/edit_note: Try your own text.** "
            f"Which latents does your text activate? Up to {MOST_TOKENS} tokens are read by the "
            f"model and the SAE on this machine. {NOT_IMPORTANCE}"
        )
        with st.form("own text form", border=False):
            text = st.text_area(
                "Your text",
                key=_TEXT,
                max_chars=MOST_CHARACTERS,
                height=68,
                label_visibility="collapsed",
                placeholder="Type or paste a text, for example: The orcs attacked the village.",
            )
            st.form_submit_button("Read the text", icon=":material/play_arrow:", type="primary")
        if text.strip():
            with guarded("reading your text"):
                _show(bundle, text)


def _show(bundle: Bundle, text: str) -> None:
    dense = st.toggle(
        "Show dense latents", key=_DENSE, help="They are active on most texts, so they say little."
    )
    try:
        with st.spinner(
            "Reading the text. The first one loads model and SAE, which can take half a minute …"
        ):
            figures = own_text(bundle, text, dense), own_text_strips(bundle, text, dense)
            table = with_view(own_text_table(bundle, text, dense))
    except InputError as error:
        st.error(plain(error.public, 1000))
        return
    show(figures[0])
    _table(table, text, dense)
    with st.container(horizontal=True):
        _actions(bundle, text, dense, table)
    st.caption(plain(table.note or "", 1000))
    show(figures[1])


def _actions(bundle: Bundle, text: str, dense: bool, table: CaptionedTable) -> None:
    """What else can be done with the latents: select them, or colour the map."""
    first = table.rows["latent"].to_pylist()[:SELECTED]
    shares = shares_text(shares_of_text(bundle, text, dense))
    st.button(
        f"Select the first {numbers.count(len(first))}",
        key="select by own text",
        icon=":material/filter_alt:",
        disabled=not first,
        on_click=_select,
        args=(first,),
    )
    st.button(
        "Colour the map by the text",
        key="map by own text",
        icon=":material/palette:",
        disabled=not shares,
        on_click=_colour,
        args=(shares,),
    )


def _table(table: CaptionedTable, text: str, dense: bool) -> None:
    head_with_export(f"**{plain(table.title)}** · click a row to open its latent", table)
    event = st.dataframe(
        frame(table.rows),
        column_config=_COLUMNS,
        hide_index=True,
        key=f"own text {zlib.crc32(text.encode())} {dense}",
        on_select="rerun",
        selection_mode="single-cell",
        row_height=ROW_HEIGHT,
        height=ROW_HEIGHT * (min(table.rows.num_rows, SHOWN_ROWS) + 1) + 10,
        placeholder="–",
    )
    row = next((row for row, _ in event["selection"]["cells"] if row < table.rows.num_rows), None)
    if row is not None:
        open_latent(table.rows["latent"][row].as_py())


@guarded()
def _select(latents: list[int]) -> None:
    session.select(Latents(ids_of(latents)))


@guarded()
def _colour(shares: str) -> None:
    with session.unwritten():
        session.change(colour=OWN_TEXT, own_text=shares)
    st.session_state[_OPEN_MAP] = True
