"""Computations in a thread: results, errors, progress, stop, and one at a time."""

import logging
import threading

import pytest

from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from pages.widgets.background import Background
from pages.widgets.failures import LOG


def test_a_result_and_its_progress() -> None:
    def work(progress: Progress) -> int:
        progress(1, 4)
        return 7

    job = Background(work, "counting")
    job.wait(30)
    assert not job.is_running and job.result == 7
    assert (job.done, job.total) == (1, 4) and not job.problem


def test_bad_input_and_bugs_are_sentences(caplog: pytest.LogCaptureFixture) -> None:
    def bad(progress: Progress) -> int:
        raise InputError("/srv/data/x.parquet: is damaged.")

    def bug(progress: Progress) -> int:
        raise KeyError("secret")

    first, second = Background(bad, "counting"), Background(bug, "counting")
    first.wait(30)
    with caplog.at_level(logging.ERROR, LOG.name):
        second.wait(30)
    assert first.problem == "x.parquet: is damaged."
    assert "Something went wrong while counting" in second.problem
    assert "secret" not in second.problem and second.result is None
    caplog.clear()


def test_a_stopped_computation_ends_at_its_next_step() -> None:
    started, steps = threading.Event(), []

    def work(progress: Progress) -> int:
        for step in range(1_000_000):
            steps.append(step)
            progress(step, 1_000_000)
            started.set()
        return 1

    job = Background(work, "counting")
    assert started.wait(30)
    job.stop()
    job.wait(30)
    assert not job.is_running and job.was_stopped
    assert job.result is None and not job.problem and len(steps) < 1_000_000


def test_one_computation_runs_at_a_time_and_a_waiting_one_can_be_stopped() -> None:
    go, running = threading.Event(), threading.Event()

    def block(progress: Progress) -> str:
        running.set()
        go.wait(30)
        return "first"

    first = Background(block, "counting")
    assert running.wait(30)
    second = Background(lambda progress: "second", "counting")
    third = Background(lambda progress: "third", "counting")
    third.stop()
    third.wait(30)
    assert second.is_waiting and second.is_running and second.result is None
    assert not third.is_running and third.result is None
    go.set()
    second.wait(30)
    assert first.result == "first" and second.result == "second"
