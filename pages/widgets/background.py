"""A job of a few seconds for which the page does not wait, with its place, progress and a stop."""

import threading
from typing import Generic, TypeVar, cast

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import Job
from analysis.serve.jobs.line import Line, shared_line
from pages.widgets.failures import report

T = TypeVar("T")


class Background(Generic[T]):
    """A started job, whose function returns a T."""

    def __init__(self, job: Job, doing: str, line: Line | None = None) -> None:
        """Start a job; `doing` completes "Something went wrong while …"."""
        self.job = job
        self.result: T | None = None
        self.problem = ""
        self._line = line or shared_line()
        self._thread = threading.Thread(target=self._run, args=(doing,), daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it waits or computes."""
        return self._thread.is_alive()

    @property
    def place(self) -> int:
        """Its place among the jobs that wait, from 1; 0 if it does not wait."""
        return self._line.place(self.job)

    @property
    def was_stopped(self) -> bool:
        """Whether the reader has stopped it."""
        return self.job.is_cancelled

    def stop(self) -> None:
        """Stop it at once; a result that is already there stays."""
        self.job.cancel()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended, but no longer than this."""
        self._thread.join(seconds)

    def _run(self, doing: str) -> None:
        try:
            self.result = cast("T", self._line.run(self.job))
        except InputError as error:
            if not self.was_stopped:
                self.problem = error.public
        except Exception as error:
            self.problem = report(error, doing)
