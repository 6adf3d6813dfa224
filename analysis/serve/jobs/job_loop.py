"""What a job process does: it runs one function after another and sends what they return.

It yields to readers who click, ignores Ctrl-C, and ends with the server process that has started
it, even if that was killed in the middle of a job.
"""

import os
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress

NICENESS = 10
_LOOK = 1.0
"""Seconds between two looks at whether the server process is there."""


def serve(descriptor: int, server: int) -> None:
    """Answer the jobs that arrive at a connection, until it is closed or `server` has ended."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    connection: Connection[Any, Any] = Connection(descriptor)
    while True:
        try:
            answer = answered(connection)
            connection.send(answer)
        except (EOFError, OSError):
            return


def answered(connection: "Connection[Any, Any]") -> tuple[str, Any]:
    """Run the next job; its kind of answer and the answer. Raises EOFError without another job."""
    try:
        function, arguments, has_progress = connection.recv()
        progress = Progress("", lambda _, done, total: connection.send(("step", (done, total))))
        more = {"progress": progress} if has_progress else {}
        return "result", function(*arguments, **more)
    except EOFError:
        raise
    except InputError as error:
        return "refused", str(error)
    except BaseException as error:  # a Rust library raises a BaseException where it panics
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def _end_with(server: int) -> None:
    while os.getppid() == server:
        time.sleep(_LOOK)
    os._exit(1)
