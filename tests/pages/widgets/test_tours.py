"""The Overview offers the tours of a bundle while their findings hold."""

import json
import shutil
from pathlib import Path

import pytest
import streamlit as st

from analysis.bundle import Bundle, open_bundle
from analysis.selection.tours.tour import TOURS
from pages.widgets.tours import tours_ahead
from tests.analysis.selection.tours.test_tour import DUPLICATES, UNRELATED
from tests.pages.conftest import Open, texts


@pytest.fixture
def folder(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "bundles" / "planted"))


@pytest.fixture
def open_toured(open_page: Open, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(folder.parent))
    st.cache_data.clear()
    st.cache_resource.clear()
    return open_page


def test_only_tours_whose_finding_holds_are_offered(open_toured: Open, folder: Path) -> None:
    other = UNRELATED | {"title": "Unrelated"}
    (folder / TOURS).write_text(json.dumps([DUPLICATES, other]), encoding="utf-8")
    app = open_toured()
    assert app.subheader[0].value == "Where to begin"
    links = app.get("page_link")
    assert [link.proto.label for link in links] == ["**Two latents that are one**"]
    assert links[0].proto.page == "pair"
    assert "latent=1&partner=8" in links[0].proto.query_string
    text = texts(app)
    assert "They fire on the same words." in text and "both on" in text and "q < 0.001" in text
    assert "1 of 2 tours are left out" in text


def test_a_wrong_file_does_not_stop_the_page(open_toured: Open, folder: Path) -> None:
    (folder / TOURS).write_text("[1]", encoding="utf-8")
    app = open_toured()
    assert "The tours cannot be shown." in texts(app)
    assert "What is in here?" in [heading.value for heading in app.subheader]


def test_a_wrong_file_does_not_stop_the_server(folder: Path) -> None:
    (folder / TOURS).write_text("[1]", encoding="utf-8")
    tours_ahead([open_bundle(folder)])
