"""One thread imports at a time, and the modules that a page imports.

The warm-up and the pages of the first readers import in several threads. If two are inside a
package such as SciPy or SQLAlchemy, Python lets one of them have a module that is not fully
imported yet, and that thread fails.
"""

import _frozen_importlib
import ast
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

PAGES = Path(__file__).resolve().parents[1]
FIRST = "overview"
"""The page that has no path of its own."""
STUCK = 2.0
"""Seconds in which no module begins or ends to be imported, and the thread that imports neither
runs nor waits for a processor. A thread that waits goes on then: the one that imports may be
waiting for it, because libraries import modules while they hold a lock of their own, as pyarrow
does where it looks for pandas."""
HARDLY = 100_000
"""Nanoseconds; a thread that was ready to run for less in this time waits for a lock."""
GOES_ON = 10.0
"""Seconds in which a thread that has gone on does not wait again: it may import more while it holds
the same lock."""
_ONE = threading.RLock()
_LOADS = [0]
"""Modules that the threads with the lock have begun and ended to import."""
_IMPORTING = [0]
"""The operating system's number of the thread that took the lock last."""


class _OfThread(threading.local):
    waits_from = 0.0
    """The time from which the thread waits again, after it has gone on."""


_THREAD = _OfThread()
Load = Callable[[str, Any], ModuleType]


def import_in_one_thread(importlib: Any = _frozen_importlib) -> None:
    """Let one thread of this process import at a time; a second call changes nothing.

    Every import of a module that is not fully imported goes through `_find_and_load` of Python's
    import system, whether by a statement or by a function. So does a call of `import_module` for a
    module that is there already, as the event loop makes for each page (`anyio` has lazy names); it
    does not wait.
    """
    load: Load = importlib._find_and_load
    if hasattr(load, "__wrapped__"):
        return

    @wraps(load)
    def load_alone(name: str, import_: Any) -> ModuleType:
        if _is_imported(name) or time.monotonic() < _THREAD.waits_from:
            return load(name, import_)
        if not _wait():
            _THREAD.waits_from = time.monotonic() + GOES_ON
            return load(name, import_)
        _LOADS[0] += 1
        _IMPORTING[0] = threading.get_native_id()
        try:
            return load(name, import_)
        finally:
            _LOADS[0] += 1
            _ONE.release()

    importlib._find_and_load = load_alone


def _is_imported(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def _wait() -> bool:
    """Wait for the other threads; whether this thread has the lock now."""
    while True:
        before, run = _LOADS[0], _ready_time()
        if _ONE.acquire(timeout=STUCK):
            return True
        if _LOADS[0] == before and _ready_time() - run < HARDLY:
            return False


def _ready_time() -> int:
    """Nanoseconds for which the thread that imports has run or waited for a processor.

    0 on systems other than Linux, which do not say it.
    """
    try:  # as bytes: the codec of a text may have to be imported
        times = Path(f"/proc/self/task/{_IMPORTING[0]}/schedstat").read_bytes()
        return sum(map(int, times.split()[:2]))
    except (OSError, ValueError):
        return 0


def modules_of(page: Path) -> Iterator[str]:
    """The modules that the file of a page imports.

    The file itself cannot be imported: it draws the page.
    """
    for node in ast.parse(page.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            if hasattr(import_module(node.module), "__path__"):
                yield from (name for name in names if find_spec(name))


@lru_cache(maxsize=32)
def import_page(path: str) -> None:
    """Import the modules of the page at a path of the dashboard; a second call does nothing.

    Runs do this before they take a turn: they may wait for the imports of another thread. A module
    that cannot be imported fails again in the page, which shows it.
    """
    file = PAGES / f"{path or FIRST}.py"
    with suppress(Exception):
        for name in modules_of(file):
            import_module(name)
