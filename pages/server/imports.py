"""One thread imports at a time, while the modules of the pages are imported for the first time.

The warm-up and the page of a first reader import in two threads. If both are inside a package such
as SciPy, one may get a module that is not fully imported yet, and fails.
"""

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

PAGES = Path(__file__).resolve().parents[1]
FIRST = "overview"
"""The page that has no path of its own."""
_ONE = threading.RLock()
_DONE: set[str] = set()


@contextmanager
def imports_of(name: str) -> Iterator[None]:
    """Import what has this name inside the block; other threads wait, but only the first time."""
    if name in _DONE:
        yield
        return
    with _ONE:
        yield
    _DONE.add(name)


def import_one(name: str) -> None:
    """Import a module, and no other thread another one meanwhile."""
    with imports_of(name):
        import_module(name)


def import_page(path: str) -> None:
    """Import what the page at a path of the address imports, before it is drawn."""
    name = path or FIRST
    with imports_of(f"the page {name}"):
        for module in modules_of(PAGES / f"{name}.py"):
            import_module(module)


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
