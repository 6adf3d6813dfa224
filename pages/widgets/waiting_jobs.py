"""The files for which a reader waits: their places in the queue, and why one was not made.

A download is made outside of a run of the page, and Streamlit shows no more of it than that it is
not ready, or has failed. So this part of the page runs after each click on a download, and again
until no file is waited for.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import CancelledJobError, Job
from analysis.serve.jobs.line import shared_line
from pages.widgets.failures import guarded, report
from pages.widgets.markdown import plain
from pages.widgets.requester import requester
from pages.widgets.run_again import run_again_after_click, run_again_every

KEY = "waiting-jobs"
AFTER_CLICK = 1.0
"""Seconds after a click, in which most files are ready."""
WAIT = 1.0
"""Seconds between two looks at the queue."""
_DOWNLOADS = "[data-testid=stDownloadButton] button"
_MOST_PROBLEMS = 100
_LONGEST = 400
_problems: deque[tuple[str, str]] = deque(maxlen=_MOST_PROBLEMS)
"""Pages and sentences that they have not shown."""
_lock = threading.Lock()


@contextmanager
def problems_shown_on(page: str) -> Iterator[None]:
    """Let a page show why this block has failed; exceptions pass."""
    try:
        yield
    except CancelledJobError:
        raise
    except InputError as error:
        _note(page, error.public)
        raise
    except Exception as error:
        _note(page, report(error, "making a file"))
        raise


def problems_of(page: str) -> list[str]:
    """Why files of a page were not made since this was last asked."""
    with _lock:
        own = [problem for problem in _problems if problem[0] == page]
        for problem in own:
            _problems.remove(problem)
    return [sentence for _, sentence in own]


def waiting_jobs() -> None:
    """Show the jobs of this page that wait or run, with a button that cancels each."""
    st.fragment(_part)()


@guarded("showing the files that are being made")
def _part() -> None:
    page = requester().page
    run_again_after_click(_DOWNLOADS, AFTER_CLICK, "after downloads")
    for sentence in problems_of(page):
        st.toast(plain(sentence, _LONGEST), icon=":material/error:", duration="long")
    jobs = [job for job in shared_line().jobs() if job.requester.page == page]
    files = [job for job in jobs if not job.has_progress]  # others show their progress themselves
    if not files:
        return
    run_again_every(WAIT, "files that are being made")
    with st.container(key=KEY, border=True):
        for number, job in enumerate(files):
            _row(number, job)


def _row(number: int, job: Job) -> None:
    place = shared_line().place(job)
    state = f"place {numbers.count(place)} in the queue" if place else "is being made"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{plain(job.title, 80)}: {state}")
        st.button(
            "Cancel",
            key=f"cancel job {number}",
            icon=":material/close:",
            type="tertiary",
            on_click=_cancel,
            args=(job,),
        )


@guarded()
def _cancel(job: Job) -> None:
    job.cancel()


def _note(page: str, sentence: str) -> None:
    with _lock:
        _problems.append((page, sentence))
