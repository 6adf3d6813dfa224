"""Runs of pages take turns: some run at once, and the others wait in line.

The threads of a process share the interpreter. When many readers open pages at once, as after a
restart of the server, runs that all advance together spend much of the time on handing the
interpreter over, and every reader waits for the last. In turns, the first readers have their page
early, and the last one has it earlier too.

A turn that lasts long no longer counts, and the next run begins: the long one may itself wait for
another process, a lock or a slow disk. So no run keeps the others waiting for ever.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

AT_ONCE = 2
"""Runs of a process that compute at once. Beside them, tables are read and messages are sent."""
LONG = 5.0
"""Seconds after which a turn no longer counts."""
STEP = 0.1
"""Seconds after which a run that waits looks whether it was stopped."""


class Turns:
    """At most `at_once` turns that have lasted less than `long` seconds; first come, first served.

    Safe for threads.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        long: float = LONG,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_once, self._long, self._clock = at_once, long, clock
        self._line: deque[threading.Event] = deque()
        self._begun: dict[threading.Event, float] = {}
        """When each turn began that has not ended."""
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """The number of runs that wait."""
        return len(self._line)

    @contextmanager
    def turn(self, look: Callable[[], object], step: float = STEP) -> Iterator[None]:
        """Wait for a turn and hold it during the block.

        `look` is called every `step` seconds of waiting; what it raises ends the waiting.
        """
        own = threading.Event()
        with self._lock:
            self._line.append(own)
            self._begin_next()
        try:
            while not own.wait(step):
                look()
                with self._lock:  # a turn may have become long meanwhile
                    self._begin_next()
            yield
        finally:
            with self._lock:
                if self._begun.pop(own, None) is None:
                    self._line.remove(own)
                self._begin_next()

    def _begin_next(self) -> None:
        """Begin the turns of the first in line, as many as there is room for."""
        now = self._clock()
        counting = sum(now - since < self._long for since in self._begun.values())
        for _ in range(min(self._at_once - counting, len(self._line))):
            first = self._line.popleft()
            self._begun[first] = now
            first.set()


TURNS = Turns()
"""Those of this process."""


@contextmanager
def in_turn(turns: Turns = TURNS) -> Iterator[None]:
    """Wait for the turn of this run of a page, and hold it during the block.

    Streamlit's own exception ends the waiting if the reader has clicked again or has left. Runs of
    fragments take no turns: they are short, and readers use them to see an answer at once.
    """
    with turns.turn(_end_if_stopped):
        yield


def _end_if_stopped() -> None:
    """Raise what ends this run if Streamlit has asked for its end: a look at the state does it."""
    _ = "any name" in st.session_state
