"""Let SIGTERM end a command as Ctrl-C does: its files are closed, and it says one sentence."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

PATIENCE = 5.0
"""Seconds that a signal waits for the next report of a long computation."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Raise Terminated where the process is when SIGTERM arrives; in the main thread only."""
    if not _is_main():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def held_signals(patience: float = PATIENCE) -> Iterator[Callable[[], None]]:
    """Inside, SIGTERM and Ctrl-C are raised by the next call of the yielded function.

    Raised where the process is, a signal may be lost in a finalizer, and compiled code that calls
    Python for a moment ends in a SystemError or a segmentation fault. After `patience` seconds
    without a call, or at a second signal, it is raised there all the same. A signal that the
    process ignores stays ignored. The yielded function does nothing outside the main thread.
    """
    if not _is_main():
        yield lambda: None
        return
    held: list[int] = []
    own = os.getpid()
    timers: list[threading.Timer] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held or os.getpid() != own:  # a fork is ended at once
            _interrupt(number, frame)
        held.append(number)
        timers.append(threading.Timer(patience, os.kill, (own, number)))
        timers[0].daemon = True
        timers[0].start()

    def raise_held() -> None:
        if held and _is_main():
            _interrupt(held[0], None)

    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, hold) for number in heeded]
    try:
        yield raise_held
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in zip(heeded, before, strict=True):
            signal.signal(number, handler)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
