"""The start of a server process."""

import asyncio
import gc
import threading
import webbrowser
from collections.abc import Callable

import pytest
import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.starlette import App

from analysis.serve import PREPARE
from pages.server import start
from tests.pages.conftest import ROOT


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"server.address": "127.0.0.1"}, "http://127.0.0.1:8600/"),
        ({"server.address": "0.0.0.0"}, "http://localhost:8600/"),
        ({"server.address": None, "server.baseUrlPath": "/team/"}, "http://localhost:8600/team"),
    ],
)
def test_the_address_is_one_that_this_machine_can_open(
    options: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    every: dict[str, object] = {"server.port": 8600, "server.baseUrlPath": ""} | options
    monkeypatch.setattr(st, "get_option", every.__getitem__)
    assert start.address() == expected


@pytest.mark.parametrize("headless", [True, False])
def test_the_warm_up_runs_and_a_browser_opens_unless_headless(
    headless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, warmed = threading.Event(), threading.Event()
    stops: list[threading.Event] = []

    def warm_up(stop: threading.Event, pause: float) -> None:
        assert pause == 4  # seconds
        stops.append(stop)
        warmed.set()

    async def run() -> None:
        async with start.lifespan(App(ROOT / "dashboard.py")):
            assert warmed.wait(10)
            assert opened.wait(0.1 if headless else 10) is not headless
            assert not stops[0].is_set()

    monkeypatch.setattr(start, "warm_up", warm_up)
    monkeypatch.setattr(webbrowser, "open", lambda _: opened.set())
    options = {"server.headless": headless, "server.address": "::", "server.port": 1}
    monkeypatch.setattr(st, "get_option", options.get)
    asyncio.run(run())
    assert stops[0].is_set()


@pytest.mark.parametrize("seconds", ["", "0", "7"])
def test_a_process_that_nobody_reaches_prepares_before_it_warms_up(
    seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    warmed = threading.Event()

    async def rehearse(page: str, bundle_id: str, left: float) -> None:
        steps.append(f"{page} of {bundle_id} in {left:g} s")

    def prepare(run: Callable[[str, str, float], object], _: object, given: float) -> None:
        assert not prepared_now.is_set()
        run("map", "b", 3.0)
        steps.append(f"had {given:g} s")

    def warm_up(*_: object) -> None:
        assert prepared_now.is_set()
        steps.append("warm")
        warmed.set()

    async def run() -> None:
        async with start.lifespan(App(ROOT / "dashboard.py")):
            await asyncio.to_thread(warmed.wait, 10)

    prepared_now = threading.Event()
    monkeypatch.setattr(start, "PREPARED", prepared_now)
    monkeypatch.setattr(start, "prepare", prepare)
    monkeypatch.setattr(start, "warm_up", warm_up)
    monkeypatch.setattr("pages.server.rehearsal.rehearse", rehearse)
    monkeypatch.setattr(st, "get_option", lambda _: True)
    monkeypatch.setenv(PREPARE, seconds)
    asyncio.run(run())
    prepared = ["map of b in 3 s", "had 7 s"] if seconds == "7" else []
    assert steps == [*prepared, "warm"]


def test_the_server_searches_for_garbage_less_often_than_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> int:
        async with start.lifespan(App(ROOT / "dashboard.py")):
            return gc.get_threshold()[0]

    monkeypatch.setattr(start, "warm_up", lambda *_: None)
    monkeypatch.setattr(st, "get_option", lambda _: True)
    before = gc.get_threshold()
    gc.set_threshold(700)
    try:
        assert asyncio.run(run()) == start.GARBAGE
    finally:
        gc.set_threshold(*before)


def test_a_wrong_setting_ends_the_process_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start.check_settings()
    monkeypatch.setenv("CLEARWATER_MODE", "server")
    with pytest.raises(SystemExit) as ended:
        start.check_settings()
    assert str(ended.value.code).startswith("Clearwater was not started. CLEARWATER_MODE: the ")


@pytest.mark.parametrize(("base", "path"), [("", "/x/{y}"), ("/lab/", "/lab/x/{y}")])
def test_routes_are_below_the_path_of_the_dashboard(
    base: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    monkeypatch.setattr(st, "get_option", lambda _: base)
    (route,) = start.below_base_path([Route("/x/{y}", answer, methods=["GET"])])
    assert (route.path, route.endpoint) == (path, answer)
    assert route.methods == {"GET", "HEAD"}


def test_only_a_team_has_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert start.gates() == []
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", "/nowhere/people.toml")
    (gate,) = start.gates()
    assert repr(gate).startswith("Middleware(Gate, ")
    with pytest.raises(SystemExit) as ended:
        start.check_settings()
    assert "/nowhere/people.toml: the file of people cannot be read" in str(ended.value.code)


def test_browsers_of_a_team_ask_before_they_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_is_team", lambda: False)
    assert start.origins() == list(st.get_option("client.allowedOrigins"))
    monkeypatch.setattr(start, "_is_team", lambda: True)
    assert start.origins() is None
