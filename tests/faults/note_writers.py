"""Many writers edit the same ten notes at once: no edit is lost, and no history has a gap."""

import time

from tests.faults.note_edits import check_notes, postgresql, start_writers
from tests.faults.trial import Case, FaultError, Outcome, Trial

FEW, MANY = (4, 10), (20, 200)
"""Writers, and edits of each: of the first case, which the test suite runs, and of the others."""


def run(case: Case) -> Outcome:
    """Even cases are on SQLite, odd ones on PostgreSQL."""
    if case.number % 2 == 0:
        return _run(case, f"sqlite:///{case.folder / 'notes.sqlite'}", "SQLite")
    with postgresql() as (address, _):
        return _run(case, address, "PostgreSQL")


def _run(case: Case, address: str, database: str) -> Outcome:
    writers, edits = FEW if case.number == 0 else MANY
    logs = case.folder / "logs"
    logs.mkdir()
    began = time.monotonic()
    processes = start_writers(address, logs, writers, edits)
    for process in processes:
        process.join()
    seconds = time.monotonic() - began
    if any(process.exitcode for process in processes):
        raise FaultError("A process of writers failed.")
    acknowledged = check_notes(address, logs)
    if acknowledged != writers * edits:
        raise FaultError(f"{acknowledged} of {writers * edits} edits were acknowledged.")
    return Outcome(f"{writers} writers, {edits} edits each, {database}", {"seconds": seconds})


TRIAL = Trial("note-writers", 3, run, covers=("analysis/notes", "tests/faults/note_edits.py"))
