"""Import modules, open bundles and compile kernels before the first reader comes.

The warm-up runs in a thread, so the server answers at once. Nothing of the pages is imported
earlier, because Streamlit's caches must be declared after its runtime has started. It begins with
what the first page needs; a reader who is already there waits for the same imports and not for
others. The other pages follow after a pause, in which the first page of that reader is drawn, and
wait again whenever a page is opened. Last come the kernels of the Pair page: the first start of an
installation compiles them, later ones load them from numba's cache.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from pages.server.imports import FIRST, PAGES, modules_of
from pages.server.last_opened import seconds_since
from pages.server.quick_start import short_turns

if TYPE_CHECKING:  # the server imports nothing of the analysis at its start
    from analysis.bundle import Bundle

LOG = logging.getLogger(__name__)
PAUSE = 4.0
"""Seconds between the modules of the first page and those of the others, and after a page was
opened."""
MOST_PATIENCE = 15
"""Pauses that the warm-up makes at most, so that it ends also where pages are always opened."""
IMPORTED_LATE = (
    "analysis.labels.selection_profile",
    "analysis.notes.note_store",
    "scipy.spatial",
    "scipy.special",
)
"""Modules that charts and widgets import inside functions."""
DRAWN_AHEAD = (
    ("charts.density", "density_histogram"),
    ("charts.health", "flag_counts"),
    ("charts.health", "max_activation_vs_density"),
)
"""Figures of a bundle and a mask that look different with a selection; the first reader who selects
latents would wait for their specifications."""
WARM = threading.Event()
"""Set when the warm-up of this process has ended."""


@contextmanager
def set_at_the_end(done: threading.Event, work: str) -> Iterator[None]:
    """Set `done` when the work ends. A failure is logged: a page shows the same to its reader."""
    try:
        yield
    except Exception:
        LOG.exception("The %s failed; pages are loaded when they are opened.", work)
    finally:
        done.set()


def warm_up(stop: threading.Event, pause: float) -> None:
    """Import the modules of all pages, open the bundles and compile; give up when `stop` is set."""
    with set_at_the_end(WARM, "warm-up"):
        with short_turns():  # a reader may be loading the first page
            for name in modules_of(PAGES / f"{FIRST}.py"):
                import_module(name)
            bundles = import_module("pages.widgets.bundles").open_ahead()
            if stop.wait(pause):
                return
        end = time.monotonic() + MOST_PATIENCE * pause
        for step in _later_steps(bundles):
            while (left := min(pause - seconds_since(), end - time.monotonic())) > 0:
                if stop.wait(left):
                    return
            step()


def _later_steps(bundles: "Sequence[Bundle]") -> Iterator[Callable[[], object]]:
    """What the first page does not need, in steps that take at most some tenths of a second.

    Only the tests of the tours and of the Pair page take seconds in the first start.
    """
    for page in sorted(PAGES.glob("*.py")):
        for name in modules_of(page):
            yield partial(import_module, name)
    for name in IMPORTED_LATE:
        yield partial(import_module, name)
    yield lambda: draw_ahead(bundles)
    yield lambda: import_module("pages.widgets.tours").tours_ahead(bundles)
    yield lambda: import_module("pages.widgets.bundles").index_ahead(bundles)
    yield lambda: import_module("analysis.cooccurrence.significance").compile_tests()


def draw_ahead(bundles: "Sequence[Bundle]") -> None:
    """Draw figures with a selection: their specifications are made once, for all bundles."""
    import numpy as np  # noqa: PLC0415 - it would delay the first answer of the server

    for bundle in bundles[:1]:
        mask = np.arange(bundle.latents.num_rows) % 2 == 0
        for module, name in DRAWN_AHEAD:
            getattr(import_module(module), name)(bundle, mask)
