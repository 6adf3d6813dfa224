"""Which tests a process of pytest-xdist runs, and in which order.

A test file is run by one process, because its tests share fixtures, and so are files that compile
the same code. What takes longest is started first: the short files come last, so no process waits
for a long one at the end. Browser tests often wait, so beside them one process in three computes;
each of the others has a server and a browser of its own, which costs half a minute of CPU.
"""

from collections.abc import Sequence
from typing import Any

from xdist.scheduler import LoadScopeScheduling

BROWSER = "tests/browser"
LONGEST = (
    BROWSER,
    "tests/faults/test_trials.py",
    "tests/analysis/decoder",
    "tests/analysis/cooccurrence/test_relations.py",
)
"""Folders and files that take minutes, longest first."""
TOGETHER = ("tests/analysis/decoder",)
"""Folders whose files one process runs: numba does not keep what pynndescent compiles, which takes
half a minute."""


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a process one test file at a time."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # `rank` has ordered the tests

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        nodes = list(self.assigned_work)
        first = first_for(nodes.index(node), len(nodes), list(self.workqueue))
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


def first_for(process: int, processes: int, waiting: Sequence[str]) -> str:
    """Which of the waiting scopes a process runs: one in three leaves the browser to the others."""
    computes = process % 3 == 2 and processes > 2
    others = (scope for scope in waiting if not scope.startswith(f"{BROWSER}/"))
    return next(others, waiting[0]) if computes else waiting[0]


def scope_of(nodeid: str) -> str:
    """What one process runs: a test file, or the files of a folder."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def rank(nodeid: str) -> int:
    """The place of a test's file in the order; files that are not long come last."""
    places = (i for i, long in enumerate(LONGEST) if nodeid.startswith(long))
    return next(places, len(LONGEST))
