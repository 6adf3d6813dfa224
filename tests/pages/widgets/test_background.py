"""Jobs in the background: results, errors, progress, places and stops."""

import logging
import operator
from collections.abc import Iterator

import pytest

from analysis.serve.jobs.job import Job
from analysis.serve.jobs.line import Line
from pages.widgets.background import Background
from pages.widgets.failures import LOG
from tests.analysis.serve.jobs.steps import count_to, refuse

LONG = 300.0
"""Seconds of patience."""


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    one = Line(1, LONG)
    yield one
    one.close()


def test_a_result_and_its_progress(line: Line) -> None:
    job = Job(count_to, (4, 0.0), "Counting", has_progress=True)
    work: Background[int] = Background(job, "counting", line)
    work.wait(LONG)
    assert not work.is_running and work.result == 4
    assert (job.done, job.total) == (4, 4) and not work.problem and work.place == 0


def test_bad_input_and_bugs_are_sentences(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    bad: Background[None] = Background(Job(refuse, ("/srv/data/x.parquet",), ""), "counting", line)
    bad.wait(LONG)
    with caplog.at_level(logging.ERROR, LOG.name):
        bug: Background[int] = Background(Job(int, ("secret",), ""), "counting", line)
        bug.wait(LONG)
    assert bad.problem == "x.parquet: is damaged."
    assert "Something went wrong while counting" in bug.problem
    assert "secret" not in bug.problem and bug.result is None
    caplog.clear()


def test_one_that_runs_and_one_that_waits_are_stopped_at_once(line: Line) -> None:
    long = Job(count_to, (1000, 0.5), "Counting", has_progress=True)
    first: Background[int] = Background(long, "counting", line)
    while long.done < 2:
        first.wait(0.05)
    second: Background[int] = Background(Job(operator.add, (1, 1), "Sum"), "adding", line)
    third: Background[int] = Background(Job(operator.add, (2, 2), "Sum"), "adding", line)
    while third.place != 2:
        third.wait(0.05)
    assert first.place == 0 and first.is_running
    second.stop()
    second.wait(LONG)
    assert second.was_stopped and second.result is None and not second.problem
    first.stop()
    first.wait(LONG)
    third.wait(LONG)
    assert first.result is None and not first.problem and long.done < 1000
    assert third.result == 4
