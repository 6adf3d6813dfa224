"""A job process that fails, dies, takes too long, is cancelled, or loses its server."""

import operator
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import CancelledJobError, FailedJobError, Job
from analysis.serve.jobs.job_loop import NICENESS
from analysis.serve.jobs.job_process import JobProcess
from tests.analysis.serve.jobs.steps import count_to, refuse
from tests.conftest import ROOT

LONG = 300.0
"""Seconds within which every process of a test answers, however busy the machine is."""


@pytest.fixture
def process() -> Iterator[JobProcess]:
    started = JobProcess()
    yield started
    if started.is_alive:
        started.stop()


def test_one_process_runs_many_jobs_and_survives_their_failures(process: JobProcess) -> None:
    assert process.answer(Job(operator.mul, (6, 7), "Product"), LONG) == 42
    with pytest.raises(InputError, match=r"^/srv/x\.parquet: is damaged\.$"):
        process.answer(Job(refuse, ("/srv/x.parquet",), "Rows"), LONG)
    with pytest.raises(FailedJobError, match=r"^ZeroDivisionError: division by zero$"):
        process.answer(Job(operator.truediv, (1, 0), "Ratio"), LONG)
    assert process.answer(Job(os.getpid, (), "Id"), LONG) == process.pid != os.getpid()
    assert psutil.Process(process.pid).nice() == min(os.nice(0) + NICENESS, 19)


def test_a_process_that_dies_gives_one_sentence(process: JobProcess) -> None:
    job = Job(os.abort, (), "Densities", "select fewer")
    with pytest.raises(InputError, match=r"^Densities: the process .* \(code -6\).*fewer\.$"):
        process.answer(job, LONG)
    assert not process.is_alive


def test_what_takes_too_long_is_ended(process: JobProcess) -> None:
    process.answer(Job(os.getpid, (), "Id"), LONG)
    job = Job(time.sleep, (LONG,), "Densities", "select fewer")
    with pytest.raises(InputError, match=r"^Densities: took longer than 0\.5 s and was stopped"):
        process.answer(job, 0.5)
    assert not psutil.pid_exists(process.pid)


def test_progress_is_seen_and_a_running_job_is_cancelled_at_once(process: JobProcess) -> None:
    job = Job(count_to, (1000, 0.2), "Counting", has_progress=True)

    def cancel_later() -> None:
        while job.done < 2:
            time.sleep(0.05)
        job.cancel()

    threading.Thread(target=cancel_later, daemon=True).start()
    with pytest.raises(CancelledJobError):
        process.answer(job, LONG)
    assert 2 <= job.done < 1000 and job.total == 1000
    assert not process.is_alive


def test_it_ends_with_its_server_also_in_the_middle_of_a_job() -> None:
    code = """
import threading, time
from analysis.serve.jobs.job import Job
from analysis.serve.jobs.job_process import JobProcess
process = JobProcess()
print(process.pid, flush=True)
process.answer(Job(time.sleep, (600,), "Sleep"), 600)
"""
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout as output:
        child = psutil.Process(int(output.readline()))
    server.kill()
    server.wait()
    _, alive = psutil.wait_procs([child], timeout=60)
    assert alive == []
