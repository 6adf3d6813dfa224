"""The document of a context, opened over the page."""

import streamlit as st

from analysis.bundle import Bundle
from charts.opened_document import document_strip, document_text, title_of_document
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.figure_card import show
from pages.widgets.markdown import plain


def opened_document(bundle: Bundle, latent: int) -> None:
    """Show the document of the view, if it has one; nothing otherwise."""
    passage = session.current().passage
    if passage is None:
        return
    document, position = passage
    title = plain(title_of_document(bundle, document))

    @guarded("opening a document")
    def contents() -> None:
        show(document_strip(bundle, latent, document, position))
        show(document_text(bundle, latent, document, position))

    st.dialog(title, width="large", on_dismiss=_close)(contents)()


@guarded()
def _close() -> None:
    session.clear_brushes()
    session.change(passage=None)
