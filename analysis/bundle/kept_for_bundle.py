"""Keep what was computed from a bundle as long as the bundle is open."""

from collections.abc import Callable
from functools import update_wrapper
from itertools import count
from typing import Generic, TypeVar

from analysis.bundle.open import Bundle
from analysis.runtime.once import once

Made = TypeVar("Made")
_NUMBERS = count()
"""Of the functions, which may have equal names."""


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
        return once(bundle, self._name_for(bundle), lambda: self._make(bundle))

    def kept(self, bundle: Bundle) -> Made | None:
        """The result if it is kept, without waiting for a thread that computes it."""
        return vars(bundle).get(self._name_for(bundle))

    def _name_for(self, bundle: Bundle) -> str:
        """The name of the result: a copy of a bundle has its attributes and is another bundle."""
        return f"{self._name} of {id(bundle)}"


def kept_for_bundle(make: Callable[[Bundle], Made]) -> KeptForBundle[Made]:
    """Compute once and keep the result, as a decorator."""
    return KeptForBundle(make)
