"""The toolbar of every page: its name, the bundle, its question, the selection and its choices.

The style sheet arranges the parts in one row where there is room.
"""

from dataclasses import dataclass, field, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from analysis.bundle import Bundle, Manifest
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from pages.widgets import session
from pages.widgets.bundles import shown
from pages.widgets.export_menu import begin_run
from pages.widgets.glossary import glossary
from pages.widgets.markdown import plain
from pages.widgets.selection_bar import (
    Selected,
    selection_buttons,
    selection_field,
    selection_parts,
)
from pages.widgets.state import ViewState

RAIL = 350
"""Pixels."""
FIGURES_END = "end of the first figures"
"""The key of an element that is not seen."""


@dataclass(frozen=True)
class _Begun:
    """What the rest of a toolbar needs."""

    title: str
    question: str
    name: DeltaGenerator
    selected: Selected


@dataclass(frozen=True)
class Page:
    """The bundle, the view and the mask [n_latents] of the selection that a page shows."""

    bundle: Bundle
    view: ViewState
    mask: Bools
    toolbar: DeltaGenerator = field(default_factory=st.container)
    """The place of the choices of the page."""
    facts: DeltaGenerator = field(default_factory=st.container)
    """The place of badges about what the page shows."""
    begun: _Begun | None = None
    """The rest of the toolbar, until `complete` draws it."""

    @property
    def selected(self) -> Bools | None:
        """The mask, or None if everything is selected and no latent needs to stand out."""
        return None if self.mask.all() else self.mask

    @property
    def selection(self) -> str:
        """The text of the selection; empty if everything is selected."""
        return "" if self.selected is None else self.view.select


def begin(title: str, question: str, *, of_latents: bool = False) -> Page:
    """Draw the toolbar of a page; `question` is what the page answers.

    A page that is not `of_latents` does not show a latent that the reader has not chosen.
    """
    return complete(begin_with_figures(title, question, of_latents=of_latents))


def begin_with_figures(title: str, question: str, *, of_latents: bool = False) -> Page:
    """Draw only the selection of the toolbar of a page whose first figures come next.

    A browser draws what comes first, and a toolbar takes it as long as a few charts. `complete`
    draws the rest.
    """
    _restart_in_dashboard()
    begin_run(title)
    bundle = shown()
    if not of_latents:
        session.drop_suggestions()
    place = st.container(key="toolbar")
    with place:
        name = _row("page name")
        selected = selection_field(bundle)
    begun = _Begun(title, question, name, selected)
    return Page(bundle, session.current(), selected.mask, place, place, begun)


def complete(page: Page) -> Page:
    """Draw the rest of the toolbar of a page that has begun with figures."""
    begun, place = page.begun, page.toolbar
    if begun is None:
        return page
    with begun.name:
        _name(page.bundle, begun.title, begun.question)
    with place:
        selection_buttons(page.bundle, begun.selected)
        with st.container(horizontal=True, key="page tools"):
            choices, facts = _row("page choices"), _row("page facts")
        selection_parts(page.bundle, begun.selected)
    _report_invalid()
    return replace(page, view=session.current(), toolbar=choices, facts=facts, begun=None)


def _name(bundle: Bundle, title: str, question: str) -> None:
    st.title(title, anchor=False, width="content")
    _pill(bundle)
    with st.popover(
        f"About {title}",
        type="tertiary",
        icon=":material/help:",
        width="content",
        help="What this page answers, and what its terms mean",
    ):
        st.markdown(question)
        glossary(title)


def _report_invalid() -> None:
    """Name the values of a new link that were ignored."""
    parts = [f"{plain(name)}={plain(text, 60)}" for name, text in session.take_invalid().items()]
    if parts:
        verb = "which is not a valid value" if len(parts) == 1 else "which are not valid values"
        st.warning(f"This link has {' and '.join(parts)}, {verb}; the default is shown instead.")


def workspace() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The place of the map, as high as the window, and a narrow one beside it or below."""
    with st.container(horizontal=True, key="workspace"):
        return st.container(key="stage"), st.container(key="rail", width=RAIL)


def figures_end() -> None:
    """Say that the figures which a browser is to draw first are complete.

    What follows comes a little later (`pages.server.batches`).
    """
    st.container(key=FIGURES_END)


def options(key: str = "options") -> DeltaGenerator:
    """A row of choices between the figures of a page; its key begins with "options"."""
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key=key)


def _row(key: str) -> DeltaGenerator:
    return st.container(
        horizontal=True, vertical_alignment="center", gap="small", width="content", key=key
    )


def _pill(bundle: Bundle) -> None:
    """The bundle and its number of tokens; opens what every figure of the bundle is based on."""
    manifest = bundle.manifest
    label = f"{plain(bundle.name, 24)} · N = {numbers.count(manifest.tokens)}"
    with st.popover(label, icon=":material/database:", width="content", help="The data"):
        st.markdown(f"**{_names(bundle)}**")
        st.markdown("\n".join(f"- {plain(fact, 1000)}" for fact in basis(manifest)))
        st.caption("Every figure says what it counts. Exported files carry all of this.")


def basis(manifest: Manifest) -> list[str]:
    """What all figures of a bundle are based on, as sentences."""
    return [
        f"N = {numbers.count(manifest.tokens)} kept tokens of "
        f"{numbers.count(manifest.documents)} documents.",
        f"A latent is active when {manifest.active_rule}.",
        f"{manifest.mask.policy.rstrip('. ')}.",
        f"Bundle {manifest.bundle_id}.",
    ]


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
