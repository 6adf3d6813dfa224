"""`/metrics`: the text format of OpenMetrics."""

import re

from starlette.requests import Request

from analysis.serve.server_state import STATE
from pages.server.open_metrics import MEDIA_TYPE, metrics


def test_it_states_what_the_process_has_counted() -> None:
    before = STATE.counts["exports"]
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
    families = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(families) == len(set(families)) == 5
