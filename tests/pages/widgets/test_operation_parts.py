"""The parts of the page of the operators; `tests/pages/test_operation.py` draws them."""

import pytest
from streamlit.testing.v1 import AppTest


def test_without_errors_a_sentence_states_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.widgets.operation_parts.LAST_ERRORS", [])

    def page() -> None:
        from pages.widgets.operation_parts import last_errors, people_file  # noqa: PLC0415

        people_file()
        last_errors()

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert [text.value for text in app.markdown] == [
        "There were none since the start of the process."
    ]
    assert [title.value for title in app.subheader] == ["Last errors"]
