"""Which tests a process of pytest-xdist runs, and in which order.

A test file is run by one process, because its tests share fixtures. So is the folder of the browser
tests, which share a server and a browser. What takes longest is started first: another process runs
the short files meanwhile, and no process has to wait for a long one at the end.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

LONGEST = (
    "tests/browser",
    "tests/faults/test_trials.py",
    "tests/analysis/cooccurrence/test_relations.py",
)
"""Folders and files that take minutes, longest first."""


class LongestFirst(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a process one test file, or one folder of `LONGEST`, at a time."""

    def __init__(self, config: Any, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # `rank` has ordered the tests

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """What one process runs: a folder of `LONGEST`, else a test file."""
    file = nodeid.partition("::")[0]
    return next((long for long in LONGEST if file.startswith(f"{long}/")), file)


def rank(nodeid: str) -> int:
    """The place of a test's scope in the order; scopes that are not long come last."""
    scope = scope_of(nodeid)
    return LONGEST.index(scope) if scope in LONGEST else len(LONGEST)
