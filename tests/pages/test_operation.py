"""The page of the operators of a team."""

import json
from pathlib import Path

import pytest
import streamlit as st

from analysis.serve.access.identity import Identity
from analysis.serve.server_state import STATE
from pages.widgets.current_user import HEADER, vouched
from tests.pages.conftest import Open, texts

PEOPLE = """
[roles]
reader = ["reader@lab.example"]
operator = ["ann@lab.example"]
[bundles.planted]
see = ["*"]
"""


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE)
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(file))
    return file


def as_user(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {HEADER: vouched(Identity(name))}
    monkeypatch.setattr(type(st.context), "headers", property(lambda _: headers))


def test_an_operator_sees_pages_errors_and_the_file_of_people(
    people: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user("ann@lab.example", monkeypatch)
    line = {"time": "2026-01-01T00:00:00", "message": "error 7 while drawing", "exception": "Why"}
    monkeypatch.setattr("pages.widgets.operation_parts.LAST_ERRORS", [json.dumps(line)])
    # The runtime of AppTest has no manager of sessions.
    monkeypatch.setattr("pages.widgets.memory_use._states", lambda: [{"title": "Map"}])
    with STATE.open_page("bob@lab.example", "reader"):
        app = open_page("operation")
    assert not app.exception and not app.error
    assert [title.value for title in app.title] == ["Operation"]
    cells = {metric.label: metric.value for metric in app.metric}
    assert cells["Open pages"] == "1" and cells["Users"] == "1" and cells["Bundles"] >= "1"
    assert cells["Waiting"] == "0"
    assert cells["Memory"].endswith(" MB")
    used = [cells[one] for one in ("Open bundles", "Figures", "Sessions", "Job processes")]
    assert all(one.endswith(" MB") for one in used)
    assert any("planted" in table.value.to_string() for table in app.dataframe)
    assert "Up to 1 of these exports and computations run at once" in texts(app)
    assert any("bob@lab.example" in table.value.to_string() for table in app.dataframe)
    assert any("error 7 while drawing" in box.label for box in app.expander)
    assert [code.value for code in app.code] == ["Why"]
    assert "in force as it is" in texts(app)
    people.write_text("[bundles")
    app.run()
    assert any("The last valid file is in force" in error.value for error in app.error)


def test_a_reader_has_no_such_page(
    people: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user("reader@lab.example", monkeypatch)
    app = open_page("overview")
    assert not app.exception
    with pytest.raises(Exception, match="operation"):
        app.switch_page("pages/operation.py").run()
        assert [title.value for title in app.title] == ["Operation"]
        assert not app.metric, "a reader sees numbers of the server"
        raise AssertionError("operation")  # drawn, but empty: refused in one sentence


def test_locally_there_is_no_such_page(open_page: Open) -> None:
    from pages.widgets.login import extra_pages  # noqa: PLC0415

    assert extra_pages() == []
