"""Choosing the latent that is looked at: by its id, by its words, or by walking the selection."""

import numpy as np
import pyarrow.compute as pc
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.selection import Search, evaluate
from charts.core.text import name_of
from pages.widgets import state
from pages.widgets.page import Page

MOST_HITS = 50
_NUMBER = "pick latent"
_WORDS = "words of the latent"
_HIT = "latent among the hits"


def latent_picker(page: Page) -> int:
    """The latent of the view; the first selected one where a link names none."""
    latent = _known(page)
    by_id, by_words, among, back, on = st.columns([2, 3, 4, 2, 2], vertical_alignment="bottom")
    st.session_state[_NUMBER] = latent
    by_id.number_input(
        "Latent",
        min_value=0,
        max_value=len(page.mask) - 1,
        step=1,
        key=_NUMBER,
        on_change=_take,
        args=(_NUMBER,),
    )
    words = by_words.text_input("Find by label or token", key=_WORDS, placeholder="python")
    hits = _hits(page.bundle, words)
    labels = page.bundle.latents["label"]
    among.selectbox(
        f"{numbers.count(len(hits))} hits" if words else "Hits",
        hits[:MOST_HITS],
        index=None,
        key=_HIT,
        format_func=lambda i: name_of(i, labels[i].as_py(), 60),
        placeholder="choose one of them" if hits else "none yet",
        disabled=not hits,
        on_change=_take,
        args=(_HIT,),
    )
    _step(back, "Previous", _beside(page, latent, -1))
    _step(on, "Next", _beside(page, latent, 1))
    return latent


def _known(page: Page) -> int:
    wanted = page.view.latent
    if wanted == state.NO_LATENT:
        alive = page.bundle.latents["active_tokens"].to_numpy() > 0
        wanted = int(np.argmax(page.mask & alive))
    latent = min(wanted, len(page.mask) - 1)
    if latent != page.view.latent:
        state.change(latent=latent)
    return latent


def _hits(bundle: Bundle, words: str) -> list[int]:
    """Latents whose label or top tokens contain the words, densest first."""
    if not words:
        return []
    found = np.flatnonzero(evaluate(Search(words), bundle))
    density = bundle.latents["density"].take(found)
    order = pc.sort_indices(density, sort_keys=[("", "descending")])
    return [int(found[i]) for i in order.to_pylist()]


def _beside(page: Page, latent: int, step: int) -> int | None:
    """The next or the previous latent of the selection; None past its end."""
    selected = np.flatnonzero(page.mask)
    others = selected[selected > latent] if step > 0 else selected[selected < latent][::-1]
    return int(others[0]) if len(others) else None


def _step(column: DeltaGenerator, name: str, to: int | None) -> None:
    column.button(
        name,
        disabled=to is None,
        help="In the order of the ids, within the selection.",
        on_click=_go,
        args=(to,),
        width="stretch",
    )


def _take(key: str) -> None:
    _go(st.session_state[key])


def _go(latent: int | None) -> None:
    if latent is not None:
        state.change(latent=int(latent))
