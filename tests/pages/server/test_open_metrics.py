"""`/metrics`: the text format of OpenMetrics."""

import re
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from analysis.serve.jobs.job import Job
from analysis.serve.jobs.line import shared_line
from analysis.serve.server_state import STATE
from pages.server.open_metrics import MEDIA_TYPE, metrics
from pages.widgets import memory_use, turns
from pages.widgets.memory_use import MemoryUse


def test_it_states_what_the_process_has_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    use = MemoryUse(50_000_000, {'a "b" \\ c': 12}, 7, 100, (3, 4), 5)
    monkeypatch.setattr(memory_use, "memory_use", lambda: use)
    queue = [Job(len, ((),), "Rows", is_running=running) for running in (True, False, False)]
    monkeypatch.setattr(shared_line(), "jobs", lambda: queue)
    before = STATE.counts["exports"]
    monkeypatch.setattr(turns, "TURNS", SimpleNamespace(waiting=7))
    with STATE.open_page("ada", "reader"), STATE.open_page("ada", "reader"):
        STATE.count("exports")
        answer = metrics(Request({"type": "http", "headers": []}))
    text = bytes(answer.body).decode()
    assert answer.media_type == MEDIA_TYPE
    samples = dict(re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\d+)$", text, re.MULTILINE))
    assert samples["clearwater_open_pages"] == "2" and samples["clearwater_users"] == "1"
    assert samples['clearwater_events_total{kind="exports"}'] == str(before + 1)
    assert int(samples["clearwater_memory_bytes"]) > 10_000_000
    assert text.endswith("# EOF\n")
    assert 0 < int(samples["clearwater_figures_bytes"]) < int(samples["clearwater_memory_bytes"])
    name = 'clearwater_bundle_bytes{bundle="a \\"b\\" \\\\ c"}'
    assert samples[name] == "12"
    assert (samples["clearwater_jobs_running"], samples["clearwater_jobs_waiting"]) == ("1", "2")
    assert samples["clearwater_runs_waiting"] == "7"
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families)) == 12
