"""What Streamlit does at its start for other programs is left out, and threads take shorter turns.

Streamlit has no settings for this. All of it comes before the first page.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from streamlit import delta_generator
from streamlit.components.v2.component_manager import BidiComponentManager

SHORT_TURN = 0.0005
"""Seconds after which a thread gives the interpreter to one that waits for it."""
LAZY = ("create_task_group", "open_file")
"""Names of anyio that the event loop uses for a page, whose modules are imported with their use."""


def import_lazy_names() -> None:
    """Import now what the event loop would import for the first page.

    It would wait there, with all requests, for the modules that the warm-up is importing.
    """
    for name in LAZY:
        getattr(anyio, name)


def discover_nothing(manager: Any = BidiComponentManager) -> None:
    """Do not look for components in the installed packages.

    Streamlit opens the files of each installed package to find components that it brings, before
    the server answers. The pages have only components of their own, which they register themselves.
    """
    manager.discover_and_register_components = _nothing


def ask_no_callers() -> None:
    """Let Streamlit take its warning to somebody who draws without a server as given.

    To decide whether to warn, the first element opens the source of each caller and asks for the
    real path of every imported module, some two thousand, while the first reader waits.
    """
    vars(delta_generator)["_use_warning_has_been_displayed"] = True


def _nothing(*_args: object, **_options: object) -> None: ...


@contextmanager
def short_turns(seconds: float = SHORT_TURN) -> Iterator[None]:
    """Let threads take shorter turns meanwhile.

    A request needs the interpreter several times. While another thread imports modules, it waits
    for the end of a turn each time, and a first page makes a hundred requests.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
