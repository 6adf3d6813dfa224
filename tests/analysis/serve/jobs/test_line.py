"""The line: first come, first served; a cap for each user; every failure frees its place."""

import operator
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from analysis.runtime.errors import InputError
from analysis.serve.jobs import line as lines
from analysis.serve.jobs.job import CancelledJobError, Job, Requester
from analysis.serve.jobs.line import Line, shared_line

LONG = 300.0
"""Seconds of patience."""
ADA, BOB = Requester("ada", "page 1"), Requester("bob", "page 2")


@pytest.fixture
def line() -> Iterator[Line]:
    one = Line(processes=1, seconds=LONG, most_of_user=2)
    yield one
    one.close()


class Started:
    """A job in a thread, as a reader waits for it."""

    def __init__(self, line: Line, job: Job) -> None:
        self.job = job
        self.result: Any = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(line,), daemon=True)
        self._thread.start()

    def _run(self, line: Line) -> None:
        try:
            self.result = line.run(self.job)
        except Exception as error:
            self.error = error

    def end(self) -> "Started":
        self._thread.join(LONG)
        assert not self._thread.is_alive()
        return self


def wait_until(holds: Any) -> None:
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def until_file(path: str) -> str:
    """Wait, in a job process, until a file is there."""
    while not Path(path).exists():
        time.sleep(0.02)
    return path


def blocked(line: Line, file: Path, requester: Requester = ADA) -> Started:
    """A job that runs until a file is there."""
    job = Job(until_file, (str(file),), "Blocked", requester=requester)
    started = Started(line, job)
    wait_until(lambda: job.is_running)
    return started


def refusal(line: Line, job: Job) -> str:
    """Why a line refuses a job; fails at once if the job waits in it instead."""
    started = Started(line, job)
    wait_until(lambda: started.error is not None or job in line.jobs())
    assert isinstance(started.error, InputError)
    return str(started.error)


def test_jobs_are_done_in_their_order_and_know_their_places(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "go"
    first = blocked(line, file)
    waiting = []
    for number, requester in enumerate((ADA, BOB, BOB)):
        job = Job(operator.add, (number, 0), f"Job {number}", requester=requester)
        waiting.append(Started(line, job))
        wait_until(lambda job=job: job in line.jobs())
    assert [line.place(one.job) for one in (first, *waiting)] == [0, 1, 2, 3]
    assert line.memory() > 1_000_000
    file.touch()
    assert [one.end().result for one in (first, *waiting)] == [str(file), 0, 1, 2]
    assert line.jobs() == [] and line.place(first.job) == 0


def test_a_user_with_too_many_jobs_is_refused_and_others_are_not(
    line: Line, tmp_path: Path
) -> None:
    file = tmp_path / "go"
    first = blocked(line, file)
    second = Started(line, Job(operator.add, (1, 1), "Second", requester=ADA))
    wait_until(lambda: len(line.jobs()) == 2)
    problem = refusal(line, Job(operator.add, (1, 1), "Third", requester=ADA))
    assert problem.startswith("Third: 2 of your exports and computations wait or run")
    other = Started(line, Job(operator.add, (2, 2), "Other", requester=BOB))
    file.touch()
    assert (first.end().error, second.end().result, other.end().result) == (None, 2, 4)
    assert line.run(Job(operator.add, (1, 1), "Third", requester=ADA)) == 2


def test_the_line_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lines, "MOST_WAITING", 1)
    line = Line(1, LONG)
    first = blocked(line, tmp_path / "go")
    problem = refusal(line, Job(operator.add, (1, 1), "Sum"))
    assert problem.startswith("Sum: 1 exports and computations wait on this server")
    (tmp_path / "go").touch()
    first.end()
    line.close()


def test_a_waiting_job_is_cancelled_and_leaves_its_place(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "go"
    first = blocked(line, file)
    second = Started(line, Job(operator.add, (1, 1), "Second", requester=ADA))
    third = Started(line, Job(operator.add, (2, 2), "Third", requester=BOB))
    wait_until(lambda: len(line.jobs()) == 3)
    second.job.cancel()
    assert isinstance(second.end().error, CancelledJobError)
    assert line.place(third.job) == 1
    file.touch()
    assert (first.end().result, third.end().result) == (str(file), 4)


def test_a_process_that_dies_or_is_late_frees_its_place(tmp_path: Path) -> None:
    line = Line(1, LONG)
    first = Started(line, Job(os.abort, (), "First"))
    second = Started(line, Job(operator.add, (1, 1), "Second"))
    assert "First: the process that made it has ended" in str(first.end().error)
    assert second.end().result == 2
    line.seconds = 0.3
    with pytest.raises(InputError, match="took longer than"):
        line.run(Job(time.sleep, (LONG,), "Third"))
    line.seconds = LONG
    assert line.run(Job(operator.add, (2, 2), "Fourth")) == 4
    line.close()


def test_an_idle_process_that_was_killed_is_replaced_and_a_long_idle_one_ends() -> None:
    line = Line(1, LONG, idle_seconds=LONG)
    pid = line.run(Job(os.getpid, (), "Id"))
    assert line.run(Job(os.getpid, (), "Id")) == pid, "one process runs many jobs"
    killed = psutil.Process(pid)
    killed.kill()
    psutil.wait_procs([killed], timeout=LONG)
    assert line.run(Job(os.getpid, (), "Id")) != pid
    line.close()
    brief = Line(1, LONG, idle_seconds=0.1)
    pid = brief.run(Job(os.getpid, (), "Id"))
    wait_until(lambda: not psutil.pid_exists(pid))
    assert brief.memory() == 0
    assert brief.run(Job(operator.add, (1, 1), "Sum")) == 2
    brief.close()


def test_two_processes_run_two_jobs_at_once(tmp_path: Path) -> None:
    line = Line(2, LONG)
    jobs = [blocked(line, tmp_path / "go"), blocked(line, tmp_path / "go")]
    (tmp_path / "go").touch()
    assert [one.end().error for one in jobs] == [None, None]
    line.close()


def test_the_line_of_the_server_is_as_its_settings_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARWATER_JOB_PROCESSES", "3")
    monkeypatch.setenv("CLEARWATER_JOB_SECONDS", "17")
    shared_line.cache_clear()
    try:
        line = shared_line()
        assert (line.processes, line.seconds) == (3, 17)
        assert shared_line() is line
    finally:
        shared_line.cache_clear()
