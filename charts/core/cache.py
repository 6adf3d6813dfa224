"""Finished figures and tables, shared by all sessions, up to a number of bytes.

A result depends only on the function, the open bundle and the arguments. It is forgotten when its
bundle is closed, or when others were used more recently and the limit is reached.
"""

import dataclasses
import functools
import hashlib
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.runtime.memory import cache_bytes
from charts.core.call import call_of
from charts.core.figure import CaptionedTable

LIMIT = cache_bytes() // 2
"""Bytes of all results together. The other half is for what Streamlit caches."""
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class _Entry(NamedTuple):
    value: Any
    nbytes: int


class Results:
    """Results by key, at most `limit` bytes of them; safe for threads.

    The first item of a key is its owner, by which results are forgotten together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._entries: OrderedDict[tuple[Hashable, ...], _Entry] = OrderedDict()
        # A bundle can be closed, and its results forgotten, while this thread holds the lock.
        self._lock = threading.RLock()

    def get(self, key: tuple[Hashable, ...]) -> _Entry | None:
        """The entry of a key, which becomes the most recently used one."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: tuple[Hashable, ...], value: Any) -> None:
        """Keep a value, and drop the least recently used ones that exceed the limit."""
        entry = _Entry(value, nbytes_of(value))
        with self._lock:
            self._drop(key)
            self._entries[key] = entry
            self.nbytes += entry.nbytes
            while self.nbytes > self.limit:
                self._drop(next(iter(self._entries)))

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

    Arguments are compared by value: arrays, dataclasses and everything that can be a key. A figure
    or a table holds the call that made it.
    """
    name = f"{compute.__module__}.{compute.__qualname__}"
    call = call_of(compute)

    @functools.wraps(compute)
    def shared(bundle: Bundle, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        key = (_owner(bundle), name, key_of(args), key_of(kwargs))
        entry = _results.get(key)
        if entry is None:
            value = compute(bundle, *args, **kwargs)
            if isinstance(value, CaptionedTable):
                value = dataclasses.replace(value, call=call(bundle, *args, **kwargs))
            _results.put(key, value)
            return value
        result: _Result = entry.value
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
    """Approximate memory of a result, with the whole buffers that its tables refer to."""
    if isinstance(value, pa.Table):
        return int(value.get_total_buffer_size())
    if isinstance(value, tuple | list):
        return sys.getsizeof(value) + sum(map(nbytes_of, value))
    if isinstance(value, Mapping):
        return sys.getsizeof(value) + sum(nbytes_of(k) + nbytes_of(v) for k, v in value.items())
    own = getattr(value, "nbytes", None)
    if own is not None:
        return int(own)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return sum(nbytes_of(getattr(value, field.name)) for field in fields)
    return sys.getsizeof(value)
