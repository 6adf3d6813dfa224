"""Columns of row groups that were read, checked for damage and decoded, up to a number of bytes.

A page reads the rows of a few latents from many tables, and often the same row groups again: of the
tokens for every list of contexts, of the partners for the latent and for its picker. Decoding a row
group takes milliseconds, taking rows from a decoded one does not.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from weakref import WeakSet

import pyarrow as pa

from analysis.runtime.memory import cache_bytes

MOST_BYTES = cache_bytes() // 2
"""Of all open bundles of a process; figures have the other half."""
LEAST_BYTES = min(48_000_000, MOST_BYTES)
"""Of one bundle that needs them, however many are open."""
SHARE = 2
"""A read of more than 1 / SHARE of a bundle's bytes is not kept: it would drop all others."""


class KeptColumns:
    """Columns by key, the one that was used last at the end; safe for threads.

    Without `most_bytes`, it shares MOST_BYTES with the others of the process. Each has an equal
    part, and may use what the others leave until they need their parts.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[pa.Table, int]] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0
        """Bytes of all columns together."""
        if most_bytes is None:
            with _SHARING_LOCK:
                _SHARING.add(self)

    @property
    def most_bytes(self) -> int:
        """Most bytes of all columns together, now."""
        if self._most_bytes is not None:
            return self._most_bytes
        sharing = _sharing()
        part = _part(len(sharing))
        # Another may have to give up what it has above its part.
        others = sum(min(other.nbytes, part) for other in sharing if other is not self)
        return max(part, MOST_BYTES - others)

    def get(self, key: Hashable) -> pa.Table | None:
        """The column of a key as a table, if it is kept."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._kept.move_to_end(key)
            return kept[0]

    def put(self, key: Hashable, column: pa.Table) -> None:
        """Keep a column; those that were used longest ago go if there are too many bytes."""
        size = column.get_total_buffer_size()
        with self._lock:
            old = self._kept.pop(key, None)
            self._kept[key] = column, size
            self.nbytes += size - (old[1] if old else 0)
        if self._most_bytes is None:
            self._make_room()
        else:
            self._drop_to(self._most_bytes)

    def _make_room(self) -> None:
        """Drop what is above a part, of the others first, while there are too many bytes."""
        sharing = _sharing()
        part = _part(len(sharing))
        for one in sorted(sharing, key=lambda one: one is self):
            excess = sum(each.nbytes for each in sharing) - MOST_BYTES
            if excess <= 0:
                return
            one._drop_to(max(part, one.nbytes - excess))

    def _drop_to(self, most: int) -> None:
        with self._lock:
            while self.nbytes > most:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.nbytes -= dropped


_SHARING: WeakSet[KeptColumns] = WeakSet()
_SHARING_LOCK = Lock()


def _sharing() -> list[KeptColumns]:
    """Those that share MOST_BYTES."""
    with _SHARING_LOCK:
        return list(_SHARING)


def _part(number: int) -> int:
    """Bytes of each, if so many share them."""
    return max(LEAST_BYTES, MOST_BYTES // max(number, 1))
