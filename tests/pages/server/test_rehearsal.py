"""A page that is run without a browser leaves its figures for the first reader."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.pages.server.team_server import BUNDLES, CLOSED, OPEN, environment

PROBE = """
import asyncio, json, sys, threading
import dashboard
from pages.server import start
from pages.server.rehearsal import rehearse
from streamlit.runtime import Runtime

async def run():
    async with dashboard.app.lifespan()(dashboard.app):
        ended = [await rehearse("map", bundle, 100) for bundle in sys.argv[1:]]
        await asyncio.sleep(0)
        from charts.core import cache
        from analysis.serve.server_state import STATE
        figures = sorted(key[1] for key in cache._results._entries)
        print(json.dumps({
            "ended": ended,
            "charts": figures.count("charts.cluster_bars.cluster_bars"),
            "sessions": len(Runtime.instance()._session_mgr.list_sessions()),
            "in time": await rehearse("clusters", sys.argv[1], 0),
            "open pages": len(STATE.open_pages()),
        }))

start.warm_up = lambda *_: None
asyncio.run(run())
"""


@pytest.mark.parametrize("mode", ["local", "team"])
def test_a_run_draws_the_figures_of_a_page_for_a_user_whom_nobody_sees(
    mode: str, tmp_path: Path
) -> None:
    settings = environment(tmp_path) if mode == "team" else {}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, OPEN.id, CLOSED.id],
        cwd=ROOT,
        env=os.environ | {"CLEARWATER_BUNDLES": str(BUNDLES)} | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    given: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert given == {
        "ended": [True, True],
        "charts": 2,
        "sessions": 0,
        "in time": False,
        "open pages": 0,
    }
