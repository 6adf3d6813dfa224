"""Cases run once, faults are reported, and a second run resumes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults import frame
from tests.faults.__main__ import main
from tests.faults.trial import CannotRunError, Case, FaultError, Outcome, Trial

RAN: list[int] = []


def run(case: Case) -> Outcome:
    """Case 0 passes, 1 cannot run, 2 is a fault, 3 raises."""
    RAN.append(case.number)
    assert list(case.folder.iterdir()) == []
    assert (case.shared / "given").read_text() == "yes"
    if case.number == 1:
        raise CannotRunError("no such device")
    if case.number == 2:
        raise FaultError("a wrong bundle")
    if case.number == 3:
        raise KeyError("odd")
    return Outcome("fine", {"seconds": 0.25 + case.number})


def prepare(folder: Path) -> None:
    (folder / "given").write_text("yes")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    RAN.clear()
    trial = Trial("odd", 5, run, prepare, covers=("tests/faults/trial.py",))
    monkeypatch.setitem(frame.trials(), "odd", trial)
    monkeypatch.setattr(frame, "RESULTS", tmp_path / "kept" / "results.jsonl")
    return frame.RESULTS


def test_every_fault_is_reported(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["odd"]) == 1
    assert RAN == [0, 1, 2, 3, 4]
    printed = capsys.readouterr().out
    assert "| odd | 5 | 2 | 2 | 1 | 0 |" in printed
    assert "- 2 × fine" in printed and "largest seconds: 4.25" in printed
    assert "FAULT in odd 2 (seed 0): a wrong bundle" in printed
    assert "FAULT in odd 3" in printed and "KeyError: 'odd'" in printed


def test_a_second_run_repeats_only_faults(results: Path) -> None:
    main(["odd"])
    RAN.clear()
    assert main(["odd"]) == 1
    assert RAN == [2, 3]
    RAN.clear()
    assert main(["odd", "--seed", "1", "--share", "0.4"]) == 0
    assert RAN == [0, 1]


def test_cases_that_are_not_reached_are_counted(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["odd", "--minutes", "-1"]) == 1
    assert RAN == []
    assert "| odd | 5 | 0 | 0 | 0 | 5 | 0 |" in capsys.readouterr().out


def test_trials_with_the_same_preparation_share_a_folder() -> None:
    made: list[str] = []

    def add(folder: Path) -> None:
        made.append(folder.name)
        (folder / "added").write_text("yes")

    plain, more = Trial("plain", 1, run, prepare), Trial("more", 1, run, prepare, add)
    with frame.prepared() as folder_of:
        folder = folder_of(plain)
        assert [file.name for file in folder.iterdir()] == ["given"]
        assert folder_of(more) == folder_of(more) == folder_of(plain) == folder
        assert sorted(file.name for file in folder.iterdir()) == ["added", "given"]
    assert made == ["plain"]


def test_a_case_depends_on_seed_and_number_only(tmp_path: Path) -> None:
    first, same = (Case(3, 1, tmp_path, tmp_path).random().random() for _ in range(2))
    assert first == same
    assert first != Case(3, 2, tmp_path, tmp_path).random().random()
    assert first != Case(4, 1, tmp_path, tmp_path).random().random()


def test_unknown_trials_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["odder"])
    assert "there is no trial odder" in capsys.readouterr().err


def test_trials_do_not_set_the_threads_of_the_process_that_runs_them() -> None:
    """numba fails if the number is another one when it compiles than when it was imported."""
    code = "import os; from tests.faults.frame import trials; trials(); print(sorted(os.environ))"
    bare = {k: v for k, v in os.environ.items() if "THREADS" not in k}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    assert "PATH" in done.stdout
    assert "THREADS" not in done.stdout
