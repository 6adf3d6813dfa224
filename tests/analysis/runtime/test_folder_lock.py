"""One process holds the lock of a folder; it is named, and a dead one is not waited for."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.runtime.folder_lock import Holder, hold, lock_file

HOLD = """
import sys, time
from pathlib import Path
from analysis.runtime.folder_lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with hold(folder):
        with pytest.raises(InputError) as caught, hold(folder):
            pass
        who = f"process {os.getpid()} on {socket.gethostname()}, started 20"
        assert str(caught.value).startswith(f"{folder}: {who}")
        assert "UTC, is writing this bundle; wait until it has finished, or" in str(caught.value)
        with pytest.raises(InputError, match="UTC, is writing this SAE;"), hold(folder, "this SAE"):
            pass
        with hold(tmp_path / "other"):
            pass
    with hold(folder):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {other.pid} on "), hold(folder):
            pass
        other.kill()
    assert lock_file(folder).exists()
    with hold(folder):
        assert Holder.model_validate_json(lock_file(folder).read_bytes()).pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}"])
def test_a_holder_whose_name_is_unreadable_is_still_one(tmp_path: Path, content: bytes) -> None:
    with hold(tmp_path / "bundle"):
        lock_file(tmp_path / "bundle").write_bytes(content)
        refused = pytest.raises(InputError, match="bundle: another process is writing this bundle;")
        with refused, hold(tmp_path / "bundle"):
            pass


def test_parents_are_made_and_removed_if_nothing_is_in_them(tmp_path: Path) -> None:
    with hold(tmp_path / "a" / "b" / "bundle"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path / "a" / "b" / "bundle"):
        (tmp_path / "a" / "b" / "bundle").mkdir()
    assert (tmp_path / "a" / "b" / "bundle").is_dir()
    with pytest.raises(ZeroDivisionError), hold(tmp_path / "a" / "c" / "bundle"):
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
