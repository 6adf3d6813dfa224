"""Compute a value once for each object, and let only those wait who use the same object.

`functools.cached_property` of Python 3.11 has one lock for all objects of a class, so that readers
of one bundle wait while a table of another is read.
"""

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


def once(instance: object, name: str, compute: Callable[[], Value]) -> Value:
    """The value of a name in the dictionary of an object, computed by the first who asks for it.

    If computing it raises, the next use tries again.
    """
    attributes, lock_name = vars(instance), f"lock of {name}"
    if name not in attributes:
        with attributes.setdefault(lock_name, RLock()):
            if name not in attributes:
                attributes[name] = compute()
        attributes.pop(lock_name, None)
    value: Value = attributes[name]
    return value


class once_property(Generic[Value]):  # noqa: N801 - used like property
    """A property whose value is kept in the dictionary of its object, which must have one."""

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__
        self._name = compute.__name__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "once_property[Value]": ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Value: ...

    def __get__(
        self, instance: object | None, owner: type | None = None
    ) -> "once_property[Value] | Value":
        """The value; Python comes here only while the object does not have it."""
        if instance is None:
            return self
        return once(instance, self._name, lambda: self._compute(instance))
