"""Requests to the routes that serve data of a bundle."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest
import streamlit as st
from starlette.requests import Request
from starlette.responses import Response

from analysis.bundle import Bundle
from analysis.serve.access.rights import User
from pages.server.requested_bundle import USER


@pytest.fixture
def offered(planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server offers the planted bundle."""
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    st.cache_data.clear()


def asked(bundle: Bundle, query: Mapping[str, object] | None = None, **path: str) -> Request:
    """A request with the names in its path and a query."""
    names = {"bundle": bundle.manifest.bundle_id, "content": bundle.identity, **path}
    text = urlencode(query or {}).encode()
    scope = {"type": "http", "path_params": names, "query_string": text, "headers": []}
    return Request(scope)


def body(answer: Response) -> bytes:
    """The content of an answer that browsers may keep."""
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    return bytes(answer.body)


def of_team(request: Request, user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """The request as the gate of a team hands it on, from a user."""
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(folder / "people.toml"))
    request.scope[USER] = user
    return request


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """The entries of the audit trail of a test."""
    entries = (vars(line)["entry"] for line in caplog.records if line.name == "clearwater.audit")
    return list(entries)
