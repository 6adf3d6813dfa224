"""Keep what a selection needs again, for the bundle that was used last."""

import weakref
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

from analysis.bundle.open import Bundle

Made = TypeVar("Made")


def kept_for_bundle(make: Callable[[Bundle], Made]) -> Callable[[Bundle], Made]:
    """Compute once and keep the result while the bundle is open and no other is asked for.

    So the memory is that of one result. Threads that ask at the same time wait for the first.
    """
    lock = Lock()
    kept: list[tuple[weakref.ref[Bundle], Made]] = []

    @wraps(make)
    def of(bundle: Bundle) -> Made:
        with lock:
            if not kept or kept[0][0]() is not bundle:
                kept.clear()
                kept.append((weakref.ref(bundle), make(bundle)))
            return kept[0][1]

    return of
