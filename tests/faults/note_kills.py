"""Writers of notes are killed (SIGKILL), and the database is stopped, in the middle of their work.

Every write that was acknowledged is there afterwards, and every history is complete.
"""

import time
from collections.abc import Callable

from tests.analysis.notes.postgresql import programs, start, stop
from tests.faults.note_edits import check_notes, postgresql, start_writers
from tests.faults.trial import Case, FaultError, Outcome, Trial

WRITERS, EDITS = 8, 100_000
"""More edits than any case has time for."""
LONGEST = 2.5
"""Seconds from the first acknowledged edit to the kill."""
RESTARTS = 3
_START = 60.0
"""Seconds in which the first edit must be acknowledged."""


def run(case: Case) -> Outcome:
    """Even cases are on SQLite; in odd ones the server of PostgreSQL is stopped three times too."""
    if case.number % 2 == 0:
        return _kill(case, f"sqlite:///{case.folder / 'notes.sqlite'}", lambda: None)
    with postgresql() as (address, server):
        bin_folder = programs()
        assert bin_folder is not None

        def restart() -> None:
            for _ in range(RESTARTS):
                stop(server, bin_folder, "immediate")
                start(server, bin_folder)
                time.sleep(0.3)

        return _kill(case, address, restart)


def _kill(case: Case, address: str, disturb: Callable[[], None]) -> Outcome:
    logs = case.folder / "logs"
    logs.mkdir()
    processes = start_writers(address, logs, WRITERS, EDITS)
    try:
        latest = time.monotonic() + _START
        while not any(log.stat().st_size for log in logs.iterdir()):
            if time.monotonic() > latest:
                raise FaultError("No edit was acknowledged.")
            time.sleep(0.05)
        time.sleep(case.random().uniform(0, LONGEST))
        disturb()
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
    acknowledged = check_notes(address, logs)
    return Outcome("every acknowledged edit is there", {"edits": acknowledged})


TRIAL = Trial("note-kills", 20, run, covers=("analysis/notes", "tests/faults/note_edits.py"))
