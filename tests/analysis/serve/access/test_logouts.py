"""Logouts hold in every process until their logins expire, and then leave nothing."""

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.serve.access.identity import Identity, written
from analysis.serve.access.logouts import LONGEST, Logouts
from tests.conftest import ROOT


def identity(name: str = "ann@lab.example", seconds: float = 600.0) -> Identity:
    return Identity(name, frozenset({"b", "a"}), "reader", time.time() + seconds)


def test_a_logout_holds_in_other_processes_and_for_no_other_login(tmp_path: Path) -> None:
    here, there, ann = Logouts(tmp_path / "x"), Logouts(tmp_path / "x"), identity()
    assert ann not in here and ann not in there and None not in here
    here.add(ann)
    assert ann in here and ann in there and ann in Logouts(tmp_path / "x")
    assert identity(seconds=700) not in there, "the next login of the same person"
    assert identity("bob@lab.example") not in there
    code = (
        "import sys; from pathlib import Path; from analysis.serve.access.identity import read; "
        "from analysis.serve.access.logouts import Logouts; "
        "print(read(sys.argv[2]) in Logouts(Path(sys.argv[1])))"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code, str(tmp_path / "x"), written(ann)], cwd=ROOT, text=True
    )
    assert printed == "True\n"


def test_a_logout_outlives_the_next_ones(tmp_path: Path) -> None:
    ann, bob = identity(), identity("bob@lab.example")
    for one in (ann, bob, identity(seconds=-1)):
        Logouts(tmp_path).add(one)
    assert ann in Logouts(tmp_path) and bob in Logouts(tmp_path)


def test_the_files_name_nobody_and_go_with_their_logins(tmp_path: Path) -> None:
    logouts = Logouts(tmp_path)
    logouts.add(identity(seconds=-1))
    (old,) = tmp_path.iterdir()
    assert "ann" not in old.name and old.read_bytes() == b""
    logouts.add(identity("bob@lab.example"))
    (new,) = tmp_path.iterdir()
    assert new.name != old.name and new.stat().st_mtime > time.time() + 500
    logouts.add(Identity("eve"))
    newest = max(file.stat().st_mtime for file in tmp_path.iterdir())
    assert abs(newest - time.time() - LONGEST) < 100


def test_without_the_folder_the_process_itself_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    here, ann = Logouts(file / "logouts"), identity()
    with caplog.at_level(logging.ERROR):
        here.add(ann)
    assert ann in here and ann not in Logouts(file / "logouts")
    assert "a logout cannot be shared" in caplog.text
