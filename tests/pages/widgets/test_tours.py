"""The Overview offers the tours of a bundle while their findings hold."""

import json
import shutil
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle, open_bundle
from analysis.bundle.kept_for_bundle import KeptForBundle
from analysis.selection.tours.tour import TOURS, CheckedTour, checked_tours
from pages.widgets import tours
from pages.widgets.tours import tours_ahead
from tests.analysis.selection.tours.test_tour import DUPLICATES, UNRELATED
from tests.pages.conftest import Open, charts, texts


@pytest.fixture
def folder(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "bundles" / "planted"))


@pytest.fixture
def open_toured(open_page: Open, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(folder.parent))
    st.cache_data.clear()
    st.cache_resource.clear()
    return open_page


def finished(app: AppTest) -> AppTest:
    """The page after the tests of its tours have ended, which its browser asks for."""
    wait([app.session_state["tests of tours"].tested], timeout=60)
    return app.run()


def test_only_tours_whose_finding_holds_are_offered(open_toured: Open, folder: Path) -> None:
    other = UNRELATED | {"title": "Unrelated"}
    (folder / TOURS).write_text(json.dumps([DUPLICATES, other]), encoding="utf-8")
    app = finished(open_toured())
    assert app.subheader[0].value == "Where to begin"
    links = app.get("page_link")
    assert [link.proto.label for link in links] == ["**Two latents that are one**"]
    assert links[0].proto.page == "pair"
    assert "latent=1&partner=8" in links[0].proto.query_string
    text = texts(app)
    assert "They fire on the same words." in text and "both on" in text and "q < 0.001" in text
    assert "1 of 2 tours are left out" in text


def test_the_figures_do_not_wait_for_the_tests_of_the_tours(
    open_toured: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / TOURS).write_text(json.dumps([DUPLICATES]), encoding="utf-8")
    begun, may_end = Event(), Event()

    def slow(finding_of: Bundle) -> list[CheckedTour]:
        begun.set()
        assert may_end.wait(60)
        return checked_tours(finding_of)

    monkeypatch.setattr(tours, "checked_tours", KeptForBundle(slow))
    try:
        app = open_toured()
        assert begun.wait(60) and len(charts(app)) > 3
        assert [link.proto.label for link in app.get("page_link")] == [
            "**Two latents that are one**"
        ]
        assert "Testing this on the bundle" in texts(app) and "q < 0.001" not in texts(app)
        # One computation, however often the page runs.
        assert "Testing this on the bundle" in texts(app.run())
    finally:
        may_end.set()
    app = finished(app)
    assert "Testing this on the bundle" not in texts(app) and "q < 0.001" in texts(app)


def test_a_tour_that_names_what_is_not_there_is_explained(open_toured: Open, folder: Path) -> None:
    wrong = DUPLICATES | {"finding": {"kind": "shared_tokens", "a": 1, "b": 10**6}}
    (folder / TOURS).write_text(json.dumps([wrong]), encoding="utf-8")
    app = finished(open_toured())
    assert "The tours cannot be shown." in texts(app) and "latent 1000000" in texts(app)
    assert app.get("page_link") == []


def test_the_introduction_ends_with_what_the_file_says_about_the_text(
    open_toured: Open, folder: Path
) -> None:
    described = {"about": "The documents are letters of *sailors*.", "tours": []}
    (folder / TOURS).write_text(json.dumps(described), encoding="utf-8")
    paragraphs = [one.value.replace("\\", "") for one in open_toured().markdown]
    introduction = next(text for text in paragraphs if text.startswith("Clearwater shows"))
    assert introduction.endswith("of these tokens. The documents are letters of *sailors*.")
    (folder / TOURS).write_text("[1]", encoding="utf-8")
    assert "the 60 documents of these tokens." in texts(open_toured())


def test_a_wrong_file_does_not_stop_the_page(open_toured: Open, folder: Path) -> None:
    (folder / TOURS).write_text("[1]", encoding="utf-8")
    app = open_toured()
    assert "The tours cannot be shown." in texts(app)
    assert "What is in here?" in [heading.value for heading in app.subheader]


def test_a_wrong_file_does_not_stop_the_server(folder: Path) -> None:
    (folder / TOURS).write_text("[1]", encoding="utf-8")
    tours_ahead([open_bundle(folder)])


def test_the_tours_of_another_bundle_are_not_shown(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = replace(planted_bundle)  # without what other tests have kept with it
    tested: Future[list[CheckedTour]] = Future()
    tested.set_result([])
    state = {"tests of tours": tours._Job("of another bundle", tested)}
    monkeypatch.setattr(st, "session_state", state)
    assert tours._checked(bundle) is None
    state["tests of tours"] = tours._Job(bundle.identity, tested)
    assert tours._checked(bundle) == []
