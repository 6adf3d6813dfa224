"""What one of several server processes does before the first reader is sent to it.

All processes prepare at the same time, and nginx starts after that. So the readers who come back
after a restart, all at once, do not wait for imports, for specifications of charts and for the
figures of each bundle, which every process makes for itself.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from pages.server.imports import import_page
from pages.server.warm_up import IMPORTED_LATE, set_at_the_end

if TYPE_CHECKING:  # the server imports nothing of the analysis at its start
    from analysis.bundle import Bundle

REHEARSED = ("clusters", "cooccurrence", "", "pair", "latent", "map")
"""The pages by their paths. Those that take longest the first time come first: time may not suffice
for all, and readers would wait longest for these."""
PREPARED = threading.Event()
"""Set when readers may be sent to this process."""
Rehearse = Callable[[str, str, float], object]
"""Runs a page with the bundle of an id, for some seconds at most."""


def prepare(
    rehearse: Rehearse,
    stop: threading.Event,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Import modules, open the bundles and run their pages, until all is done or time is up."""
    end = clock() + seconds
    with set_at_the_end(PREPARED, "preparation"):
        for step in _steps(rehearse, lambda: end - clock()):
            if stop.is_set() or clock() >= end:
                return
            step()


def _steps(rehearse: Rehearse, left: Callable[[], float]) -> Iterator[Callable[[], object]]:
    """Imports, then the pages of one bundle, then each page of all others."""
    for page in REHEARSED:
        yield partial(import_page, page)
    for name in IMPORTED_LATE:
        yield partial(import_module, name)
    bundles = import_module("pages.widgets.bundles").open_ahead()
    for page, bundle in rehearsals(bundles):
        yield partial(rehearse, page, bundle.manifest.bundle_id, left())


def rehearsals(bundles: "Sequence[Bundle]") -> list[tuple[str, "Bundle"]]:
    """The pages to run and their bundles, in order.

    Specifications are the same for all bundles, so the smallest bundle makes them soonest.
    """
    if not bundles:
        return []
    smallest = min(bundles, key=lambda bundle: bundle.latents.num_rows)
    others = [bundle for bundle in bundles if bundle is not smallest]
    return [
        *((page, smallest) for page in REHEARSED),
        *((page, bundle) for page in REHEARSED for bundle in others),
    ]
