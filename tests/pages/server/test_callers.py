"""The first element of a server process looks at no sources."""

import pytest
import streamlit as st
from streamlit import delta_generator, env_util

from pages.server.callers import ask_no_callers


def test_the_first_element_does_not_look_at_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def is_repl() -> bool:
        looked.append("at callers")
        return False

    monkeypatch.setattr(env_util, "is_repl", is_repl)
    monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    st.text("the first element")
    assert looked == ["at callers"]  # else this test would see nothing
    monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    ask_no_callers()
    st.text("the first element")
    assert looked == ["at callers"]
