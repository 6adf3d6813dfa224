"""A property that is computed once for each object.

`functools.cached_property` of Python 3.11 has one lock for all objects of a class, so that readers
of one bundle wait while a table of another is read. Here only threads that use the same object
wait.
"""

from collections.abc import Callable
from threading import RLock
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class once_property(Generic[Value]):  # noqa: N801 - used like property
    """A property whose value is kept in the dictionary of its object, which must have one.

    If computing it raises, the next use tries again.
    """

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
        attributes, lock_name = vars(instance), f"lock of {self._name}"
        with attributes.setdefault(lock_name, RLock()):
            if self._name not in attributes:
                attributes[self._name] = self._compute(instance)
        attributes.pop(lock_name, None)
        value: Value = attributes[self._name]
        return value
