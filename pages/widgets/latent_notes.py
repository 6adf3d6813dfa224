"""The note of a latent, on its page or where it is pointed out, and the next unread latent."""

import secrets
from functools import partial

import streamlit as st

from analysis.bundle import Bundle
from analysis.notes.subjects import latent_subject
from analysis.notes.unread import next_unread, unread
from analysis.runtime import numbers
from charts.core.names import name_by_latent
from pages.widgets import session
from pages.widgets.current_user import i_may
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.note_panel import note_panel
from pages.widgets.noted import known_notes
from pages.widgets.page import Page

_STEPS = 2**30


def latent_notes(page: Page, latent: int) -> None:
    """The note and the votes of a latent, and where to go next."""
    label: str = page.bundle.latents["label"][latent].as_py()
    note_panel(page.bundle, latent_subject(latent), label, partial(_unread_buttons, page, latent))


def pointed_latent_notes(bundle: Bundle, latent: int | None, shortcut: str | None = "n") -> None:
    """The note and the votes of a latent that is in focus on a map or ticked in a table.

    `shortcut` is None on a page with another note that has the key.
    """
    if latent is None or not 0 <= latent < bundle.latents.num_rows:
        return
    label: str = bundle.latents["label"][latent].as_py()
    name = name_by_latent(bundle, [latent])[latent]
    st.markdown(f"**Latent {latent}** {plain(name or 'no label', 80)}")
    note_panel(bundle, latent_subject(latent), label, shortcut=shortcut)


def _unread_buttons(page: Page, latent: int) -> None:
    """Two buttons that leave `latent` for one of the selection without note and vote."""
    noted, problem = known_notes(page.bundle)
    if problem or not i_may(page.bundle, "annotate"):
        return
    ids = unread(page.bundle, noted, page.mask)
    left = f"{numbers.count(len(ids))} of the selected latents have no note and no vote."
    st.button(
        "Next without a note",
        key="next unread latent",
        icon=":material/skip_next:",
        help=f"{left} The next one in reading order. Key J.",
        shortcut="j",
        disabled=not len(ids),
        on_click=_go,
        args=(next_unread(ids, latent),),
    )
    st.button(
        "Random without a note",
        key="random unread latent",
        icon=":material/casino:",
        help=f"{left} One of them at random, so that what is read is an even sample.",
        disabled=not len(ids),
        on_click=_go,
        args=(next_unread(ids, latent, secrets.randbelow(_STEPS) / _STEPS),),
    )


@guarded()
def _go(latent: int | None) -> None:
    if latent is not None:
        session.change(latent=latent)
