"""A file is whole or absent, and damage to it is noticed."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from analysis.runtime.durable import (
    StoredFile,
    is_whole,
    same_folder,
    sums_of,
    sync,
    whole_file,
    write_whole,
)


def write(file: Path, text: str = "content") -> None:
    with whole_file(file) as unfinished:
        unfinished.write_text(text)


def test_a_file_gets_its_name_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with whole_file(file) as unfinished:
        unfinished.write_text("half")
        assert not file.exists() and not is_whole(file)
    assert file.read_text() == "half" and is_whole(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "a.txt.sum"]
    write(file, "other")
    assert file.read_text() == "other" and is_whole(file)


def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage", ["flip", "cut", "longer", "empty", "gone", "no sums", "bad sums"]
)
def test_damage_is_noticed(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "a.txt"
    write(file, "0123456789")
    match damage:
        case "flip":
            file.write_text("0123456798")
        case "cut":
            os.truncate(file, 9)
        case "longer":
            file.write_text("01234567890")
        case "empty":
            os.truncate(file, 0)
        case "gone":
            file.unlink()
        case "no sums":
            sums_of(file).unlink()
        case "bad sums":
            sums_of(file).write_bytes(b"\xff{")
    assert not is_whole(file)


def test_files_that_belong_together_are_whole_together(tmp_path: Path) -> None:
    other = tmp_path / "units.bin"
    other.write_bytes(b"12345678")
    with whole_file(tmp_path / "index", [other]) as unfinished:
        unfinished.write_text("index")
    assert is_whole(tmp_path / "index")
    other.write_bytes(b"12345679")
    assert not is_whole(tmp_path / "index")


def test_the_sums_of_another_file_are_not_taken(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    shutil.copy(tmp_path / "a.txt", tmp_path / "b.txt")
    shutil.copy(sums_of(tmp_path / "a.txt"), sums_of(tmp_path / "b.txt"))
    assert not is_whole(tmp_path / "b.txt")


def test_a_piece_of_a_build_that_was_given_up_does_not_appear(tmp_path: Path) -> None:
    """Its folder was renamed, and another one has its path."""
    folder, aside = tmp_path / "shards", tmp_path / "aside"
    folder.mkdir()
    with pytest.raises(FileNotFoundError), same_folder(folder):
        folder.rename(aside)
        folder.mkdir()
        write(folder / "a.txt")
    assert list(folder.iterdir()) == [] and list(aside.iterdir()) == []
    with same_folder(folder):
        write(folder / "a.txt")
    assert is_whole(folder / "a.txt")


def test_a_stored_file_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("abc")
    stored = StoredFile.of(tmp_path, tmp_path / "sub" / "a.txt")
    assert stored == StoredFile(path="sub/a.txt", size=3, sha256=hashlib.sha256(b"abc").hexdigest())
    assert stored.is_intact(tmp_path) and not stored.is_intact(tmp_path / "sub")
    (tmp_path / "sub" / "a.txt").write_text("abd")
    assert not stored.is_intact(tmp_path)


def test_bytes_are_forced_to_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order file, sums, names: seen from the calls of fsync and rename."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def traced_fsync(descriptor: int) -> None:
        calls.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix}")
        fsync(descriptor)

    def traced_replace(source: Path, target: Path) -> None:
        calls.append(f"name {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(Path, "replace", traced_replace)
    write(tmp_path / "a.txt")
    assert calls == ["sync .unfinished", "sync .unfinished", "name a.txt.sum", "name a.txt"]
    calls.clear()
    write_whole(tmp_path / "b.json", "{}")
    assert calls == ["sync .unfinished", "name b.json", "sync "]
    assert (tmp_path / "b.json").read_text() == "{}"
    sync(tmp_path)
