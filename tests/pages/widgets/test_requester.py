"""Who asks for jobs: the user and the open page."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.serve.access.rights import LOCAL
from pages.widgets import requester as module


def _app() -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets.requester import requester  # noqa: PLC0415

    st.session_state["who"] = requester()


def test_a_page_keeps_its_name_and_another_one_has_another() -> None:
    first, second = AppTest.from_function(_app).run(), AppTest.from_function(_app).run()
    who = first.session_state["who"]
    assert who.user == LOCAL.name and len(who.page) == 16
    assert first.run().session_state["who"] == who
    assert second.session_state["who"].page != who.page


def test_nobody_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "current_user", lambda: None)
    monkeypatch.setattr(st, "session_state", {})
    assert module.requester().user == ""
