"""Keep what was computed from a bundle as long as the bundle is open."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import update_wrapper
from itertools import count
from threading import Lock
from typing import Any, Generic, TypeVar

from analysis.bundle.open import Bundle

Made = TypeVar("Made")
_NUMBERS = count()
"""Of the functions, which may have equal names."""
_NEW = Lock()
"""Held while the place of a result is made, never while one is computed."""


@dataclass
class _Result:
    """What a function has computed from a bundle. It is counted with the memory of the bundle."""

    of: int
    """Identity of the bundle: a copy of a bundle has its attributes and is another bundle."""
    value: Any = None
    is_made: bool = False
    lock: Lock = field(default_factory=Lock, repr=False)


class KeptForBundle(Generic[Made]):
    """A function of a bundle that computes once for each bundle and keeps the result with it.

    Threads that ask for the same bundle at the same time wait for the first; those that ask for
    another bundle do not.
    """

    def __init__(self, make: Callable[[Bundle], Made]) -> None:
        self._make = make
        self._name = f"kept {make.__qualname__} {next(_NUMBERS)}"
        update_wrapper(self, make)

    def __call__(self, bundle: Bundle) -> Made:
        """The result, computed unless it is kept."""
        result = self._result(bundle)
        if not result.is_made:
            with result.lock:
                if not result.is_made:
                    result.value = self._make(bundle)
                    result.is_made = True
        value: Made = result.value
        return value

    def kept(self, bundle: Bundle) -> Made | None:
        """The result if it is kept, without waiting for a thread that computes it."""
        result = self._result(bundle)
        return result.value if result.is_made else None

    def _result(self, bundle: Bundle) -> _Result:
        attributes = vars(bundle)
        result = attributes.get(self._name)
        if result is None or result.of != id(bundle):
            with _NEW:
                result = attributes.get(self._name)
                if result is None or result.of != id(bundle):
                    result = attributes[self._name] = _Result(id(bundle))
        return result


def kept_for_bundle(make: Callable[[Bundle], Made]) -> KeptForBundle[Made]:
    """Compute once and keep the result, as a decorator."""
    return KeptForBundle(make)
