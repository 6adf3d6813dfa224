"""What a trial is: a number of seeded cases, each of which passes, fails or cannot be run here."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEMO_BUNDLE = Path(__file__).parents[2] / "data" / "demo"
"""Not taken from `tests.conftest`, which sets the number of threads of a process that imports it.
"""


class FaultError(Exception):
    """What must never happen. The message is one sentence: what was done and what came of it."""


class CannotRunError(Exception):
    """The case cannot be run on this machine. The message is one sentence that says why."""


@dataclass(frozen=True)
class Case:
    """One case of a trial."""

    number: int
    """From 0 to the number of cases - 1; the case depends only on this and on the seed."""
    seed: int
    folder: Path
    """An empty folder for this case, removed afterwards."""
    shared: Path
    """The folder that `Trial.prepare` filled; no case changes it."""

    def random(self) -> random.Random:
        """A generator for the choices of this case."""
        return random.Random(f"{self.seed}/{self.number}")


@dataclass(frozen=True)
class Outcome:
    """What came of a case that passed."""

    note: str
    """One short phrase, by which the report groups the cases: `resumed from co-occurrence`."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """Numbers of which the report gives the largest, with their unit in the name: `seconds`."""


def _nothing(folder: Path) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Trial:
    """A number of cases of one kind of fault."""

    name: str
    """As it is given on the command line."""
    cases: int
    """Number of cases of the full trial."""
    run: Callable[[Case], Outcome]
    """Runs one case. Raises FaultError, or CannotRunError; any other exception is a fault too."""
    prepare: Callable[[Path], None] = _nothing
    """Fills a folder with what all cases need; called once for all trials that share it."""
    prepare_more: Callable[[Path], None] = _nothing
    """Adds to that folder what only this trial needs."""
    covers: tuple[str, ...] = ("analysis",)
    """Packages and files under trial: if any of them changes, earlier results are not reused."""
