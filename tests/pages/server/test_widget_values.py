"""What a widget looks up equals Streamlit's own copy of the session state."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX, SessionState
from streamlit.testing.v1 import AppTest

from pages.server.widget_values import Values, look_values_up

FILTERED = SafeSessionState.filtered_state


def theirs(state: SafeSessionState) -> dict[str, Any]:
    """Streamlit's dictionary."""
    copied: dict[str, Any] = FILTERED.fget(state)  # type: ignore[attr-defined]
    return copied


def with_widgets() -> SafeSessionState:
    """Values of the program and of widgets with and without a key, known and forgotten ones."""
    state = SessionState()
    state["chosen"], state["nothing"], state[""] = 3, None, "empty"
    state._old_state[f"{STREAMLIT_INTERNAL_KEY_PREFIX}own"] = 1
    for name, key in (("$$ID-1-box", "box"), ("$$ID-2-field", "field"), ("$$ID-3-None", None)):
        metadata = WidgetMetadata(name, lambda value: value, lambda value: value, "int_value")
        state._set_widget_metadata(metadata)
        if key:
            state._set_key_widget_mapping(name, key)
    state._new_widget_state.set_from_value("$$ID-1-box", "one")
    state._new_widget_state.set_widget_from_proto(WidgetState(id="$$ID-2-field", int_value=7))
    state._new_widget_state.set_from_value("$$ID-3-None", "without a key")
    state._old_state["$$ID-4-gone"] = "its widget is gone"
    state._new_widget_state.set_widget_from_proto(WidgetState(id="$$ID-5-early", int_value=1))
    state._set_key_widget_mapping("$$ID-5-early", "early")  # without a way to read its value
    state._set_key_widget_mapping("$$ID-6-without", "without a value")
    return SafeSessionState(state, lambda: None)


def test_the_view_has_the_keys_and_values_of_streamlits_dictionary() -> None:
    state = with_widgets()
    copied, view = theirs(state), Values(state)
    assert copied == {"chosen": 3, "nothing": None, "": "empty", "box": "one", "field": 7}
    assert dict(view) == copied and len(view) == len(copied)
    for key in (*copied, "early", "without a value", "$$ID-1-box", "$$ID-4-gone", "unknown"):
        assert (key in view, view.get(key)) == (key in copied, copied.get(key)), key


def test_the_widgets_of_a_page_see_what_they_saw(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[int] = []

    def both(state: SafeSessionState) -> dict[str, Any]:
        copied, view = theirs(state), Values(state)
        assert set(view) == set(copied)
        assert {key: view[key] for key in copied} == copied
        copies.append(len(copied))
        return copied

    monkeypatch.setattr(SafeSessionState, "filtered_state", property(both))
    open_page("clusters").run()
    assert len(copies) > 10 and max(copies) > 20


def test_a_widget_reads_no_other_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SafeSessionState, "filtered_state", FILTERED)
    look_values_up()
    read: list[str] = []
    original = SessionState.__getitem__

    def noting(state: SessionState, key: str) -> Any:
        read.append(key)
        return original(state, key)

    monkeypatch.setattr(SessionState, "__getitem__", noting)

    def page() -> None:
        import streamlit as st  # noqa: PLC0415 - the script of the test

        st.session_state["other"] = "of the program"
        st.session_state["box"] = None
        st.selectbox("Box", ["a", "b"], key="box")
        st.text_input("Field", key="field")

    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception and app.selectbox[0].value is None
    assert "box" in read
    assert read.count("other") <= 2  # at the end of the run, not for each widget
