"""A computation of a few seconds in a thread of its own, with progress and a way to stop it.

One runs at a time in each server process: they use all cores, and some of their kernels must not
run twice at once. Others wait.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from pages.widgets.failures import report

T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
_PATIENCE = 0.1
"""Seconds between two looks at whether a waiting computation was stopped."""


class StoppedError(Exception):
    """The reader has stopped the computation."""


class Background(Generic[T]):
    """A started computation."""

    def __init__(self, work: Callable[[Progress], T], doing: str) -> None:
        """Start `work`; `doing` completes "Something went wrong while …"."""
        self.done, self.total = 0, 1
        self.is_waiting = True
        self.result: T | None = None
        self.problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work, doing), daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it waits or computes."""
        return self._thread.is_alive()

    @property
    def was_stopped(self) -> bool:
        """Whether the reader has stopped it."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Stop at the next step; a result that is already there stays."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, but no longer than this."""
        self._thread.join(seconds)

    def _run(self, work: Callable[[Progress], T], doing: str) -> None:
        while not _ONE_AT_A_TIME.acquire(timeout=_PATIENCE):
            if self.was_stopped:
                return
        try:
            self.is_waiting = False
            self.result = work(Progress("", self._report))
        except StoppedError:
            pass
        except InputError as error:
            self.problem = error.public
        except Exception as error:
            self.problem = report(error, doing)
        finally:
            _ONE_AT_A_TIME.release()

    def _report(self, name: str, done: int, total: int) -> None:
        if self.was_stopped:
            raise StoppedError
        self.done, self.total = done, total
