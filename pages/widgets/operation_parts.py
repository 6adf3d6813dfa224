"""What an operator sees: memory, jobs, open pages, the file of people, and the last errors."""

import json
import os
import time
from datetime import UTC, datetime

import streamlit as st

from analysis.runtime import numbers
from analysis.serve.access.people import people_of
from analysis.serve.jobs.line import shared_line
from analysis.serve.server_settings import server_settings
from analysis.serve.server_state import STATE, resident_bytes
from analysis.serve.structured_log import LAST_ERRORS
from charts.core.text import visible
from pages.widgets.bundles import registry_size
from pages.widgets.markdown import plain
from pages.widgets.memory_use import memory_use
from pages.widgets.metrics import metrics
from pages.widgets.turns import AT_ONCE, TURNS

_MEGABYTE = 1e6
_LONGEST = 400


def numbers_of_process() -> None:
    """Memory, open pages and what was counted."""
    open_now = STATE.open_pages()
    total, unread = registry_size()
    cells = {
        "Process": (str(os.getpid()), "Its id on the machine."),
        "Memory": (
            _megabytes(resident_bytes()),
            "With the mapped files that it has read; processes share these.",
        ),
        "Open pages": (numbers.count(len(open_now)), "Tabs of browsers that are connected."),
        "Waiting": (
            numbers.count(TURNS.waiting),
            f"Runs of pages that wait in line. {numbers.count(AT_ONCE)} compute at once.",
        ),
        "Users": (numbers.count(len({one.user for one in open_now})), "Different names."),
        "Bundles": (numbers.count(total), f"{numbers.count(unread)} of them cannot be read."),
    }
    counted = {
        word.capitalize(): (numbers.count(number), "Since the start of the process.")
        for word, number in sorted(STATE.counts.items())
    }
    metrics(cells | counted)


def memory() -> None:
    """What holds the memory of this process."""
    used = memory_use()
    settings = server_settings()
    limit = settings.most_pages
    st.subheader("Memory", anchor=False)
    metrics(
        {
            "Open bundles": (
                _megabytes(sum(used.bundles.values())),
                "Tables that have been read. Beyond "
                f"{numbers.count(settings.bundle_memory)} MB (setting bundle_memory) the bundle "
                "that was used longest ago is closed.",
            ),
            "Figures": (
                _megabytes(used.figures),
                f"Finished figures, for all sessions; at most {_megabytes(used.most_figures)}.",
            ),
            "Sessions": (
                _megabytes(sum(used.sessions)),
                f"Number of sessions: {numbers.count(len(used.sessions))}. They share most of "
                "what they hold with the figures. "
                + (
                    f"At most {numbers.count(limit)} pages are open."
                    if limit
                    else "Their number has no limit (setting most_pages)."
                ),
            ),
            "Job processes": (_megabytes(used.jobs), "They end after a minute without a job."),
        }
    )
    rows = [
        {"bundle": visible(name), "MB": round(size / _MEGABYTE, 1)}
        for name, size in sorted(used.bundles.items(), key=lambda one: -one[1])
    ]
    st.dataframe(rows, hide_index=True)


def jobs() -> None:
    """The exports and computations that run and wait, in their order."""
    now, line = time.time(), shared_line()
    rows = [
        {
            "what": visible(job.title),
            "user": visible(job.requester.user),
            "place": line.place(job) or "runs",
            "seconds": round(now - job.since, 1),
        }
        for job in line.jobs()
    ]
    st.subheader("Queue", anchor=False)
    st.markdown(
        f"Up to {numbers.count(line.processes)} of these exports and computations run at once, "
        f"each for up to {numbers.short(line.seconds)} seconds."
    )
    if rows:
        st.dataframe(rows, hide_index=True)


def _megabytes(size: int) -> str:
    return f"{numbers.short(size / _MEGABYTE)} MB"


def open_pages() -> None:
    """Who has pages open, and since when."""
    now = time.time()
    rows = [
        {
            "user": visible(one.user) or "not logged in",
            "role": one.role,
            "minutes": round((now - one.since) / 60, 1),
        }
        for one in STATE.open_pages()
    ]
    st.subheader("Open pages", anchor=False)
    st.dataframe(rows, hide_index=True)


def people_file() -> None:
    """Whether the file of people is in force as it is."""
    people = server_settings().people
    if people is None:
        return
    problem = people_of(people).problem
    st.subheader("People", anchor=False)
    if problem:
        st.error(f"{plain(problem, _LONGEST)} The last valid file is in force.")
    else:
        st.markdown("The file of people is in force as it is.")


def last_errors() -> None:
    """The last errors of this process, the newest first."""
    st.subheader("Last errors", anchor=False)
    if not LAST_ERRORS:
        st.markdown("There were none since the start of the process.")
    for line in reversed(LAST_ERRORS):
        record = json.loads(line)
        with st.expander(plain(f"{record['time']} · {record['message']}", _LONGEST)):
            st.code(record.get("exception", record["message"]), language=None)
    st.caption(f"Read at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.")
