"""The login page is all that somebody without rights sees."""

import time
from pathlib import Path

import pytest
import streamlit as st

from analysis.serve.access.identity import Identity
from pages.server.route_levels import PAGES
from pages.widgets.current_user import HEADER, vouched
from pages.widgets.login import ADDRESSES
from tests.pages.conftest import Open, texts


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = tmp_path / "people.toml"
    people.write_text('[roles]\nreader = ["reader@lab.example"]\n[bundles.planted]\nsee = ["*"]\n')
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(people))


def as_user(name: str | None, monkeypatch: pytest.MonkeyPatch, expires: float = 1e12) -> None:
    headers = {} if name is None else {HEADER: vouched(Identity(name, expires=expires))}
    monkeypatch.setattr(type(st.context), "headers", property(lambda _: headers))


@pytest.mark.usefixtures("team")
def test_nobody_sees_a_login_page(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expires in ((None, 0.0), ("reader@lab.example", time.time() - 1)):
        as_user(name, monkeypatch, expires)
        app = open_page(select="flag=dead")
        assert [title.value for title in app.title] == ["Clearwater"]
        assert "Log in to see the bundles" in texts(app)
        assert not app.selectbox and not app.get("vega_lite_chart")
        assert [b.label for b in app.button] == ["Log in"]


@pytest.mark.usefixtures("team")
def test_somebody_without_a_role_is_told_whom_to_ask(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user("**eve**@lab.example", monkeypatch)
    app = open_page()
    (warning,) = app.warning
    assert "has no role on this server" in warning.value
    assert "**eve**" not in warning.value  # shown as text
    assert [b.label for b in app.button] == ["Log out"] and not app.selectbox


@pytest.mark.usefixtures("team")
def test_a_reader_sees_the_pages_and_who_they_are(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user("reader@lab.example", monkeypatch)
    app = open_page()
    assert [title.value for title in app.title] == ["Overview"]
    assert any("reader" in caption.value for caption in app.sidebar.caption)
    assert "Log out" in [b.label for b in app.sidebar.button]
    assert [box.options for box in app.selectbox if box.label == "Bundle"] == [["planted"]]


def test_locally_there_is_no_account(open_page: Open) -> None:
    assert "Log out" not in [b.label for b in open_page().sidebar.button]


def test_links_to_all_pages_lead_to_the_login_page() -> None:
    assert {*ADDRESSES} == {*PAGES}
