"""The login page is all that somebody without rights sees."""

import time
from pathlib import Path

import pytest
import streamlit as st

from analysis.serve.access.identity import Identity
from analysis.serve.server_settings import ServerSettings
from pages.server.route_levels import PAGES
from pages.widgets import login
from pages.widgets.current_user import HEADER, vouched
from pages.widgets.login import ADDRESSES, extra_pages
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


@pytest.mark.usefixtures("team")
def test_readers_have_no_page_of_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("reader@lab.example", "stranger@lab.example", None):
        as_user(name, monkeypatch)
        assert extra_pages() == []


@pytest.mark.parametrize(("address", "shown"), [("https://proxy/out", 1), ("", 0)])
def test_a_proxy_logs_out_at_its_own_address(
    monkeypatch: pytest.MonkeyPatch, address: str, shown: int
) -> None:
    settings = ServerSettings(mode="team", login="headers", logout_address=address)
    monkeypatch.setattr(login, "server_settings", lambda: settings)
    links: list[str] = []
    monkeypatch.setattr(st, "link_button", lambda _, url, **__: links.append(url))
    login._logout_button()
    assert links == [address] * shown
