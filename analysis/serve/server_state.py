"""How a server process is doing: its open pages, its memory, and what it has counted."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_PROCESSES = Path("/proc")


@dataclass(frozen=True)
class OpenPage:
    """A page that is open in a browser: one WebSocket."""

    user: str
    role: str
    since: float
    """Seconds since 1970."""


@dataclass
class ServerState:
    """The state of this process. Thread-safe."""

    counts: Counter[str] = field(default_factory=Counter)
    """Exports, changes of notes, refused requests and errors since the start."""
    _pages: dict[int, OpenPage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0

    @contextmanager
    def open_page(self, user: str, role: str) -> Iterator[None]:
        """Count a page as open during this block."""
        with self._lock:
            self._next = number = self._next + 1
            self._pages[number] = OpenPage(user, role, time.time())
        try:
            yield
        finally:
            with self._lock:
                del self._pages[number]

    def count(self, what: str) -> None:
        """Count something that has happened."""
        with self._lock:
            self.counts[what] += 1

    def open_pages(self) -> list[OpenPage]:
        """The open pages, the oldest first."""
        with self._lock:
            return list(self._pages.values())


STATE = ServerState()
"""Of this process."""


def resident_bytes(pid: int | None = None) -> int:
    """Memory of a process in bytes, with the mapped files it has read; 0 if it is unknown.

    Without an id, of this process.
    """
    try:
        statm = _PROCESSES / ("self" if pid is None else str(pid)) / "statm"
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
