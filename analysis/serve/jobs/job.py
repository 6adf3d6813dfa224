"""A job: a function that takes seconds, who has asked for it, and how far it is."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from analysis.runtime.errors import InputError


class CancelledJobError(InputError):
    """Its reader has cancelled the job."""


class FailedJobError(Exception):
    """The function of a job has raised an exception that is a bug; its type and message."""


@dataclass(frozen=True)
class Requester:
    """Who has asked for a job."""

    user: str = ""
    """Empty in the mode *local*."""
    page: str = ""
    """The open page, which shows the jobs that it waits for."""


_REQUESTER: ContextVar[Requester] = ContextVar("requester", default=Requester())  # noqa: B039


@contextmanager
def on_behalf_of(requester: Requester) -> Iterator[None]:
    """The jobs that this thread makes in this block are those of a requester."""
    token = _REQUESTER.set(requester)
    try:
        yield
    finally:
        _REQUESTER.reset(token)


@dataclass(eq=False)
class Job:
    """A job for a line; its function and its arguments must be picklable."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    title: str
    """What is made, as readers know it: the first words of every sentence about the job."""
    advice: str = "try again when the server is less busy"
    """What a reader can do if it takes too long or fails."""
    has_progress: bool = False
    """Whether the function takes a `progress`."""
    requester: Requester = field(default_factory=_REQUESTER.get)
    since: float = field(default_factory=time.time)
    """When it was asked for, in seconds since 1970."""
    is_running: bool = False
    done: int = 0
    total: int = 1
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def is_cancelled(self) -> bool:
        """Whether its reader has cancelled it."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Cancel it, whether it waits or runs; a result that is already there stays."""
        self._cancelled.set()
