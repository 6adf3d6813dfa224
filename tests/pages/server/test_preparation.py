"""Before readers come: modules are imported, bundles are opened, and pages are run, in time."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from analysis.bundle import Bundle
from pages.server import preparation
from pages.server.imports import PAGES, import_page
from pages.server.preparation import REHEARSED, prepare, rehearsals
from pages.widgets.bundles import OPEN


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle) -> Iterator[None]:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    monkeypatch.setattr(preparation, "PREPARED", threading.Event())
    st.cache_data.clear()
    OPEN.clear()
    import_page.cache_clear()
    yield
    st.cache_data.clear()


def sized(name: str, latents: int) -> Any:
    return SimpleNamespace(name=name, latents=SimpleNamespace(num_rows=latents))


def test_every_page_for_readers_is_run() -> None:
    readers = {page.stem for page in PAGES.glob("*.py")} - {"__init__", "operation"}
    assert {page or "overview" for page in REHEARSED} == readers
    assert len(REHEARSED) == len(readers)


def test_the_smallest_bundle_comes_first_and_then_each_page_of_the_others() -> None:
    large, small, other = sized("large", 30), sized("small", 10), sized("other", 20)
    order = [(page, bundle.name) for page, bundle in rehearsals([large, small, other])]
    assert order[: len(REHEARSED)] == [(page, "small") for page in REHEARSED]
    first, second = REHEARSED[:2]
    others = [(first, "large"), (first, "other"), (second, "large")]
    assert order[len(REHEARSED) :][:3] == others
    assert len(order) == len(set(order)) == 3 * len(REHEARSED)
    assert rehearsals([]) == []


def test_bundles_are_opened_and_all_their_pages_run(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "imported_before_readers.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(preparation, "IMPORTED_LATE", ("imported_before_readers",))
    run: list[tuple[str, str]] = []

    def rehearse(page: str, bundle_id: str, left: float) -> None:
        assert 0 < left <= 600 and not preparation.PREPARED.is_set()
        assert planted_bundle.path in [bundle.path for bundle in OPEN.now()]
        run.append((page, bundle_id))

    prepare(rehearse, threading.Event(), 600)
    own = planted_bundle.manifest.bundle_id
    assert sorted(page for page, of in run if of == own) == sorted(REHEARSED)
    assert sys.modules.pop("imported_before_readers")
    assert preparation.PREPARED.is_set()


def test_no_page_is_begun_after_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "IMPORTED_LATE", ())
    now, given = [100.0], []

    def rehearse(_page: str, _bundle_id: str, left: float) -> None:
        given.append(left)
        now[0] += 4.0

    prepare(rehearse, threading.Event(), 10, lambda: now[0])
    assert given == [10.0, 6.0, 2.0]
    assert preparation.PREPARED.is_set()


def test_a_server_that_stops_ends_the_preparation() -> None:
    stop = threading.Event()
    ran: list[str] = []

    def rehearse(page: str, _bundle_id: str, _left: float) -> None:
        ran.append(page)
        stop.set()

    prepare(rehearse, stop, 600)
    assert ran == [REHEARSED[0]]
    assert preparation.PREPARED.is_set()


def test_a_failure_is_logged_and_readers_are_served(caplog: pytest.LogCaptureFixture) -> None:
    def rehearse(*_: object) -> None:
        raise OSError("the disk is gone")

    prepare(rehearse, threading.Event(), 600)
    assert "The preparation failed" in caplog.text and "the disk is gone" in caplog.text
    assert preparation.PREPARED.is_set()
