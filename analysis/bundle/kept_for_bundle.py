"""Keep what a selection needs again, for the bundle that was used last."""

import weakref
from collections.abc import Callable
from functools import update_wrapper
from threading import Lock
from typing import Generic, TypeVar

from analysis.bundle.open import Bundle

Made = TypeVar("Made")


class KeptForBundle(Generic[Made]):
    """A function of a bundle that computes once and keeps the result.

    It keeps it while the bundle is open and no other is asked for, so the memory is that of one
    result. Threads that ask at the same time wait for the first.
    """

    def __init__(self, make: Callable[[Bundle], Made]) -> None:
        self._make = make
        self._lock = Lock()
        self._kept: tuple[weakref.ref[Bundle], Made] | None = None
        update_wrapper(self, make)

    def __call__(self, bundle: Bundle) -> Made:
        """The result, computed unless it is kept."""
        with self._lock:
            if self._kept is None or self._kept[0]() is not bundle:
                self._kept = None
                self._kept = (weakref.ref(bundle), self._make(bundle))
            return self._kept[1]

    def kept(self, bundle: Bundle) -> Made | None:
        """The result if it is kept, without waiting for a thread that computes it."""
        kept = self._kept
        return kept[1] if kept is not None and kept[0]() is bundle else None


def kept_for_bundle(make: Callable[[Bundle], Made]) -> KeptForBundle[Made]:
    """Compute once and keep the result, as a decorator."""
    return KeptForBundle(make)
