"""What an operator sees: open pages, memory, bundles, the file of people, and the last errors."""

import json
import os
import time
from datetime import UTC, datetime

import streamlit as st

from analysis.runtime import numbers
from analysis.serve.access.people import people_of
from analysis.serve.server_settings import server_settings
from analysis.serve.server_state import STATE, resident_bytes
from analysis.serve.structured_log import LAST_ERRORS
from charts.core.text import visible
from pages.widgets.bundles import registry_size
from pages.widgets.markdown import plain
from pages.widgets.metrics import metrics

_MEGABYTE = 1e6
_LONGEST = 400


def numbers_of_process() -> None:
    """Memory, open pages and what was counted."""
    open_now = STATE.open_pages()
    total, unread = registry_size()
    cells = {
        "Process": (str(os.getpid()), "Its id on the machine."),
        "Memory": (
            f"{numbers.short(resident_bytes() / _MEGABYTE)} MB",
            "With the mapped files that it has read; processes share these.",
        ),
        "Open pages": (numbers.count(len(open_now)), "Tabs of browsers that are connected."),
        "Users": (numbers.count(len({one.user for one in open_now})), "Different names."),
        "Bundles": (numbers.count(total), f"{numbers.count(unread)} of them cannot be read."),
    }
    counted = {
        word.capitalize(): (numbers.count(number), "Since the start of the process.")
        for word, number in sorted(STATE.counts.items())
    }
    metrics(cells | counted)


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
