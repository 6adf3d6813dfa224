"""The user of a session, by the header that only this process can write."""

import time
from pathlib import Path

import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.identity import Identity
from analysis.serve.access.rights import LOCAL, BundleKey
from pages.widgets import current_user as users
from pages.widgets.current_user import (
    HEADER,
    current_identity,
    current_user,
    i_may,
    require,
    user_of,
    vouched,
    vouched_for,
)

READER = Identity("reader@lab.example")


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = tmp_path / "people.toml"
    people.write_text('[roles]\nreader = ["reader@lab.example"]\n[bundles.planted]\nsee = ["*"]\n')
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(people))


def with_header(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {} if text is None else {HEADER: text}
    monkeypatch.setattr(type(st.context), "headers", property(lambda _: headers))


def test_locally_there_is_one_user_who_may_do_everything(planted_bundle: Bundle) -> None:
    assert current_user() is LOCAL
    require(planted_bundle, "annotate")


def test_only_this_process_can_name_an_identity() -> None:
    assert vouched_for(vouched(READER)) == READER
    text = vouched(READER)
    other = "1" if text[0] == "0" else "0"
    assert vouched_for(other + text[1:]) is None
    for forged in ("", text[:10], text[32:], "é" + text):
        assert vouched_for(forged) is None


@pytest.mark.usefixtures("team")
def test_the_user_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    with_header(vouched(READER), monkeypatch)
    user = current_user()
    assert user is not None and (user.name, user.role) == ("reader@lab.example", "reader")
    assert i_may(BundleKey("1", "planted"), "see") and not i_may(BundleKey("1", "other"), "see")
    for text in (None, "", "forged", vouched(Identity("stranger@lab.example"))):
        with_header(text, monkeypatch)
        assert current_user() is None


@pytest.mark.usefixtures("team")
def test_an_identity_that_has_expired_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity("reader@lab.example", expires=100.0)
    monkeypatch.setattr(time, "time", lambda: 99.9)
    assert user_of(identity) is not None
    with_header(vouched(identity), monkeypatch)
    assert current_identity() == identity
    monkeypatch.setattr(time, "time", lambda: 100.0)
    assert user_of(identity) is None and user_of(None) is None
    assert current_identity() is None


@pytest.mark.usefixtures("team")
def test_what_is_refused_has_a_sentence(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_header(vouched(READER), monkeypatch)
    require(planted_bundle, "see")
    with pytest.raises(InputError, match="not write them; ask the operator"):
        require(planted_bundle, "annotate")
    assert all(text.endswith(".") for text in users.REFUSED.values())
