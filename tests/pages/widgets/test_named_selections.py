"""A named selection is opened; `tests/browser/test_selection.py` tests the list in the browser."""

from streamlit.testing.v1 import AppTest

from pages.widgets.named_selections import KEY


def _app() -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import named_selections, session  # noqa: PLC0415

    if "chosen" in st.session_state:
        st.session_state[named_selections.KEY] = {"open": st.session_state["chosen"]}
        named_selections.open_named()
    st.write(f"selected: {session.current().select}")


def test_what_is_opened_is_selected() -> None:
    app = AppTest.from_function(_app)
    app.session_state["chosen"] = "whale  flag=dead"
    assert app.run().markdown[0].value == 'selected: "whale" & flag=dead'
    app.session_state["chosen"] = None
    assert app.run().markdown[0].value == 'selected: "whale" & flag=dead'


def test_a_text_of_another_version_is_explained() -> None:
    app = AppTest.from_function(_app)
    app.session_state["chosen"] = "whale("
    assert "there is no function whale()" in app.run().error[0].value.replace("\\", "")
    assert KEY == "named selections"
