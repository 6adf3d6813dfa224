"""The intruder test for readers: a minute of trials, without names and labels.

While a test runs, the page shows nothing else. The state is in the session. The clock is an
animation of the browser, so that it moves without reruns.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from charts.core.text import visible
from charts.profile_bars import terms_of_corpus
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.metrics import metrics
from pages.widgets.page import Page
from pages.widgets.run_again import run_again_every

if TYPE_CHECKING:
    from analysis.labels.blind_trials import BlindTrial, ShownContext

SECONDS = 60.0
_TEST = "blind test"
_NO_TRIALS = "subject without trials of a blind test"
_SEEDS = 2**31
_LONGEST = 400
"""Characters of one side of a context."""

Kind = Literal["latent", "cluster"]


@dataclass
class BlindTest:
    """A test that was started in this session."""

    bundle: str
    """The id of the bundle."""
    kind: Kind
    number: int
    """The id of the latent or cluster."""
    seed: int
    trials: "tuple[BlindTrial, ...]"
    started: float = field(default_factory=time.monotonic)
    places: list[int] = field(default_factory=list)
    """The chosen context of each answered trial, counted from 0."""
    shown_at: float = 0.0
    """Seconds from the start until the current trial was shown."""
    problem: str = ""
    """Why answers are not stored; empty if they are."""

    @property
    def subject(self) -> str:
        """Such as "latent 12"."""
        return f"{self.kind} {self.number}"

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def is_over(self) -> bool:
        """Whether the time is up or every trial is answered."""
        return self.elapsed >= SECONDS or len(self.places) == len(self.trials)

    @property
    def right(self) -> int:
        """Answers that are the foreign context."""
        answered = zip(self.trials[: len(self.places)], self.places, strict=True)
        return sum(trial.foreign == place for trial, place in answered)


def running_test(page: Page, kind: Kind) -> None:
    """Show the test of this session, if there is one, and end the page."""
    test: BlindTest | None = st.session_state.get(_TEST)
    if test is None or (test.bundle, test.kind) != (page.bundle.manifest.bundle_id, kind):
        return
    st.fragment(_draw)(page.bundle, test)
    st.stop()


def blind_test_button(bundle: Bundle, kind: Kind, number: int, members: Sequence[int]) -> None:
    """A button that starts a test of a latent or of a cluster, given by its ascending members."""
    st.button(
        "Test yourself",
        key=f"test {kind}",
        icon=":material/psychology:",
        help="Five contexts, one of which is foreign: find it. A minute, without names and labels. "
        "The answers are stored on this server, without your name.",
        on_click=_start,
        args=(bundle, kind, number, members),
    )
    if st.session_state.get(_NO_TRIALS) == f"{kind} {number}":
        st.info(
            f"There is no test of {kind} {number}, because it is active in too few held-out "
            "documents. Choose one that is active in at least four."
        )


@guarded()
def _start(bundle: Bundle, kind: Kind, number: int, members: Sequence[int]) -> None:
    # Imported here because numba would delay the first page.
    from analysis.labels.blind_trials import blind_trials  # noqa: PLC0415

    seed = secrets.randbelow(_SEEDS)
    trials = blind_trials(bundle, np.asarray(members), seed)
    if trials:
        session.change(explain="hidden")
        st.session_state[_TEST] = BlindTest(bundle.manifest.bundle_id, kind, number, seed, trials)
    else:
        st.session_state[_NO_TRIALS] = f"{kind} {number}"


@guarded("showing the test")
def _draw(bundle: Bundle, test: BlindTest) -> None:
    if _TEST not in st.session_state:
        st.rerun()  # the whole page, not only this fragment
    elif test.is_over:
        _result(bundle, test)
    else:
        _trial(test)


def _trial(test: BlindTest) -> None:
    """The question, the clock and five buttons, which are also the keys 1 to 5."""
    run_again_every(max(SECONDS - test.elapsed, 0) + 0.5, "end of the test")
    number = len(test.places)
    st.subheader("Which context is foreign?", anchor=False)
    st.markdown(
        f"Four are of {plain(test.subject)}, around tokens on which it is most active. One is not. "
        "Press 1 to 5, or click. Names and labels are hidden."
    )
    st.html(_clock(test.elapsed))
    for place, context in enumerate(test.trials[number].contexts):
        st.button(
            _words(context),
            key=f"blind {number} {place}",
            shortcut=str(place + 1),
            width="stretch",
            wrap=True,
            on_click=_answer,
            args=(test, number, place),
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{numbers.count(number)} answered", width="content")
        st.button(
            "Stop",
            key="stop blind test",
            icon=":material/stop:",
            type="tertiary",
            on_click=_stop,
            args=(test,),
        )
    _problem(test)


def _clock(elapsed: float) -> str:
    """A bar that becomes empty at the end of the time."""
    style = f"animation-duration: {SECONDS:g}s; animation-delay: -{elapsed:.2f}s"
    return (
        f'<div class="clearwater-clock" title="{SECONDS:g} seconds"><i style="{style}"></i></div>'
    )


def _words(context: "ShownContext") -> str:
    """The context as the label of a button: its token is bold."""
    before, after = visible(context.before)[-_LONGEST:], visible(context.after)[:_LONGEST]
    token = plain(context.token, _LONGEST) or "␣"
    # Markdown drops spaces at the ends of the parts.
    gap = " " if context.token.startswith(" ") else "\u2060"
    after_gap = " " if after.startswith(" ") else "\u2060"
    return f"… {plain(before, _LONGEST)}{gap}**{token}**{after_gap}{plain(after, _LONGEST)} …"


@guarded()
def _answer(test: BlindTest, number: int, place: int) -> None:
    """Record an answer; a second click on the same trial, or one after the end, does not count."""
    from analysis.labels.reader_answers import Answer, store_answer  # noqa: PLC0415

    if test.is_over or len(test.places) != number:
        return
    now = test.elapsed
    test.places.append(place)
    seconds, test.shown_at = round(now - test.shown_at, 2), now
    if test.problem:
        return
    try:
        store_answer(
            Answer(
                bundle=test.bundle,
                subject=test.subject,
                seed=test.seed,
                trial=number,
                answer=place + 1,
                right=test.trials[number].foreign == place,
                seconds=seconds,
                date=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )
    except InputError as error:
        test.problem = error.public


@guarded()
def _stop(test: BlindTest) -> None:
    """End the test now."""
    test.trials = test.trials[: len(test.places)]


@guarded()
def _close() -> None:
    """Show the page again."""
    st.session_state.pop(_TEST, None)


def _problem(test: BlindTest) -> None:
    if test.problem:
        st.warning(plain(test.problem, 1000))


def _result(bundle: Bundle, test: BlindTest) -> None:
    """The reader's score beside chance and beside that of the words in the same trials."""
    from analysis.labels.intruder import CHANCE, SHOWN  # noqa: PLC0415

    answered = len(test.places)
    st.subheader(f"Your test of {test.subject}", anchor=False)
    if not answered:
        st.markdown("You answered no trial.")
    else:
        words = _by_words(bundle, test)
        metrics(
            {
                "You": (
                    _share(test.right, answered),
                    "Trials in which you found the foreign context.",
                ),
                "The words alone": (
                    _share(words, answered),
                    "The same trials, judged by a rule that knows no meaning: foreign is the "
                    "context that shares the least words with the others.",
                ),
                "The words, in the bundle": (
                    numbers.percent(_score_of_bundle(bundle, test)),
                    "The automatic score of this subject: the same rule in other trials.",
                ),
                "Chance": (numbers.percent(CHANCE), f"One of {SHOWN} contexts is foreign."),
            }
        )
        st.caption(
            f"N = {numbers.count(answered)} trials of contexts from held-out documents; seed "
            f"{test.seed}."
        )
    _problem(test)
    st.button(
        f"Back to {test.subject}", icon=":material/arrow_back:", type="primary", on_click=_close
    )
    _answered_trials(test)


