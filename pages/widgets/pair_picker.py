"""Choosing the pair that is looked at, and by which rule its latents count as active."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair, read_pair
from analysis.cooccurrence.ranking import ranked_partners, reason_for_no_partners
from charts.core.text import name_of
from pages.widgets import state
from pages.widgets.events import open_latent, open_pair
from pages.widgets.page import Page
from pages.widgets.text import plain

MOST_PARTNERS = 40
_PARTNER = "partner among the strongest"
_OPEN = "pair with a partner"


@dataclass(frozen=True)
class _Field:
    """A number of the view and its field on the page."""

    name: str
    label: str
    help: str = ""

    @property
    def key(self) -> str:
        return f"pick {self.name} of the pair"


_LATENT, _OTHER = _Field("latent", "Latent a"), _Field("partner", "Latent b")
_THRESHOLD = _Field(
    "threshold",
    "Active above",
    "A latent counts as active on a token where its activation is larger. The tests and the "
    "listed relations keep to the rule of the bundle.",
)
_WINDOW = _Field(
    "window", "Window, tokens", "Kept tokens of one window; documents are not crossed."
)


def pair_picker(page: Page) -> Pair:
    """The pair of the view; where a link names none, one latent and its strongest partner."""
    a, b = _known(page.bundle, page.view)
    last = page.bundle.latents.num_rows - 1
    one, two, among, least, wide, swap = st.columns(
        [2, 2, 5, 2, 2, 1.6], vertical_alignment="bottom"
    )
    with one:
        _whole(_LATENT, a, 0, last)
    with two:
        _whole(_OTHER, b, 0, last)
    with among:
        _among_partners(page.bundle, a)
    own = page.bundle.manifest.parameters.active_threshold
    threshold = max(page.view.threshold, own)
    with least:
        st.session_state[_THRESHOLD.key] = threshold
        st.number_input(
            _THRESHOLD.label,
            min_value=own,
            step=0.5,
            format="%g",
            key=_THRESHOLD.key,
            help=_THRESHOLD.help,
            on_change=_take,
            args=(_THRESHOLD,),
        )
    with wide:
        _whole(_WINDOW, page.view.window, 1, state.WIDEST_WINDOW)
    swap.button("Swap", icon=":material/swap_horiz:", on_click=_go, args=(b, a), width="stretch")
    return read_pair(page.bundle, a, b, threshold, page.view.window)


def _known(bundle: Bundle, view: state.ViewState) -> tuple[int, int]:
    """The two latents of the view, mended where they are missing, unknown or the same."""
    last = bundle.latents.num_rows - 1
    a = view.latent if 0 <= view.latent <= last else _with_partners(bundle)
    b = view.partner
    if b == a or not 0 <= b <= last:
        flags = bundle.latents["flag"]
        strongest = strongest_partners(bundle, a, "phi")
        live = [one for one in strongest if flags[one].as_py() == "live"]
        b = [*live, *strongest, (a + 1) % (last + 1)][0]
    if (a, b) != (view.latent, view.partner):
        _say_what_was_mended(view, last, b)
        state.change(latent=a, partner=b)
    return a, b


def _say_what_was_mended(view: state.ViewState, last: int, b: int) -> None:
    """A sentence where what was asked for is no pair; none where nothing was asked for."""
    for asked in (view.latent, view.partner):
        if asked > last:
            st.warning(f"There is no latent {asked}: this SAE has 0 to {last}. Another is shown.")
            return
    if view.partner == view.latent != state.NO_LATENT:
        st.warning(f"Latent {view.latent} makes no pair with itself. Its partner {b} is shown.")


def _with_partners(bundle: Bundle) -> int:
    """The live latent with the most active tokens."""
    live = pc.equal(bundle.latents["flag"].cast("string"), "live").to_numpy(zero_copy_only=False)
    return int(np.argmax(np.where(live, bundle.latents["active_tokens"].to_numpy(), -1)))


def strongest_partners(bundle: Bundle, latent: int, measure: str) -> list[int]:
    """Ids of the partners of a latent, strongest first."""
    rows = ranked_partners(bundle, latent, measure, most=MOST_PARTNERS)
    return [int(partner) for partner in rows["partner"].to_pylist()]


def _help(bundle: Bundle, latent: int, partners: list[int]) -> str:
    if not partners:
        return reason_for_no_partners(bundle, latent)
    return f"With at least {bundle.manifest.parameters.minimum_joint} joint tokens."


def _among_partners(bundle: Bundle, a: int) -> None:
    partners, labels = strongest_partners(bundle, a, "phi"), bundle.latents["label"]
    st.selectbox(
        f"or a partner of {a}, strongest by phi first",
        partners,
        index=None,
        key=_PARTNER,
        format_func=lambda one: name_of(one, labels[one].as_py(), 60),
        placeholder="choose one of them" if partners else "it has none",
        disabled=not partners,
        help=_help(bundle, a, partners),
        on_change=_take_partner,
    )


def open_pair_with(bundle: Bundle, latent: int) -> None:
    """From the page of a latent to the page of it and one of its partners."""
    measure, labels = state.current().measure, bundle.latents["label"]
    partners = strongest_partners(bundle, latent, measure)
    chosen = st.selectbox(
        "Look at the pair with",
        partners,
        index=None,
        key=f"{_OPEN} {latent}",
        format_func=lambda one: name_of(one, labels[one].as_py(), 60),
        placeholder="choose a partner" if partners else "it has none",
        disabled=not partners,
        help=_help(bundle, latent, partners),
    )
    if chosen is not None:
        open_pair(latent, chosen)


def pair_head(bundle: Bundle, pair: Pair) -> None:
    """The names of the two latents, each with the way to its page."""
    for one, letter, column in zip((pair.a, pair.b), "ab", st.columns(2), strict=True):
        row = bundle.latents.slice(one, 1).to_pylist()[0]
        with column, st.container(horizontal=True, vertical_alignment="center"):
            name = f" · {plain(row['label'], 60)}" if row["label"] else ""
            colour = "orange" if letter == "a" else "blue"
            st.markdown(f"#### :{colour}[{letter}] {one}{name}", width="content")
            if row["flag"] != "live":
                st.badge(row["flag"], color="gray")
            if st.button("Open", key=f"open {letter}", type="tertiary", icon=":material/target:"):
                open_latent(one)


def _whole(field: _Field, value: int, least: int, most: int) -> None:
    st.session_state[field.key] = value
    st.number_input(
        field.label,
        min_value=least,
        max_value=most,
        step=1,
        key=field.key,
        help=field.help or None,
        on_change=_take,
        args=(field,),
    )


def _take(field: _Field) -> None:
    state.change(**{field.name: st.session_state[field.key]})


def _take_partner() -> None:
    if st.session_state[_PARTNER] is not None:
        state.change(partner=int(st.session_state[_PARTNER]))
        st.session_state[_PARTNER] = None


def _go(a: int, b: int) -> None:
    state.change(latent=a, partner=b)
