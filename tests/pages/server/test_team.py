"""The checks at the start of a server for a team."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.secrets import secrets_singleton

from analysis.runtime.errors import InputError
from analysis.serve.server_settings import ServerSettings
from pages.server import team
from pages.server.gate import NAME_HEADER, Gate
from pages.server.team import FORWARDED, check_team, gate
from tests.pages.server.team_server import PEOPLE

AUTH: dict[str, Any] = {
    "redirect_uri": "https://lab.example/oauth2callback",
    "cookie_secret": "c" * 24,
    "client_id": "clearwater",
    "client_secret": "secret",
    "server_metadata_url": "https://login.example/.well-known/openid-configuration",
}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE, encoding="utf-8")
    return file


def secrets(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> None:
    monkeypatch.setattr(secrets_singleton, "load_if_toml_exists", lambda: bool(content))
    monkeypatch.setattr(secrets_singleton, "_secrets", content)


def test_a_configured_login_is_accepted(monkeypatch: pytest.MonkeyPatch, people: Path) -> None:
    secrets(monkeypatch, {"auth": AUTH})
    check_team(ServerSettings(mode="team", people=people))
    secrets(monkeypatch, {"auth": {"lab": AUTH, **AUTH}})
    check_team(ServerSettings(mode="team", people=people, provider="lab"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "need to configure credentials"),
        ({"auth": {"cookie_secret": "c" * 24}}, 'missing the "redirect_uri" key'),
        ({"auth": {k: v for k, v in AUTH.items() if k != "client_secret"}}, "client_secret"),
        ({"auth": {**AUTH, "cookie_secret": "c" * 23}}, "is shorter than 24 characters"),
    ],
)
def test_a_login_that_is_not_configured_is_refused(
    content: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch, people: Path
) -> None:
    secrets(monkeypatch, content)
    settings = ServerSettings(mode="team", people=people)
    with pytest.raises(InputError) as refused:
        check_team(settings)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, people: Path) -> None:
    monkeypatch.setattr(team, "find_spec", lambda name: None if name == "authlib" else object())
    with pytest.raises(InputError, match=r"needs Authlib; install it with"):
        check_team(ServerSettings(mode="team", people=people))


def test_headers_are_believed_where_nobody_can_send_them(
    monkeypatch: pytest.MonkeyPatch, people: Path
) -> None:
    settings = ServerSettings(mode="team", login="headers", people=people)
    options = {"server.address": "127.0.0.1", "server.baseUrlPath": "lab"}
    monkeypatch.setattr(st, "get_option", options.get)
    monkeypatch.delenv(FORWARDED, raising=False)
    with pytest.raises(InputError, match=r"must have FORWARDED_ALLOW_IPS as an empty text"):
        check_team(settings)
    monkeypatch.setenv(FORWARDED, "*")
    with pytest.raises(InputError, match=FORWARDED):
        check_team(settings)
    monkeypatch.setenv(FORWARDED, "")
    check_team(settings)
    options["server.address"] = ""
    with pytest.raises(InputError, match=r"everybody who reaches 0\.0\.0\.0"):
        check_team(settings)


def test_a_wrong_file_of_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file of people cannot be read"):
        check_team(ServerSettings(mode="team", people=tmp_path / "missing.toml"))


def test_the_running_server_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, object] = {}
    monkeypatch.setattr(config, "set_option", options.__setitem__)
    monkeypatch.setattr(team, "log_in_lines", lambda: options.setdefault("log", "lines"))
    monkeypatch.setattr(PagesManager, "uses_pages_directory", True)
    team.begin()
    assert options["log"] == "lines"
    assert [*options["server.trustedUserHeaders"]] == [NAME_HEADER]  # type: ignore[misc]
    assert PagesManager.uses_pages_directory is False


def test_the_gate_knows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "get_option", lambda _: "/lab")
    settings = ServerSettings(mode="team")
    made = gate(settings)
    assert repr(made).startswith(f"Middleware({Gate.__name__}, ")
    assert made.args == (settings, "/lab")
