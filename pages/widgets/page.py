"""How every page begins: its title, the selection, and the question that it answers."""

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from pages.widgets import bundle as bundles
from pages.widgets import state
from pages.widgets.selection_bar import selection_bar
from pages.widgets.text import plain


@dataclass(frozen=True)
class Page:
    """What a page shows: a bundle, the view of it, and the mask [n_latents] of the selection."""

    bundle: Bundle
    view: state.ViewState
    mask: Bools

    @property
    def selected(self) -> Bools | None:
        """The mask, or None where everything is selected and nothing needs to stand out."""
        return None if self.mask.all() else self.mask

    @property
    def selection(self) -> str:
        """The selection as text; empty where everything is selected."""
        return "" if self.selected is None else self.view.select


def begin(title: str, question: str) -> Page:
    """Draw the head of a page."""
    _enter_by_the_dashboard()
    bundle = bundles.shown()
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"
    ):
        st.title(title, anchor=False, width="content")
        st.caption(_named(bundle), width="content")
    mask = selection_bar(bundle)
    st.markdown(question)
    return Page(bundle, state.current(), mask)


def _named(bundle: Bundle) -> str:
    """The bundle, its SAE, and the hook point where the SAE's name does not tell it."""
    sae = bundle.manifest.sae
    hook = sae.hook_point or "hook point not known"
    names = [bundle.name, sae.name, *([hook] if hook not in sae.name else [])]
    return " · ".join(plain(name, 60) for name in names)


def _enter_by_the_dashboard() -> None:
    """Start over through dashboard.py when Streamlit has run the file of a page by itself.

    It does so in a folder named `pages` until `st.navigation` is called for the first time, which
    a link that is opened first on a fresh server would come before.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
