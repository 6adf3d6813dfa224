"""SIGTERM is raised where the process is, or by the next report of a computation."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from analysis.runtime.interrupts import Terminated, held_signals, sigterm_interrupts


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """A shell that starts the tests in the background lets them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_sigterm_is_raised_and_the_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), sigterm_interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    assert issubclass(Terminated, KeyboardInterrupt)


def test_other_threads_change_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    inside: list[object] = []

    def run() -> None:
        with sigterm_interrupts():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert inside == [before]


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_held_signal_is_raised_by_the_next_report(
    number: int, raised: type[KeyboardInterrupt]
) -> None:
    before = signal.getsignal(number)
    reached = False
    with pytest.raises(KeyboardInterrupt) as ended, held_signals(60) as report:
        report()
        os.kill(os.getpid(), number)
        reached = True
        report()
    assert reached and type(ended.value) is raised
    assert signal.getsignal(number) is before


def test_a_second_signal_is_raised_where_the_process_is() -> None:
    with pytest.raises(Terminated), held_signals(60):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the process has gone on")


def test_a_signal_does_not_wait_for_ever_for_a_report() -> None:
    end = time.monotonic() + 60
    with pytest.raises(Terminated), held_signals(0.1):
        os.kill(os.getpid(), signal.SIGTERM)
        while time.monotonic() < end:
            time.sleep(0.01)
    assert time.monotonic() < end


def test_a_report_of_another_thread_raises_nothing() -> None:
    ended: list[str] = []
    with pytest.raises(Terminated), held_signals(60) as report:
        os.kill(os.getpid(), signal.SIGTERM)

        def run() -> None:
            report()
            ended.append("ended")

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        report()
    assert ended == ["ended"]


def test_a_signal_that_comes_after_the_last_report_is_forgotten() -> None:
    with held_signals(60):
        os.kill(os.getpid(), signal.SIGTERM)
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert timers
    for timer in timers:
        timer.join(30)  # one that is cancelled ends at once, and sends nothing
        assert not timer.is_alive()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_signals(60) as report:
            os.kill(os.getpid(), signal.SIGINT)
            report()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
