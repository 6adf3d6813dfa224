"""Choose the latent that a page is about: by id, or the previous, next or any of the selection."""

import secrets

import numpy as np
import streamlit as st

from analysis.runtime.arrays import Bools, Ints
from analysis.selection.tours.first_views import first_latent
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.page import Page

_LATENT = "pick latent"


def latent_picker(page: Page) -> int:
    """The latent of the view; without one, a first one of the bundle or of the selection."""
    latent = _valid_latent(page)
    with page.toolbar:
        _latent_choices(page, latent)
    return latent


def _latent_choices(page: Page, latent: int) -> None:
    """The fields that choose a latent: by id, and the neighbours or any of the selection."""
    st.session_state[_LATENT] = latent
    st.number_input(
        "Latent",
        min_value=0,
        max_value=len(page.mask) - 1,
        step=1,
        key=_LATENT,
        on_change=_take_latent,
        args=(_LATENT,),
        width=190,
    )
    _step("Previous", "chevron_left", _next_selected(page.mask, latent, -1))
    _step("Next", "chevron_right", _next_selected(page.mask, latent, 1))
    _random_step(page, latent)


def _valid_latent(page: Page) -> int:
    latent, last = page.view.latent, len(page.mask) - 1
    if latent is None:
        latent = _first_latent(page)
        session.suggest(latent=latent)
    elif latent > last:
        st.warning(f"{no_such_latent(latent, last)} Latent {last} is shown.")
        latent = last
        session.change(latent=latent)
    return latent


def _first_latent(page: Page) -> int:
    """The first active latent of the selection; without a selection, one that shows much."""
    first = first_latent(page.bundle) if page.selected is None else None
    return int(np.argmax(_active(page))) if first is None else first


def _active(page: Page) -> Bools:
    """The selected latents [n_latents] that are active on some token."""
    return page.mask & (page.bundle.latents["active_tokens"].to_numpy() > 0)


def no_such_latent(latent: int, last: int) -> str:
    """Why a latent cannot be shown, if the last one of the SAE is `last`."""
    return f"There is no latent {latent}: this SAE has latents 0 to {last}."


def _next_selected(mask: Bools, latent: int, step: int) -> int | None:
    """The nearest selected latent after (`step` 1) or before (`step` -1) a latent, by id."""
    selected = np.flatnonzero(mask)
    others = selected[selected > latent] if step > 0 else selected[selected < latent][::-1]
    return int(others[0]) if len(others) else None


def _step(name: str, icon: str, latent: int | None) -> None:
    st.button(
        name,
        icon=f":material/{icon}:",
        type="tertiary",
        disabled=latent is None,
        help="Within the selection, in the order of the ids.",
        on_click=_go_to_latent,
        args=(latent,),
    )


def _random_step(page: Page, latent: int) -> None:
    """A button that shows another active latent of the selection, drawn when it is clicked."""
    others = np.flatnonzero(_active(page))
    others = others[others != latent]
    st.button(
        "Random latent",
        icon=":material/shuffle:",
        type="tertiary",
        disabled=not len(others),
        help="Any other latent of the selection that is active on some token.",
        on_click=_go_to_any,
        args=(others,),
    )


@guarded()
def _go_to_any(latents: Ints) -> None:
    session.change(latent=int(secrets.choice(latents)))


@guarded()
def _take_latent(key: str) -> None:
    _go_to_latent(st.session_state[key])


@guarded()
def _go_to_latent(latent: int | None) -> None:
    if latent is not None:
        session.change(latent=int(latent))
