"""What a reader sees when something fails: one sentence, never a traceback, a type or a path.

Bad input has its own sentence. Every other exception is a bug: it is logged with a short id, and
the sentence gives this id. Streamlit's own control flow (`st.stop`, `st.rerun`, `st.switch_page`)
is no failure and passes.

Every entry that Streamlit calls is guarded: the run of a page in `dashboard.py`, each callback of a
widget, and each fragment. Without this, an exception in a callback would replace the whole page.
Streamlit guards downloads itself: it logs an exception and shows "Failed to generate file".
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from analysis.runtime.errors import InputError
from pages.widgets.markdown import plain

LOG = logging.getLogger("clearwater")
_LONGEST = 1000


@contextmanager
def guarded(doing: str = "handling your input") -> Iterator[None]:
    """Show an exception of the block, or of the decorated function, as one sentence.

    `doing` completes "Something went wrong while …".
    """
    try:
        yield
    except Exception as error:
        _show(error, doing)


def shown_instead(error: Exception) -> bool:
    """Show what no guard has caught; Streamlit calls this, and on True shows nothing of its own."""
    _show(error, "handling your request")
    return True


def _show(error: Exception, doing: str) -> None:
    if isinstance(error, InputError):
        st.error(plain(error.public, _LONGEST))
    else:
        st.error(report(error, doing))


def report(error: Exception, doing: str) -> str:
    """Log an exception with a new id; return the sentence for the reader."""
    identifier = secrets.token_hex(4)
    LOG.error("error %s while %s", identifier, doing, exc_info=error)
    return (
        f"Something went wrong while {doing} (error {identifier}). The rest of the dashboard still "
        "works. The cause is in the server's log, under this number."
    )
