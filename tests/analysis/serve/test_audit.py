"""The audit trail: a record for each write and export of a team, and none in the mode local."""

import logging

import pytest

from analysis.serve import audit
from analysis.serve.audit import record
from analysis.serve.server_settings import ServerSettings


def test_only_a_team_has_an_audit_trail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "clearwater.audit"):
        record("export", "ada", "9d4a", "density.csv")
        assert caplog.records == []
        monkeypatch.setattr(audit, "server_settings", lambda: ServerSettings(mode="team"))
        record("export", "ada", "9d4a", "density.csv")
    (line,) = caplog.records
    assert getattr(line, "entry") == {  # noqa: B009 - not an attribute of every record
        "action": "export",
        "user": "ada",
        "bundle": "9d4a",
        "what": "density.csv",
    }
