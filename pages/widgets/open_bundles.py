"""The bundles that a server process keeps open, bounded by the memory of what they have read.

A bundle grows while pages read its tables, so what is held is counted again from time to time. The
bundle that was used longest ago is let go first; it is opened again when it is asked for.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

from analysis.bundle import Bundle
from charts.core.cache import nbytes_of

COUNTED_EVERY = 10.0
"""Seconds between two counts."""


class OpenBundles:
    """Open bundles by their identities, the one that was used last at the end."""

    def __init__(
        self, most_bytes: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._kept: OrderedDict[str, Bundle] = OrderedDict()
        self._alive: WeakValueDictionary[str, Bundle] = WeakValueDictionary()
        """Also those that were let go and that a session still uses."""
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._next_count = -float("inf")

    def get(self, identity: str, open_it: Callable[[], Bundle]) -> Bundle:
        """The bundle of an identity, opened if it is not; what opening raises is passed on."""
        with self._lock:
            opening = self._opening.setdefault(identity, threading.Lock())
        with opening:  # readers of other bundles do not wait
            bundle = self._alive.get(identity)
            if bundle is None:
                bundle = open_it()
                self._add(identity, bundle)
        with self._lock:
            self._kept[identity] = bundle
            self._kept.move_to_end(identity)
            if self._clock() >= self._next_count:
                self._next_count = self._clock() + COUNTED_EVERY
                self._let_go()
        return bundle

    def now(self) -> list[Bundle]:
        """The bundles that are in memory."""
        return list(self._alive.values())

    def clear(self) -> None:
        """Let all bundles go."""
        with self._lock:
            self._kept.clear()
            self._alive.clear()

    def _add(self, identity: str, bundle: Bundle) -> None:
        """Take a bundle; what its folder held before is let go."""
        with self._lock:
            self._alive[identity] = bundle
            for other in [key for key, old in self._kept.items() if old.path == bundle.path]:
                del self._kept[other]
                self._opening.pop(other, None)
            self._next_count = -float("inf")

    def _let_go(self) -> None:
        """Let the bundles go that were used longest ago; the last one stays in any case."""
        sizes = {identity: held_bytes(bundle) for identity, bundle in self._kept.items()}
        size = sum(sizes.values())
        while size > self._most_bytes() and len(self._kept) > 1:
            identity, _ = self._kept.popitem(last=False)
            size -= sizes[identity]


def held_bytes(bundle: Bundle) -> int:
    """Bytes of the tables that an open bundle has read."""
    return nbytes_of(dict(vars(bundle)))
