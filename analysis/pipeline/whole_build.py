"""The progress of a whole build: each step counts by its estimated time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.runtime.progress import Report

NAME = "whole build, % of time"


@dataclass
class WholeBuild:
    """Passes on what steps report, and reports the whole after them."""

    report: Report
    seconds: Mapping[str, float]
    """Estimated time of each step."""
    step: str = ""
    """The step that runs now."""
    finished: set[str] = field(default_factory=set)
    reported: int = -1
    """The percentage that was reported last."""

    def __call__(self, name: str, done: int, total: int) -> None:
        """Report the progress of the present step."""
        self.report(name, done, total)
        self._report_whole(done / total if total else 0.0)

    def begin(self, step: str) -> None:
        """A step begins."""
        self.step = step

    def end(self, step: str) -> None:
        """A step has ended, now or in an earlier run."""
        self.finished.add(step)
        self._report_whole(0.0)

    def _report_whole(self, share: float) -> None:
        whole = sum(self.seconds.values())
        done = sum(self.seconds.get(step, 0.0) for step in self.finished)
        if self.step not in self.finished:
            done += self.seconds.get(self.step, 0.0) * min(max(share, 0.0), 1.0)
        percent = int(100 * done / whole) if whole > 0 else 0
        if percent > self.reported:
            self.reported = percent
            self.report(NAME, percent, 100)
