"""Finished figures and tables, shared by all sessions, up to a number of bytes.

A result depends only on the function, the open bundle and the arguments. It is forgotten when its
bundle is closed, or when others were used more recently and the limit is reached.
"""

import dataclasses
import functools
import hashlib
import itertools
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.runtime.memory import cache_bytes
from charts.core.call import call_of
from charts.core.figure import CaptionedTable

_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
"""Types without parts, which are most of what is counted."""
MOST_COUNTED = 200
"""Items of a list whose memory is counted; those of longer ones are equal enough for a bound."""
LIMIT = cache_bytes() // 2
"""Bytes of all results together. The other half is for what Streamlit caches."""
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Entry(NamedTuple):
    value: Any
    nbytes: int


class _Computation:
    """A result that one thread computes, and for which others wait."""

    def __init__(self) -> None:
        self.has_ended = threading.Event()
        self.entry: _Entry | None = None
        """What was computed; None if that failed."""


class Results:
    """Results by key, at most `limit` bytes of them; safe for threads.

    The first item of a key is its owner, by which results are forgotten together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._entries: OrderedDict[tuple[Hashable, ...], _Entry] = OrderedDict()
        self._computed: dict[tuple[Hashable, ...], _Computation] = {}
        """What is computed now."""
        # A bundle can be closed, and its results forgotten, while this thread holds the lock.
        self._lock = threading.RLock()

    def get(self, key: tuple[Hashable, ...]) -> _Entry | None:
        """The entry of a key, which becomes the most recently used one."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def get_or_compute(self, key: tuple[Hashable, ...], compute: Callable[[], Any]) -> Any:
        """The value of a key, computed by the first of the threads that ask for it at once.

        What `compute` raises is raised to the thread that computes; the others try themselves.
        """
        while True:
            with self._lock:
                if (entry := self.get(key)) is not None:
                    return entry.value
                others = self._computed.get(key)
                if others is None:
                    own = self._computed[key] = _Computation()
            if others is None:
                return self._compute(key, compute, own)
            others.has_ended.wait()
            if others.entry is not None:
                return others.entry.value

    def _compute(
        self, key: tuple[Hashable, ...], compute: Callable[[], Any], own: _Computation
    ) -> Any:
        try:
            own.entry = self.put(key, compute())
            return own.entry.value
        finally:
            with self._lock:
                del self._computed[key]
            own.has_ended.set()

    def put(self, key: tuple[Hashable, ...], value: Any) -> _Entry:
        """Keep a value, and drop the least recently used ones that exceed the limit."""
        entry = _Entry(value, nbytes_of(value))
        with self._lock:
            self._drop(key)
            self._entries[key] = entry
            self.nbytes += entry.nbytes
            while self.nbytes > self.limit:
                self._drop(next(iter(self._entries)))
        return entry

    def forget(self, owner: Hashable) -> None:
        """Drop all results of an owner."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == owner]:
                self._drop(key)

    def clear(self) -> None:
        """Drop all results."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0

    def _drop(self, key: tuple[Hashable, ...]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry.nbytes


_results = Results(LIMIT)
_OWNER = "owner of cached results"


@dataclasses.dataclass(frozen=True, eq=False)
class _Owner:
    """An open bundle as the owner of results; it ends with the bundle."""

    of: int


def clear() -> None:
    """Forget all results."""
    _results.clear()


def used_bytes() -> int:
    """Bytes of all results together, at most `LIMIT`."""
    return _results.nbytes


def cached(
    compute: Callable[Concatenate[Bundle, _Arguments], _Result],
) -> Callable[Concatenate[Bundle, _Arguments], _Result]:
    """Keep the results of a pure function of a bundle; nobody may change them.

    Threads that ask for a result at the same time wait for the first of them. Arguments are
    compared by value: arrays, dataclasses and everything that can be a key. A figure or a table
    holds the call that made it.
    """
    name = f"{compute.__module__}.{compute.__qualname__}"
    call = call_of(compute)

    @functools.wraps(compute)
    def shared(bundle: Bundle, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        key = (_owner(bundle), name, key_of(args), key_of(kwargs))

        def with_call() -> _Result:
            value = compute(bundle, *args, **kwargs)
            if isinstance(value, CaptionedTable):
                return dataclasses.replace(value, call=call(bundle, *args, **kwargs))
            return value

        result: _Result = _results.get_or_compute(key, with_call)
        return result

    return cast("Callable[Concatenate[Bundle, _Arguments], _Result]", shared)


def _owner(bundle: Bundle) -> int:
    """The identity of an open bundle: a bundle that is opened again may have other content."""
    attributes = vars(bundle)
    owner = attributes.get(_OWNER)
    if owner is None or owner.of != id(bundle):  # a copy of a bundle is another bundle
        owner = attributes[_OWNER] = _Owner(id(bundle))
        weakref.finalize(owner, _results.forget, id(owner))
    return id(owner)


def key_of(value: Any) -> Hashable:
    """A key that is equal for equal values; raises TypeError if the value has no such key."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("An array of objects has no key.")
        content = hashlib.blake2b(np.ascontiguousarray(value).data, digest_size=16)
        return ("array", value.dtype.str, value.shape, content.digest())
    if isinstance(value, tuple | list):
        return (type(value).__name__, *map(key_of, value))
    if isinstance(value, Mapping):
        return ("mapping", *((key, key_of(item)) for key, item in value.items()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return (type(value), *(key_of(getattr(value, field.name)) for field in fields))
    hash(value)
    return (type(value).__name__, value)


def nbytes_of(value: Any) -> int:
    """Approximate memory of a result, with the whole buffers that its tables refer to.

    Of a long list or mapping, some items are counted for all.
    """
    if type(value) in _PLAIN:
        return sys.getsizeof(value)
    if isinstance(value, pa.Table):
        return int(value.get_total_buffer_size())
    if isinstance(value, tuple | list | Mapping):
        parts = (value.keys(), value.values()) if isinstance(value, Mapping) else (value,)
        return sys.getsizeof(value) + sum(_nbytes_of_items(part, len(value)) for part in parts)
    own = getattr(value, "nbytes", None)
    if own is not None:
        return int(own)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return sum(nbytes_of(getattr(value, field.name)) for field in fields)
    return sys.getsizeof(value)


def _nbytes_of_items(items: Iterable[Any], number: int) -> int:
    step = -(-number // MOST_COUNTED) or 1
    counted = [nbytes_of(item) for item in itertools.islice(items, 0, None, step)]
    return sum(counted) * number // max(len(counted), 1)
