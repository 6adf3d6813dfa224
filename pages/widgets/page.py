"""The head of every page: title, bundle, selection bar and the question that the page answers."""

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from pages.widgets import session
from pages.widgets.bundles import shown
from pages.widgets.markdown import plain
from pages.widgets.selection_bar import selection_bar
from pages.widgets.state import ViewState


@dataclass(frozen=True)
class Page:
    """The bundle, the view and the mask [n_latents] of the selection that a page shows."""

    bundle: Bundle
    view: ViewState
    mask: Bools

    @property
    def selected(self) -> Bools | None:
        """The mask, or None if everything is selected and no latent needs to stand out."""
        return None if self.mask.all() else self.mask

    @property
    def selection(self) -> str:
        """The text of the selection; empty if everything is selected."""
        return "" if self.selected is None else self.view.select


def begin(title: str, question: str) -> Page:
    """Draw the head of a page."""
    _restart_in_dashboard()
    bundle = shown()
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        st.title(title, anchor=False, width="content")
        st.caption(_names(bundle), width="content")
    mask = selection_bar(bundle)
    st.markdown(question)
    return Page(bundle, session.current(), mask)


def _names(bundle: Bundle) -> str:
    """The bundle, its SAE, and the hook point unless the name of the SAE contains it."""
    sae = bundle.manifest.sae
    hook = sae.hook_point or "unknown hook point"
    names = [bundle.name, sae.name, *([hook] if hook not in sae.name else [])]
    return " · ".join(plain(name, 60) for name in names)


def _restart_in_dashboard() -> None:
    """Restart in dashboard.py if Streamlit has run the file of a page directly.

    Streamlit runs files in a folder named `pages` directly until `st.navigation` is called for the
    first time. A link to a page may be the first request to a fresh server.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
