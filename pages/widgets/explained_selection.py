"""What the selected latents have in common, against the rest; computed on request."""

import math
from typing import TYPE_CHECKING

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from charts.profile_bars import common_profile, counted_in, profile_bars
from pages.widgets import session
from pages.widgets.clusters_inside import clusters_inside
from pages.widgets.failures import guarded
from pages.widgets.figure_card import show
from pages.widgets.metrics import metrics

if TYPE_CHECKING:
    from analysis.labels.selection_profile import SelectionProfile


def explain_button(mask: Bools) -> None:
    """Show or hide the explanation of the selection, a mask [n_latents]."""
    is_shown = session.current().explain == "shown"
    is_part = bool(mask.any()) and not mask.all()
    st.button(
        "Hide the explanation" if is_shown else "Explain this selection",
        key="explain",
        on_click=_toggle,
        disabled=not is_part and not is_shown,
        type="tertiary",
        icon=":material/lightbulb:",
        help="Words, labels, partners and clusters that the selected latents have in common, "
        "against the rest. Select some of the latents first.",
    )


@guarded()
def _toggle() -> None:
    session.change(explain="hidden" if session.current().explain == "shown" else "shown")


def explained_selection(bundle: Bundle, mask: Bools, selection: str) -> None:
    """The explanation of a selection with the mask [n_latents], if the view shows it."""
    if session.current().explain != "shown":
        return
    if mask.all() or not mask.any():
        st.info("There is no selection to explain: select some of the latents, but not all.")
        return
    with st.container(border=True, key="explanation"):
        profile = common_profile(bundle, mask)
        st.markdown(
            "**What the selected latents have in common, against the rest** · "
            f"{counted_in(profile)}."
        )
        _numbers(profile)
        left, right = st.columns(2)
        with left:
            show(profile_bars(bundle, mask, "terms"), selection)
            show(profile_bars(bundle, mask, "partners"), selection)
        with right:
            show(profile_bars(bundle, mask, "label_words"), selection)
            show(profile_bars(bundle, mask, "clusters"), selection)
        clusters_inside(bundle, mask, selection)


def _numbers(profile: "SelectionProfile") -> None:
    lift, rest = profile.lift, profile.lift_rest
    metrics(
        {
            "Median density": (
                _density(profile.density),
                f"Over the active latents. Of the rest: {_density(profile.density_rest)}.",
            ),
            "Member lift": (
                f"{numbers.short(lift.lift)} (random: {numbers.short(rest.lift)})",
                "How often a selected latent fires on the words that the others name, in held-out "
                "documents, against chance (1): the median of "
                f"{numbers.counted(lift.members, 'latent')}. Random: the same for as many latents "
                "of the rest; it is often 0, as most of them never fire on these few words.",
            ),
            "Lift of 5 or more": (
                f"{numbers.percent(lift.share)} (random: {numbers.percent(rest.share)})",
                "Share of the latents whose lift is at least 5.",
            ),
            "Without their own words": (
                f"{numbers.short(lift.other_words)} (random: {numbers.short(rest.other_words)})",
                "The median lift if the three words that are most typical of a latent are left out "
                "for it, so that one shared word does not count as a shared meaning.",
            ),
        }
    )
    flags = ", ".join(f"{numbers.count(n)} {flag}" for flag, n in profile.flags.items())
    st.caption(f"Selected: {flags}.")


def _density(value: float) -> str:
    return numbers.MISSING if math.isnan(value) else numbers.density(value)
