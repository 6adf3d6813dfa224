"""One writer at a time for a folder.

The lock is one of the kernel (`flock`) on a file next to the folder, so it is released however the
process ends. The file names its holder, only for the message, and is removed at the
end; a file that a killed process left is taken over.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from analysis.runtime.errors import InputError


class Holder(BaseModel):
    """The process that holds a lock."""

    host: str
    pid: int
    since: str
    """Date and time in UTC."""

    @staticmethod
    def this_process() -> "Holder":
        """This process, now."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return Holder(host=socket.gethostname(), pid=os.getpid(), since=now)


def lock_file(folder: Path) -> Path:
    """The file on which the lock is held."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def hold(folder: Path, what: str = "this bundle") -> Iterator[None]:
    """Hold the lock of a folder that need not exist; its parents are made.

    Parents that were made and are empty at the end are removed. Raises InputError, which says
    `what` the holder writes, if another process or this one holds the lock, and OSError if the file
    cannot be made.
    """
    file = lock_file(folder)
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, blocking=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"{folder}: {_holder(file)} is writing {what}; wait until it has finished, or "
            "choose another folder."
        ) from error
    try:
        file.write_text(Holder.this_process().model_dump_json(), encoding="utf-8")
        yield
    finally:
        # Removed while it is held: a process that has it open notices that it was removed.
        with suppress(OSError):
            file.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # one of them is not empty
            for parent in made:
                parent.rmdir()


def _holder(file: Path) -> str:
    try:
        holder = Holder.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return "another process"
    return f"process {holder.pid} on {holder.host}, started {holder.since},"
