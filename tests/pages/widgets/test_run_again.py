"""What the timers of pages are told; `tests/browser/test_run_again.py` tests what they do."""

import json
import re
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def _app() -> None:
    from pages.widgets.run_again import (  # noqa: PLC0415
        run_again_after_click,
        run_again_every,
        run_again_on_change,
    )

    run_again_every(0.5, "progress")
    run_again_on_change("map-data/x/notes", "1-2", 4, "note")
    run_again_after_click("a button", 1, "downloads")


def test_every_timer_has_its_seconds_and_its_address() -> None:
    app = AppTest.from_function(_app).run()
    assert not app.exception
    sent: list[dict[str, Any]] = [json.loads(e.proto.json) for e in app.get("bidi_component")]
    assert sent == [
        {"seconds": 0.5, "address": "", "drawn": "", "after": ""},
        {"seconds": 4, "address": "map-data/x/notes", "drawn": "1-2", "after": ""},
        {"seconds": 1, "address": "", "drawn": "", "after": "a button"},
    ]


def test_no_fragment_has_a_timer_of_streamlit() -> None:
    files = [ROOT / "dashboard.py", *(ROOT / "pages").rglob("*.py")]
    timed = [file.name for file in files if re.search(r"run_every\s*=", file.read_text("utf-8"))]
    assert len(files) > 50
    assert timed == []
