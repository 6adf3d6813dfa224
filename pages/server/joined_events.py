"""The events of a running page reach the event loop together.

Streamlit wakes the event loop for each element of a page, from the thread that draws it, and once
more when the element is queued. Both threads need the interpreter, so a page of 150 elements hands
it over some hundred times, which takes a quarter of its CPU time. Here what a session's threads
have for the loop is kept for a moment and handed over in one piece, in its order. Streamlit itself
sends what is queued every 10 ms at most.
"""

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.runtime import Runtime

PAUSE = 0.005
"""Seconds that an event waits for others of its session."""
_WAITING = "_clearwater_waiting"
_NEW = Lock()


class Waiting:
    """Callbacks that a loop is to call, from any thread, in the order in which they come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pause: float = PAUSE) -> None:
        self._loop = loop
        self._pause = pause
        self._callbacks: list[Callable[[], None]] = []
        self._lock = Lock()

    def add(self, callback: Callable[[], None]) -> None:
        """Have a callback called; nothing happens if the loop is closed."""
        with self._lock:
            self._callbacks.append(callback)
            if len(self._callbacks) > 1:
                return
        try:
            self._loop.call_soon_threadsafe(self._loop.call_later, self._pause, self._hand_over)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _hand_over(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._loop.call_soon(callback)  # the loop reports what one raises, and goes on


def join_events() -> None:
    """Let the sessions of the server that is started next hand over their events together.

    Streamlit has no setting for it.
    """
    AppSession._call_soon_on_event_loop = _add  # type: ignore[method-assign, assignment]
    Runtime._enqueued_some_message = _wake  # type: ignore[method-assign, assignment]


def _add(session: AppSession, callback: Callable[[], None]) -> None:
    waiting: Waiting | None = vars(session).get(_WAITING)
    if waiting is None:
        with _NEW:
            waiting = vars(session).setdefault(_WAITING, Waiting(session._event_loop))
    waiting.add(callback)


def _wake(runtime: Runtime) -> None:
    """Let the runtime send what is queued; the loop itself needs no waking."""
    known: Any = runtime._get_async_objs()
    if asyncio._get_running_loop() is known.eventloop:
        known.need_send_data.set()
    else:
        known.eventloop.call_soon_threadsafe(known.need_send_data.set)
