"""Let a process kill itself just before a chosen file operation of Python.

The operations are seen by an audit hook, before they happen: opening a file for writing, and
renaming, linking, making and removing files and folders.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class KillPoint:
    """Installs the hook when it is called."""

    folder: Path
    """Operations on paths in this folder count."""
    after: str = ""
    """The first operation that counts is on a path that contains this."""
    number: int = 0
    """The process kills itself before the operation with this number, from 0."""
    log: Path | None = None
    """Every operation that counts is written here, one line each."""

    def __call__(self) -> None:
        """Watch the operations from now on."""
        seen, started, descriptor = 0, self.after == "", -1
        if self.log is not None:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen, started
            paths = _paths(event, arguments)
            if not any(path.startswith(str(self.folder)) for path in paths):
                return
            started = started or any(self.after in path for path in paths)
            if not started:
                return
            if descriptor >= 0:
                os.write(descriptor, f"{event} {' '.join(paths)}\n".encode())
            if seen == self.number:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

        sys.addaudithook(watch)


def _paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """The paths that an operation changes; empty for other events."""
    given: list[tuple[Any, Any]] = []
    match event:
        case "open" if arguments[2] & WRITING:
            given = [(arguments[0], -1)]
        case "os.rename" | "os.link":
            source, target, source_folder, target_folder = arguments
            given = [(source, source_folder), (target, target_folder)]
        case "os.remove" | "os.rmdir":
            given = [arguments]
        case "os.mkdir":
            given = [(arguments[0], arguments[2])]
        case "shutil.rmtree":
            given = [(arguments[0], -1)]
    return [_full(path, folder) for path, folder in given if isinstance(path, str | bytes | Path)]


def _full(path: str | bytes | Path, folder: int) -> str:
    """An absolute path; `folder` is the descriptor that it is relative to, or -1."""
    base = f"/proc/self/fd/{folder}" if folder >= 0 else "."
    return str(Path(os.path.realpath(base)) / os.fsdecode(path))
