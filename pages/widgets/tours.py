"""The tours of a bundle as cards: links to saved views with what they show.

The tests of the tours take longer than the rest of a page. So the cards are drawn before, and the
tests begin in a thread when the page has drawn its figures.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection.tours.tour import CheckedTour, Tour, checked_tours, read_tours
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.run_again import run_again_every

if TYPE_CHECKING:
    from analysis.selection.tours.finding_evidence import Evidence

COLUMNS = 3
WAIT = 0.5
"""Seconds between two looks at whether the tours are tested."""
_JOB = "tests of tours"
_LONGEST = 800


class _Job(NamedTuple):
    """The tests of the tours of one bundle."""

    bundle: str
    """The identity of the bundle."""
    tested: "Future[list[CheckedTour]]"


def tours(bundle: Bundle) -> None:
    """The tours of a bundle; those whose finding does not hold go as soon as they are tested."""
    st.fragment(_shown)(bundle)


def begin_testing(bundle: Bundle) -> None:
    """Begin to test the tours that the page shows, after all that it draws at once."""
    if checked_tours.kept(bundle) is None and _job_of(bundle) is None:
        tested: Future[list[CheckedTour]] = Future()
        # Not a job process: all readers of this process share the result.
        threading.Thread(target=_test, args=(bundle, tested), daemon=True).start()
        st.session_state[_JOB] = _Job(bundle.identity, tested)


def _test(bundle: Bundle, tested: "Future[list[CheckedTour]]") -> None:
    try:
        tested.set_result(checked_tours(bundle))
    except Exception as error:
        tested.set_exception(error)


@guarded("showing the tours")
def _shown(bundle: Bundle) -> None:
    try:
        checked, written = _checked(bundle), read_tours(bundle).tours
    except InputError as error:
        _refuse(error.public)
        return
    if checked is not None:
        _tested(bundle, checked)
    elif written:
        _cards(bundle, [(tour, None) for tour in written])
        run_again_every(WAIT, "tests of tours")


def _checked(bundle: Bundle) -> list[CheckedTour] | None:
    """The tested tours; None until they are. Raises what the tests have raised."""
    kept, job = checked_tours.kept(bundle), _job_of(bundle)
    is_done = kept is None and job is not None and job.tested.done()
    return job.tested.result() if job is not None and is_done else kept


def _job_of(bundle: Bundle) -> _Job | None:
    job: _Job | None = st.session_state.get(_JOB)
    return job if job is not None and job.bundle == bundle.identity else None


def _refuse(problem: str) -> None:
    st.caption(f"The tours cannot be shown. {plain(problem, _LONGEST)}")


def _tested(bundle: Bundle, checked: Sequence[CheckedTour]) -> None:
    """The tours whose finding holds; nothing if there are none."""
    _cards(bundle, [(one.tour, one.evidence) for one in checked if one.holds])
    left_out = sum(not one.holds for one in checked)
    if left_out:
        st.caption(
            f"{numbers.count(left_out)} of {numbers.count(len(checked))} tours are left out: their "
            "findings are not significant in this bundle."
        )


def _cards(bundle: Bundle, shown: Sequence[tuple[Tour, "Evidence | None"]]) -> None:
    if shown:
        st.subheader("Where to begin", anchor=False)
    for first in range(0, len(shown), COLUMNS):
        columns = st.columns(COLUMNS)
        for place, (tour, evidence) in enumerate(shown[first : first + COLUMNS]):
            with columns[place], st.container(border=True, height="stretch"):
                _card(bundle, tour, evidence, first + place)


def tours_ahead(bundles: Sequence[Bundle]) -> None:
    """Test the tours of the first bundle, for which the first reader would wait."""
    for bundle in bundles[:1]:
        with suppress(InputError):  # the page shows it
            checked_tours(bundle)


def _card(bundle: Bundle, tour: Tour, evidence: "Evidence | None", place: int) -> None:
    st.page_link(
        f"pages/{tour.page}.py",
        label=f"**{plain(tour.title)}**",
        icon=":material/arrow_forward:",
        query_params={"bundle": bundle.manifest.bundle_id, **tour.query},
    )
    st.markdown(plain(tour.sentence, _LONGEST))
    if evidence is None:
        # The style sheet keeps the room of the sentences that follow, so that nothing moves.
        with st.container(key=f"waiting {place}"):
            st.caption("Testing this on the bundle …")
        return
    st.caption(
        plain(f"{evidence.statement} Tested: {evidence.tested}, q {_q(evidence.q)}.", _LONGEST),
        help=plain(
            "q is the p-value, corrected for the choice of the finding; it does not say how large "
            "the effect is. "
            f"Null: {evidence.null}. p = {numbers.short(evidence.p)}, corrected for the choice "
            f"among {numbers.count(evidence.family)} (Bonferroni).",
            _LONGEST,
        ),
    )


def _q(q: float) -> str:
    """A q-value, such as "= 0.018". Tokens depend on each other, so tiny ones are all alike."""
    return "< 0.001" if q < 0.001 else f"= {numbers.short(q)}"
