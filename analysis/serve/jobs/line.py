"""The line of jobs of a server process: who asked first is served first.

Whoever asks waits in their own thread, so the line is no more than a list of jobs and of processes.
"""

import atexit
import threading
import time
from functools import lru_cache
from typing import Any

from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from analysis.serve.jobs.job import CancelledJobError, Job
from analysis.serve.jobs.job_process import JobProcess
from analysis.serve.server_settings import server_settings
from analysis.serve.server_state import STATE, resident_bytes

MOST_WAITING = 64
"""Jobs in a line, whoever has asked for them."""
IDLE_SECONDS = 60.0
"""After which a process without a job ends, so that its memory is free."""
_LOOK = 0.1
"""Seconds between two looks at whether a waiting job was cancelled."""


class Line:
    """Jobs that wait and run, in the order in which they were asked for. Thread-safe."""

    def __init__(
        self,
        processes: int,
        seconds: float,
        most_of_user: int = 0,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Run jobs in up to `processes` processes, each for up to `seconds`.

        A user can have `most_of_user` jobs in the line at once; 0: as many as the line holds.
        """
        self.processes, self.seconds = processes, seconds
        self._most_of_user, self._idle_seconds = most_of_user, idle_seconds
        self._change = threading.Condition()
        self._jobs: list[Job] = []
        self._idle: list[JobProcess] = []
        self._working: list[JobProcess] = []

    def run(self, job: Job) -> Any:
        """Wait for a process and for the result of a job.

        Raises InputError if the user or the line has too many jobs, and as `JobProcess.answer`.
        """
        self._enter(job)
        try:
            process = self._next_process(job)
            try:
                result = process.answer(job, self.seconds)
            finally:
                self._give_back(process)
        except CancelledJobError:
            STATE.count("jobs cancelled")
            raise
        except Exception:
            STATE.count("jobs failed")
            raise
        finally:
            with self._change:
                self._jobs.remove(job)
                self._change.notify_all()
        STATE.count("jobs done")
        return result

    def place(self, job: Job) -> int:
        """The place of a waiting job, from 1; 0 if it does not wait."""
        with self._change:
            waiting = self._waiting()
            return waiting.index(job) + 1 if job in waiting else 0

    def jobs(self) -> list[Job]:
        """The jobs that wait and run, the oldest first."""
        with self._change:
            return list(self._jobs)

    def memory(self) -> int:
        """Bytes of the processes."""
        with self._change:
            pids = [one.pid for one in (*self._idle, *self._working)]
        return sum(map(resident_bytes, pids))

    def close(self) -> None:
        """End all processes; the jobs that run fail."""
        with self._change:
            processes = [*self._idle, *self._working]
            self._idle.clear()
        for one in processes:
            one.stop()

    def _enter(self, job: Job) -> None:
        with self._change:
            own = sum(one.requester.user == job.requester.user for one in self._jobs)
            if self._most_of_user and own >= self._most_of_user:
                raise InputError(
                    f"{job.title}: {count(own)} of your exports and computations wait or run; "
                    "wait until one has ended, or cancel one."
                )
            if len(self._jobs) >= MOST_WAITING:
                raise InputError(
                    f"{job.title}: {count(len(self._jobs))} exports and computations wait on this "
                    "server; try again in a minute."
                )
            self._jobs.append(job)

    def _waiting(self) -> list[Job]:
        return [job for job in self._jobs if not job.is_running]

    def _next_process(self, job: Job) -> JobProcess:
        """A process for a job, once it is the turn of the job."""
        with self._change:
            while self._waiting()[0] is not job or len(self._working) >= self.processes:
                if job.is_cancelled:
                    raise CancelledJobError(f"{job.title}: was cancelled.")
                self._change.wait(_LOOK)
            process = self._idle.pop() if self._idle else None
            if process is not None and not process.is_alive:
                process.stop()
                process = None
            process = process or JobProcess()
            self._working.append(process)
            job.is_running = True
            self._change.notify_all()
            return process

    def _give_back(self, process: JobProcess) -> None:
        with self._change:
            self._working.remove(process)
            if process.is_alive:
                process.idle_since = time.monotonic()
                self._idle.append(process)
                timer = threading.Timer(self._idle_seconds, self._end_idle)
                timer.daemon = True
                timer.start()
            self._change.notify_all()

    def _end_idle(self) -> None:
        """End the processes that have had no job for long enough."""
        latest = time.monotonic() - self._idle_seconds
        with self._change:
            ended = [one for one in self._idle if one.idle_since <= latest]
            self._idle = [one for one in self._idle if one not in ended]
        for one in ended:
            one.stop()


@lru_cache(maxsize=1)
def shared_line() -> Line:
    """The line of this process, as its settings want it."""
    settings = server_settings()
    line = Line(settings.job_processes, settings.job_seconds, settings.most_jobs_of_user)
    atexit.register(line.close)
    return line