def _share(right: float | None, of: int) -> str:
    if right is None:
        return numbers.MISSING
    return f"{numbers.short(right)} of {of} ({numbers.percent(right / of)})"


def _by_words(bundle: Bundle, test: BlindTest) -> float | None:
    """In how many of the answered trials the words pick the foreign context.

    None if the terms of only a part of the corpus are known.
    """
    from analysis.labels.intruder import picked_by_words  # noqa: PLC0415

    corpus = terms_of_corpus(bundle)
    if not corpus.is_whole:
        return None
    rows = np.array([trial.rows for trial in test.trials[: len(test.places)]])
    return float(picked_by_words(rows, corpus.terms, bundle.kept_tokens).sum())


def _score_of_bundle(bundle: Bundle, test: BlindTest) -> float | None:
    """The automatic score that the bundle stores; None if it has none."""
    table = bundle.latents if test.kind == "latent" else bundle.clusters
    score: float | None = table["intruder"][test.number].as_py()
    return score


def _answered_trials(test: BlindTest) -> None:
    """Each answered trial with the foreign context and the reader's choice."""
    for number, place in enumerate(test.places):
        trial = test.trials[number]
        verdict = "right" if trial.foreign == place else "wrong"
        with st.expander(f"Trial {number + 1}: {verdict}"):
            for i, context in enumerate(trial.contexts):
                marks = [
                    *([":red-badge[foreign]"] if i == trial.foreign else []),
                    *([":blue-badge[your choice]"] if i == place else []),
                ]
                st.markdown(" ".join([_words(context), *marks]))
