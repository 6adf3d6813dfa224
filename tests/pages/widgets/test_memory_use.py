"""What holds the memory of a server process."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
from streamlit import runtime

from analysis.bundle import Bundle, open_bundle
from charts.core import cache
from pages.widgets import memory_use as module
from pages.widgets.memory_use import memory_use
from pages.widgets.open_bundles import OpenBundles


def test_a_bundle_grows_with_the_tables_that_it_has_read(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(planted_bundle.path)
    opened = OpenBundles(lambda: 10**9)
    opened.get("one", lambda: bundle)
    monkeypatch.setattr(module, "OPEN", opened)
    before = memory_use().bundles["planted"]
    read = bundle.latents.get_total_buffer_size()
    assert read > 10_000
    assert memory_use().bundles["planted"] - before == pytest.approx(read, rel=0.2)
    assert memory_use().process > 10_000_000
    assert memory_use().most_figures == cache.LIMIT


def test_what_a_session_holds_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"x": [0.5] * 1000})
    states = [{"shown": [table, table], "last": table, "title": "Map"}, {"title": "Map"}]
    sessions = [
        SimpleNamespace(session=SimpleNamespace(session_state=SimpleNamespace(filtered_state=one)))
        for one in states
    ]
    manager = SimpleNamespace(list_active_sessions=lambda: sessions)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager))
    first, second = memory_use().sessions
    assert 8000 <= first < 8300 and second < 300


def test_without_a_server_there_are_no_sessions() -> None:
    assert memory_use().sessions == ()
