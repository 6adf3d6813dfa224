"""A process that runs jobs, as the server process that has started it sees it.

It is a fresh Python and no fork or spawn of multiprocessing: the server runs threads, and its main
module is the page that Streamlit happens to run. concurrent.futures does not fit, because it can
neither end a job that runs nor lose a process without losing all.
"""

import os
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import CancelledJobError, FailedJobError, Job

_CODE = "import sys; from analysis.serve.jobs.job_loop import serve; serve(*map(int, sys.argv[1:]))"
_HOME = Path(__file__).resolve().parents[3]
"""The folder that holds the package `analysis`."""
_LOOK = 0.1
"""Seconds between two looks at whether a running job was cancelled."""


class JobProcess:
    """A process that runs one job at a time."""

    def __init__(self) -> None:
        own, other = Pipe()
        self._connection: Connection[Any, Any] = own
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, str(other.fileno()), str(os.getpid())],
                cwd=_HOME,
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
            )
        self.idle_since = time.monotonic()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can run another job."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def answer(self, job: Job, seconds: float) -> Any:
        """What the function of a job returns.

        Raises InputError if the function does, and if the process ends or takes longer than
        `seconds`; CancelledJobError; FailedJobError for any other exception of the function.
        """
        try:
            self._connection.send((job.function, job.arguments, job.has_progress))
            kind, answer = self._awaited(job, time.monotonic() + seconds, seconds)
        except (EOFError, OSError) as error:
            self.stop()
            raise InputError(
                f"{job.title}: the process that made it has ended (code "
                f"{self._process.returncode}), perhaps for want of memory; {job.advice}."
            ) from error
        if kind == "refused":
            raise InputError(answer)
        if kind == "failed":
            raise FailedJobError(answer)
        return answer

    def _awaited(self, job: Job, end: float, seconds: float) -> tuple[str, Any]:
        while True:
            if self._connection.poll(_LOOK):
                kind, answer = self._connection.recv()
                if kind != "step":
                    return kind, answer
                job.done, job.total = answer
            if job.is_cancelled:
                self.stop()
                raise CancelledJobError(f"{job.title}: was cancelled.")
            if time.monotonic() > end:
                self.stop()
                raise InputError(
                    f"{job.title}: took longer than {seconds:g} s and was stopped; {job.advice}."
                )
