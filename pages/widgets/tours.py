"""The tours of a bundle as cards: links to saved views with what they show."""

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection.tours.tour import CheckedTour, checked_tours
from pages.widgets.markdown import plain

COLUMNS = 3
_LONGEST = 400


def tours(bundle: Bundle) -> None:
    """The tours whose finding holds in this bundle; nothing if it has none."""
    try:
        checked = checked_tours(bundle)
    except InputError as error:
        st.caption(f"The tours cannot be shown. {plain(error.public, _LONGEST)}")
        return
    holding = [tour for tour in checked if tour.holds]
    if holding:
        st.subheader("Where to begin", anchor=False)
    for first in range(0, len(holding), COLUMNS):
        columns = st.columns(COLUMNS)
        for column, tour in zip(columns, holding[first : first + COLUMNS], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(bundle, tour)
    if len(holding) < len(checked):
        st.caption(
            f"{numbers.count(len(checked) - len(holding))} of {numbers.count(len(checked))} tours "
            "are left out: their findings are not significant in this bundle."
        )


def tours_ahead(bundles: Sequence[Bundle]) -> None:
    """Test the tours of the first bundle, for which the first reader would wait."""
    for bundle in bundles[:1]:
        with suppress(InputError):  # the page shows it
            checked_tours(bundle)


def _card(bundle: Bundle, checked: CheckedTour) -> None:
    tour, evidence = checked.tour, checked.evidence
    st.page_link(
        f"pages/{tour.page}.py",
        label=f"**{plain(tour.title)}**",
        icon=":material/arrow_forward:",
        query_params={"bundle": bundle.manifest.bundle_id, **tour.query},
    )
    st.markdown(plain(tour.sentence, _LONGEST))
    st.caption(
        plain(f"{evidence.statement} q {_shown(evidence.q)}.", _LONGEST),
        help=plain(
            "q is the p-value, corrected for the choice of the finding; it does not say how large "
            "the effect is. "
            f"Null: {evidence.null}. p = {numbers.short(evidence.p)}, corrected for the choice "
            f"among {numbers.count(evidence.family)} (Bonferroni).",
            _LONGEST,
        ),
    )


def _shown(q: float) -> str:
    """A q-value, such as "= 0.018". Tokens depend on each other, so tiny ones are all alike."""
    return "< 0.001" if q < 0.001 else f"= {numbers.short(q)}"
