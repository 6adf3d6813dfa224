"""Run the cases of the trials, keep their results, and report them.

Results are appended to `.faults/results.jsonl`. A case is run again only if it failed, or if its
module or the code under trial has changed.
"""

import hashlib
import importlib
import json
import pkgutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import tests.faults
from tests.faults.trial import CannotRunError, Case, FaultError, Trial

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".faults" / "results.jsonl"
PASSED, FAILED, CANNOT_RUN = "passed", "FAILED", "cannot run"
SHOWN_NOTES = 12
PARTS = (
    "builds",
    "frame",
    "kill_points",
    "map_requests",
    "note_edits",
    "odd_bundles",
    "trial",
    "warm",
)
"""Modules of this package that are not trials."""
SHARED = ("builds.py", "kill_points.py", "warm.py")
"""Those on which the results of trials depend."""


@dataclass(frozen=True)
class Result:
    """The result of one case."""

    trial: str
    number: int
    seed: int
    key: str
    """Identifies the trial, the seed and the code under trial by content."""
    verdict: str
    note: str
    seconds: float
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """A case that is to be run."""

    trial: str
    number: int
    seed: int
    key: str
    shared: Path


@cache
def trials() -> dict[str, Trial]:
    """All trials of this package by name."""
    names = [module.name for module in pkgutil.iter_modules(tests.faults.__path__)]
    every = [
        getattr(importlib.import_module(f"tests.faults.{name}"), "TRIAL", None)
        for name in names
        if not name.startswith(("__", "test_")) and name not in PARTS
    ]
    return {trial.name: trial for trial in every if trial is not None}


def content_key(trial: Trial) -> str:
    """The hash of a trial's module and of the code under trial."""
    module = importlib.import_module(trial.run.__module__)
    files = [Path(str(module.__file__)), *map(Path(__file__).with_name, SHARED)]
    for name in trial.covers:
        place = ROOT / name
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def run_case(case: Waiting) -> Result:
    """Run one case in a new folder."""
    measures: dict[str, float] = {}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="clearwater-fault-") as folder:
        try:
            started = Case(case.number, case.seed, Path(folder), case.shared)
            outcome = trials()[case.trial].run(started)
            verdict, note, measures = PASSED, outcome.note, dict(outcome.measures)
        except CannotRunError as reason:
            verdict, note = CANNOT_RUN, str(reason)
        except FaultError as fault:
            verdict, note = FAILED, str(fault)
        except Exception:  # any other error of a case is a fault too
            verdict, note = FAILED, traceback.format_exc()
    seconds = round(time.perf_counter() - began, 3)
    return Result(case.trial, case.number, case.seed, case.key, verdict, note, seconds, measures)


def run(wanted: dict[str, int], seed: int, minutes: float, jobs: int) -> list[Result]:
    """Run the cases that have no result yet, until the time is up; all results of these trials.

    `wanted` gives the number of cases of each trial.
    """
    ends = time.time() + 60 * minutes
    results: list[Result] = []
    with prepared() as shared:
        waiting: list[Waiting] = []
        earlier = _earlier()
        for name, cases in wanted.items():
            key = f"{content_key(trials()[name])}-{seed}"
            known = [earlier[key, n] for n in range(cases) if (key, n) in earlier]
            results += known
            missing = sorted(set(range(cases)) - {result.number for result in known})
            if missing:
                folder = shared(trials()[name])
                waiting += [Waiting(name, n, seed, key, folder) for n in missing]
        for result in _run_all(waiting, ends, jobs):
            _record(result)
            print(f"{result.verdict:10}  {result.trial} {result.number}: {result.note}", flush=True)
            results.append(result)
    return results


@contextmanager
def prepared() -> Iterator[Callable[[Trial], Path]]:
    """A function that gives the folder of a trial; trials with the same `prepare` share one."""
    with tempfile.TemporaryDirectory(prefix="clearwater-faults-") as temporary:
        folders: dict[Callable[[Path], None], Path] = {}
        complete: set[str] = set()

        def shared(trial: Trial) -> Path:
            if trial.prepare not in folders:
                folder = Path(temporary) / trial.name
                folder.mkdir()
                trial.prepare(folder)
                folders[trial.prepare] = folder
            folder = folders[trial.prepare]
            if trial.name not in complete:
                trial.prepare_more(folder)
                complete.add(trial.name)
            return folder

        yield shared


def _run_all(waiting: Iterable[Waiting], ends: float, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from filter(None, (_run_in_time(case, ends) for case in waiting))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_run_in_time, case, ends) for case in waiting]
        for future in as_completed(futures):
            if result := future.result():
                yield result


def _run_in_time(case: Waiting, ends: float) -> Result | None:
    return run_case(case) if time.time() < ends else None


def _earlier() -> dict[tuple[str, int], Result]:
    """Results of earlier runs that did not fail, by key and number of the case."""
    if not RESULTS.exists():
        return {}
    rows = (Result(**json.loads(line)) for line in RESULTS.read_text("utf-8").splitlines())
    return {(row.key, row.number): row for row in rows if row.verdict != FAILED}


def _record(result: Result) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def report(results: list[Result], wanted: dict[str, int]) -> str:
    """A Markdown table of the trials, their notes with their frequencies, and all faults.

    `wanted` gives the number of cases of each trial.
    """
    lines = [
        "| trial | cases | passed | failed | cannot run | not reached | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, cases in wanted.items():
        own = [result for result in results if result.trial == name]
        verdicts = Counter(result.verdict for result in own)
        counts = [verdicts[verdict] for verdict in (PASSED, FAILED, CANNOT_RUN)]
        seconds = sum(result.seconds for result in own)
        columns = [cases, *counts, cases - len(own), round(seconds)]
        lines.append(f"| {name} | " + " | ".join(map(str, columns)) + " |")
    for name in wanted:
        own = [result for result in results if result.trial == name and result.verdict != FAILED]
        lines += ["", f"{name}:"]
        notes = Counter(result.note for result in own).most_common(SHOWN_NOTES)
        lines += [f"- {count} × {note}" for note, count in notes]
        for measure in sorted({measure for result in own for measure in result.measures}):
            values = [result.measures[measure] for result in own if measure in result.measures]
            lines.append(f"- largest {measure}: {max(values):.4g}")
    lines += [
        f"\nFAULT in {result.trial} {result.number} (seed {result.seed}): {result.note}"
        for result in results
        if result.verdict == FAILED
    ]
    return "\n".join(lines)
