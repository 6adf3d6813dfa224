"""When a page was opened."""

from types import SimpleNamespace

import pytest

from pages.server import last_opened
from pages.server.last_opened import note_opened, seconds_since


def test_the_seconds_are_those_since_the_last_page(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(last_opened, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(last_opened, "_last", [-float("inf")])
    assert seconds_since() == float("inf")
    note_opened()
    now[0] = 103.0
    assert seconds_since() == 3
    note_opened()
    assert seconds_since() == 0
