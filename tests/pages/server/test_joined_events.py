"""The events of a session reach the event loop in few pieces, all of them, in their order."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.runtime import Runtime

from pages.server.joined_events import Waiting, join_events

EVENTS = 500


def test_events_come_in_their_order_and_wake_the_loop_few_times() -> None:
    async def run() -> tuple[list[int], set[int], int]:
        loop = asyncio.get_running_loop()
        came: list[int] = []
        threads: set[int] = set()
        wakings: list[object] = []
        wake = loop.call_soon_threadsafe

        def counting(*args: Any) -> asyncio.Handle:
            wakings.append(args)
            return wake(*args)

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign, assignment]
        waiting = Waiting(loop, pause=0.02)
        end = loop.create_future()

        def note(number: int) -> None:
            came.append(number)
            threads.add(threading.get_ident())
            if number == EVENTS - 1:
                end.set_result(None)

        def script() -> None:
            for number in range(EVENTS):
                waiting.add(lambda number=number: note(number))  # type: ignore[misc]

        with ThreadPoolExecutor(1) as pool:
            pool.submit(script)
            await asyncio.wait_for(end, 60)
        return came, threads, len(wakings)

    came, threads, wakings = asyncio.run(run())
    assert came == list(range(EVENTS))
    assert threads == {threading.get_ident()}
    assert wakings < EVENTS / 5


def test_no_event_of_many_threads_is_lost() -> None:
    async def run() -> list[tuple[int, int]]:
        loop = asyncio.get_running_loop()
        waiting = Waiting(loop, pause=0.0)
        came: list[tuple[int, int]] = []
        end = loop.create_future()

        def note(thread: int, number: int) -> None:
            came.append((thread, number))
            if len(came) == 4 * EVENTS:
                end.set_result(None)

        def script(thread: int) -> None:
            for number in range(EVENTS):
                waiting.add(lambda number=number: note(thread, number))  # type: ignore[misc]

        with ThreadPoolExecutor(4) as pool:
            for thread in range(4):
                pool.submit(script, thread)
            await asyncio.wait_for(end, 60)
        return came

    came = asyncio.run(run())
    for thread in range(4):
        assert [number for one, number in came if one == thread] == list(range(EVENTS))


def test_an_event_that_fails_is_reported_and_the_others_come() -> None:
    async def run() -> tuple[list[str], list[str]]:
        loop = asyncio.get_running_loop()
        reported: list[str] = []
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        waiting, came, end = Waiting(loop), [], loop.create_future()

        def fail() -> None:
            raise ValueError("this event")

        for callback in (
            lambda: came.append("before"),
            fail,
            lambda: came.append("after"),
            lambda: end.set_result(None),
        ):
            waiting.add(callback)
        await asyncio.wait_for(end, 60)
        return came, reported

    assert asyncio.run(run()) == (["before", "after"], ["this event"])


def test_events_after_the_end_of_the_loop_are_dropped() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    waiting = Waiting(loop)
    for _ in range(2):
        waiting.add(lambda: pytest.fail("the loop is closed"))


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit with joined events, for one test."""
    for owner, name in (
        (AppSession, "_call_soon_on_event_loop"),
        (Runtime, "_enqueued_some_message"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    join_events()


class Session(AppSession):
    """A session without a page."""

    def __init__(self) -> None:
        """Nothing is started."""

    def __del__(self) -> None:
        """Nothing is ended."""


@pytest.mark.usefixtures("joined")
def test_the_events_of_a_session_are_handled_on_its_loop() -> None:
    async def run() -> list[object]:
        loop = asyncio.get_running_loop()
        end = loop.create_future()
        handled: list[object] = []
        session = Session()
        session._event_loop = loop

        def handle(_sender: object, event: object, *_: object) -> None:
            handled.append(event)
            if event == "last":
                end.set_result(None)

        session._handle_scriptrunner_event_on_event_loop = handle  # type: ignore[method-assign, assignment]

        def script() -> None:
            for event in ("first", "second", "last"):
                session._on_scriptrunner_event(None, event)  # type: ignore[arg-type]

        with ThreadPoolExecutor(1) as pool:
            pool.submit(script)
            await asyncio.wait_for(end, 60)
        return handled

    assert asyncio.run(run()) == ["first", "second", "last"]


@pytest.mark.usefixtures("joined")
def test_the_runtime_is_woken_from_its_loop_and_from_other_threads() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        known = SimpleNamespace(eventloop=loop, need_send_data=asyncio.Event())
        runtime = Runtime.__new__(Runtime)
        runtime._get_async_objs = lambda: known  # type: ignore[method-assign, assignment, return-value]
        runtime._enqueued_some_message()
        assert known.need_send_data.is_set()
        known.need_send_data.clear()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(runtime._enqueued_some_message)
            await asyncio.wait_for(known.need_send_data.wait(), 60)

    asyncio.run(run())
