"""For whom this session asks for jobs."""

import secrets

import streamlit as st

from analysis.serve.jobs.job import Requester
from pages.widgets.current_user import current_user

_PAGE = "page that asks for jobs"


def requester() -> Requester:
    """The user of this session, and the open page."""
    user = current_user()
    page: str = st.session_state.setdefault(_PAGE, secrets.token_hex(8))
    return Requester(user.name if user else "", page)
