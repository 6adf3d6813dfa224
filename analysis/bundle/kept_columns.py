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
"""Of all open bundles of a process, in equal parts; figures have the other half."""
LEAST_BYTES = min(48_000_000, MOST_BYTES)
"""Of one bundle, however many are open."""
SHARE = 2
"""A read of more than 1 / SHARE of a bundle's bytes is not kept: it would drop all others."""


class KeptColumns:
    """Columns by key, the one that was used last at the end; safe for threads.

    Without `most_bytes`, it has a part of MOST_BYTES, which becomes smaller when another begins.
    """

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[pa.Table, int]] = OrderedDict()
        self._lock = Lock()
        self.nbytes = 0
        """Bytes of all columns together."""
        if most_bytes is None:
            with _SHARING_LOCK:
                others = list(_SHARING)
                _SHARING.add(self)
            for other in others:
                other.trim()

    @property
    def most_bytes(self) -> int:
        """Most bytes of all columns together."""
        if self._most_bytes is not None:
            return self._most_bytes
        return max(LEAST_BYTES, MOST_BYTES // max(len(_SHARING), 1))

    def trim(self) -> None:
        """Drop what was used longest ago while there are too many bytes."""
        with self._lock:
            self._drop()

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
            self._drop()

    def _drop(self) -> None:
        while self.nbytes > self.most_bytes:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.nbytes -= dropped


_SHARING: WeakSet[KeptColumns] = WeakSet()
_SHARING_LOCK = Lock()
