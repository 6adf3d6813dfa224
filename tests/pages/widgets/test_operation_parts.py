"""The parts of the page of the operators; `tests/pages/test_operation.py` draws them."""

import json
import operator
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.serve.jobs.job import Job, Requester
from analysis.serve.jobs.line import Line
from analysis.serve.server_state import STATE, OpenPage
from pages.widgets import operation_parts
from pages.widgets.memory_use import MemoryUse


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


def test_the_memory_of_bundles_figures_sessions_and_jobs_is_shown_with_its_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use = MemoryUse(9, {"small": 1_500_000, "large": 20_000_000}, 3_000_000, 128_000_000, (7,), 0)
    monkeypatch.setattr(operation_parts, "memory_use", lambda: use)

    def page() -> None:
        from pages.widgets.operation_parts import memory  # noqa: PLC0415

        memory()

    app = AppTest.from_function(page).run()
    assert not app.exception
    cells = {one.label: (one.value, one.help) for one in app.metric}
    assert cells["Open bundles"][0] == "21.5 MB" and "Beyond 2,000 MB" in cells["Open bundles"][1]
    assert cells["Figures"][0] == "3 MB" and "at most 128 MB" in cells["Figures"][1]
    assert "sessions: 1." in cells["Sessions"][1] and "no limit" in cells["Sessions"][1]
    (table,) = app.dataframe
    assert table.value["bundle"].tolist() == ["large", "small"]
    monkeypatch.setenv("CLEARWATER_MOST_PAGES", "30")
    cells = {one.label: (one.value, one.help) for one in app.run().metric}
    assert "At most 30 pages are open" in cells["Sessions"][1]


def test_the_queue_is_shown_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(2, 90)
    line._jobs += [
        Job(operator.add, (1, 1), "Densities", requester=Requester("ada"), is_running=True),
        Job(operator.add, (1, 1), "Flags", requester=Requester("bob")),
    ]
    monkeypatch.setattr(operation_parts, "shared_line", lambda: line)

    def page() -> None:
        from pages.widgets.operation_parts import jobs  # noqa: PLC0415

        jobs()

    app = AppTest.from_function(page).run()
    assert not app.exception
    assert "Up to 2 of these" in app.markdown[0].value and "up to 90 sec" in app.markdown[0].value
    (table,) = app.dataframe
    assert table.value["what"].tolist() == ["Densities", "Flags"]
    assert [str(one) for one in table.value["place"]] == ["runs", "1"]


def test_open_pages_have_their_minutes_and_users_are_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [
        OpenPage("ada", "reader", 1000.0),
        OpenPage("ada", "reader", 1090.0),
        OpenPage("", "nobody", 1114.0),
    ]
    monkeypatch.setattr(STATE, "open_pages", lambda: pages)
    monkeypatch.setattr(operation_parts, "time", SimpleNamespace(time=lambda: 1120.0))
    shown: list[list[dict[str, object]]] = []
    cells: dict[str, tuple[str, str]] = {}
    monkeypatch.setattr(st, "subheader", lambda *_, **__: None)
    monkeypatch.setattr(st, "dataframe", lambda rows, **_: shown.append(rows))
    monkeypatch.setattr(operation_parts, "metrics", cells.update)
    monkeypatch.setattr(operation_parts, "registry_size", lambda: (12, 3))
    monkeypatch.setattr(operation_parts, "resident_bytes", lambda: 1_500_000)
    operation_parts.open_pages()
    operation_parts.numbers_of_process()
    assert shown == [
        [
            {"user": "ada", "role": "reader", "minutes": 2.0},
            {"user": "ada", "role": "reader", "minutes": 0.5},
            {"user": "not logged in", "role": "nobody", "minutes": 0.1},
        ]
    ]
    assert (cells["Open pages"][0], cells["Users"][0]) == ("3", "2")
    assert cells["Bundles"] == ("12", "3 of them cannot be read.")
    assert cells["Memory"][0] == "1.5 MB"


def test_the_newest_error_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.dumps({"time": f"{i}", "message": f"error {i}"}) for i in range(3)]
    monkeypatch.setattr(operation_parts, "LAST_ERRORS", lines)

    def page() -> None:
        from pages.widgets.operation_parts import last_errors  # noqa: PLC0415

        last_errors()

    app = AppTest.from_function(page).run()
    assert [one.label for one in app.expander] == [f"{i} · error {i}" for i in (2, 1, 0)]
