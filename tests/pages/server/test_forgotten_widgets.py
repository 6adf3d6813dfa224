"""A session knows of the widgets that it shows, and of the latest of the others."""

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import SessionState
from streamlit.testing.v1 import AppTest

from pages.server.forgotten_widgets import MOST_GONE, forget, forget_widgets

RUNS = MOST_GONE + 60


@pytest.fixture
def _forgetting() -> Iterator[None]:
    before = SessionState._remove_stale_widgets
    forget_widgets()
    yield
    SessionState._remove_stale_widgets = before  # type: ignore[method-assign]


def registered(state: SessionState, name: str, key: str | None = None) -> str:
    """The id of a widget that is known and has no value."""
    metadata = WidgetMetadata(name, lambda value: value, lambda value: value, "int_value")
    state._set_widget_metadata(metadata)
    if key:
        state._set_key_widget_mapping(name, key)
    return name


def test_widgets_that_are_shown_or_have_a_value_and_the_latest_others_are_kept() -> None:
    state = SessionState()
    shown = registered(state, "$$ID-shown-one", "one")
    of_now, of_before = (registered(state, f"$$ID-{name}-x", name) for name in ("now", "before"))
    state._new_widget_state.set_widget_from_proto(WidgetState(id=of_now, int_value=7))
    state._old_state[of_before] = 8
    gone = [registered(state, f"$$ID-{i}-gone{i}", f"gone{i}") for i in range(RUNS)]
    forget(state, frozenset({shown}))
    known = state._new_widget_state.widget_metadata
    assert list(known) == [shown, of_now, of_before, *gone[-MOST_GONE:]]
    mapping = state._key_id_mapper
    assert set(mapping.id_key_mapping) == set(known)
    assert "gone0" not in mapping and mapping.get_id_from_key(f"gone{RUNS - 1}") == gone[-1]
    assert (state["now"], state["before"]) == (7, 8)


def test_a_key_that_a_shown_widget_has_taken_over_stays_its_own() -> None:
    state = SessionState()
    first = registered(state, "$$ID-first-name", "name")
    shown = registered(state, "$$ID-second-name", "name")
    for i in range(MOST_GONE):
        registered(state, f"$$ID-{i}-None")
    forget(state, frozenset({shown}))
    assert state._key_id_mapper.get_id_from_key("name") == shown
    assert first not in state._key_id_mapper.id_key_mapping


def state_of(app: AppTest) -> SessionState:
    """What the session holds; the test's own state and a lock are around it."""
    state: Any = app.session_state
    while not isinstance(state, SessionState):
        state = vars(state)["_state"]
    return state


def script() -> None:
    import streamlit as st  # noqa: PLC0415

    run = st.session_state["run"] = st.session_state.get("run", 0) + 1
    st.text_input("Always", key="always")
    st.button("Only now", key=f"button {run}", on_click=lambda: None)
    st.selectbox("Only now", ["a", "b"], key=f"box {run}")


@pytest.mark.usefixtures("_forgetting")
def test_a_long_session_forgets_and_keeps_the_values_of_what_it_shows() -> None:
    app = AppTest.from_function(script).run()
    app.text_input(key="always").input("kept")
    sizes = []
    for _ in range(RUNS):
        app.run()
        state = state_of(app)
        sizes.append(len(state._new_widget_state.widget_metadata))
        assert len(state._key_id_mapper.id_key_mapping) == sizes[-1]
    assert max(sizes) == sizes[-1] == MOST_GONE + 3
    app.selectbox(key=f"box {RUNS + 1}").select("b").run()
    assert app.text_input(key="always").value == "kept"
    assert not app.exception
