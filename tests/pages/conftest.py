"""The dashboard without a browser, on the planted bundle."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from pages.widgets.events import KEY
from pages.widgets.export_menu import SHOWN, menu_key
from pages.widgets.failures import LOG
from pages.widgets.session import GENERATION

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_failure(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A page shows a bug as a sentence, so that `app.exception` is empty; the log has it."""
    yield
    assert [r.getMessage() for r in caplog.get_records("call") if r.name == LOG.name] == []


@pytest.fixture
def open_page(planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a page of the dashboard by its file name, with the given query parameters."""
    monkeypatch.setenv("CLEARWATER_BUNDLES", str(planted_bundle.path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_data.clear()

    def run(page: str = "overview", **params: object) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
        for name, value in params.items():
            app.query_params[name] = str(value)
        app.run()
        return app if page == "overview" else app.switch_page(f"pages/{page}.py").run()

    return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass for what Streamlit keeps: called with seconds."""
    passed = [0.0]
    monkeypatch.setattr(
        "streamlit.runtime.caching.cache_utils.TTLCACHE_TIMER",
        lambda: time.monotonic() + passed[0],
    )
    st.cache_resource.clear()

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


def texts(app: AppTest) -> str:
    """All Markdown, captions and titles of a page in one text, without escapes."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def charts(app: AppTest) -> list[object]:
    """The charts of a page."""
    return list(app.get("vega_lite_chart"))


def maps_data(app: AppTest) -> list[dict[str, Any]]:
    """What each map in the browser gets from Python."""
    protos = [element.proto for element in app.get("bidi_component")]
    named = "clearwater_latent_map"
    return [json.loads(proto.json) for proto in protos if proto.component_name == named]


def map_data(app: AppTest) -> dict[str, Any]:
    """What the only map in the browser gets from Python."""
    (data,) = maps_data(app)
    return data


def open_menus(app: AppTest) -> AppTest:
    """Open the export menu of everything that the page has shown."""
    for shown in app.session_state[SHOWN]:
        if not callable(shown):  # the map is made for a report only when one is saved
            app.session_state[menu_key(shown.name)] = True
    return app.run()


def act_in_chart(app: AppTest, name: str, **selection: object) -> AppTest:
    """Report what a reader does in the chart of a figure, as a browser would."""
    state = app.session_state  # it has no `get`
    drawn = state[GENERATION].get(name, 0) if GENERATION in state else 0
    state[f"{KEY} {name} {drawn}"] = {"selection": selection}
    return app.run()


def click(app: AppTest, label: str) -> AppTest:
    """Click the button with this label."""
    return next(button for button in app.button if button.label == label).click().run()
