"""How a long step reports its progress."""

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str, int, int], None]
"""Called with a step's name, the number of finished pieces, and the number of all pieces."""


def _ignore(name: str, done: int, total: int) -> None:
    """Ignore a report."""


@dataclass(frozen=True)
class Progress:
    """Reports one step's progress under its name: `progress(done, total)`."""

    name: str = ""
    report: Report = _ignore

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` pieces are finished."""
        self.report(self.name, done, total)

    def named(self, name: str) -> "Progress":
        """Report to the same receiver under another step's name."""
        return Progress(name, self.report)


SILENT = Progress()
