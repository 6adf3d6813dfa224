"""A step runs once, its record is checked, and other inputs start from an empty folder."""

import errno
import json
import math
import os
import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel

from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.folder_lock import lock_file
from analysis.runtime.working_folder import (
    RecordFile,
    StepRecord,
    WorkingFolder,
    claimed,
    discard,
    new_folder,
    open_folder,
    open_working_folder,
)


class Inputs(BaseModel):
    seed: int


class Counted(StepRecord):
    rows: int
    share: float = 0.0


COUNT = RecordFile("count", Counted)


@pytest.fixture
def folder(tmp_path: Path) -> WorkingFolder:
    return open_working_folder(tmp_path / "bundle", Inputs(seed=1))


def never() -> Counted:
    raise AssertionError("a finished step must not run again")


def test_a_finished_step_is_not_run_again(folder: WorkingFolder) -> None:
    assert not folder.has_records()
    record, ran = folder.run(COUNT, lambda: Counted(rows=3))
    assert ran and record.rows == 3 and 0 <= record.seconds < 1
    assert folder.run(COUNT, never) == (record, False)
    assert folder.read(COUNT) == record
    assert folder.has_records()
    assert [file.name for file in (folder.path / "steps").iterdir()] == ["count.json"]


def test_not_a_number_is_kept_apart_from_null(folder: WorkingFolder) -> None:
    folder.run(COUNT, lambda: Counted(rows=3, share=math.nan))
    record = folder.read(COUNT)
    assert record is not None and math.isnan(record.share)


def test_an_interrupted_step_leaves_no_record(folder: WorkingFolder) -> None:
    def interrupted() -> Counted:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.run(COUNT, interrupted)
    assert folder.read(COUNT) is None and not folder.has_records()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"rows": "many"}', '{"rows": 3, "other": 1}', '{"seconds": -1}']
)
def test_a_damaged_record_makes_its_step_run_again(folder: WorkingFolder, content: str) -> None:
    (folder.path / COUNT.path).write_text(content)
    assert folder.read(COUNT) is None
    assert folder.run(COUNT, lambda: Counted(rows=4))[0].rows == 4


def test_a_step_whose_file_is_gone_runs_again(folder: WorkingFolder) -> None:
    file = folder.tables / "t.parquet"

    def write() -> Counted:
        file.touch()
        return Counted(rows=1)

    assert folder.run(COUNT, write, [file])[1]
    assert not folder.run(COUNT, never, [file])[1]
    file.unlink()
    assert folder.run(COUNT, write, [file])[1]


def test_a_step_that_does_not_write_its_file_has_no_record(folder: WorkingFolder) -> None:
    with pytest.raises(RuntimeError, match=r"The step count did not write .*t\.parquet"):
        folder.run(COUNT, lambda: Counted(rows=1), [folder.tables / "t.parquet"])
    assert folder.read(COUNT) is None


def test_a_forgotten_step_runs_again(folder: WorkingFolder) -> None:
    folder.forget(COUNT)
    folder.run(COUNT, lambda: Counted(rows=1))
    folder.forget(COUNT)
    assert folder.run(COUNT, lambda: Counted(rows=2)) == (folder.read(COUNT), True)


def test_equal_inputs_keep_the_folder_and_others_empty_it(tmp_path: Path) -> None:
    first = open_working_folder(tmp_path / "bundle", Inputs(seed=1))
    assert first.path == tmp_path / ".bundle.building"
    first.run(COUNT, lambda: Counted(rows=1))
    (first.tables / "t.parquet").touch()
    again = open_working_folder(tmp_path / "bundle", Inputs(seed=1))
    assert again.read(COUNT) is not None and (again.tables / "t.parquet").exists()
    other = open_working_folder(tmp_path / "bundle", Inputs(seed=2))
    assert other.read(COUNT) is None and list(other.tables.iterdir()) == []
    parts = {"inputs.json", "shards", "scratch", "tables", "steps"}
    assert {part.name for part in other.path.iterdir()} == parts
    (other.path / "inputs.json").unlink()
    (other.tables / "t.parquet").touch()
    assert list(open_working_folder(tmp_path / "bundle", Inputs(seed=2)).tables.iterdir()) == []
    other.remove()
    assert list(tmp_path.iterdir()) == []


def writing(folder: WorkingFolder, text: str = "0123456789") -> tuple[Path, Path]:
    """Finish the step, which writes a table and a folder of two shards."""
    table, shards = folder.tables / "t.parquet", folder.path / "shards"

    def write() -> Counted:
        table.write_text(text)
        for name in ("0.arrow", "1.arrow", ".mark", "2.unfinished"):
            (shards / name).write_text(f"{text} {name}")
        return Counted(rows=1)

    folder.run(COUNT, write, [table, shards])
    return table, shards


def test_a_record_names_its_files_by_their_content(folder: WorkingFolder) -> None:
    writes = writing(folder)
    record = folder.read(COUNT)
    assert record is not None
    assert [stored.path for stored in record.files] == [
        "tables/t.parquet",
        "shards/0.arrow",
        "shards/1.arrow",
    ]
    assert folder.is_finished(COUNT, writes)
    assert folder.hashes() == {stored.path: stored.sha256 for stored in record.files}
    assert len(set(folder.hashes().values())) == 3
    (folder.path / "shards" / ".other-mark").touch()
    assert folder.is_finished(COUNT, writes)


@pytest.mark.parametrize(
    "damage", ["flip", "cut", "gone", "flipped shard", "more shards", "fewer shards"]
)
def test_a_step_whose_file_is_damaged_is_not_finished(folder: WorkingFolder, damage: str) -> None:
    table, shards = writing(folder)
    match damage:
        case "flip":
            table.write_text("0123456798")
        case "cut":
            os.truncate(table, 0)
        case "gone":
            table.unlink()
        case "flipped shard":
            (shards / "1.arrow").write_text("0123456798 1.arrow")
        case "more shards":
            (shards / "2.arrow").write_text("")
        case "fewer shards":
            (shards / "1.arrow").unlink()
    assert folder.read(COUNT) is not None
    assert not folder.is_finished(COUNT, [table, shards])


def test_every_flipped_bit_of_a_record_is_noticed(folder: WorkingFolder) -> None:
    writing(folder)
    file = folder.path / COUNT.path
    content, record = file.read_bytes(), folder.read(COUNT)
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert folder.read(COUNT) in (None, record)
    file.write_bytes(content)
    changed = json.loads(content)
    changed["record"]["rows"] = 2
    file.write_text(json.dumps(changed))
    assert folder.read(COUNT) is None


def test_the_record_of_other_inputs_is_not_read(folder: WorkingFolder, tmp_path: Path) -> None:
    writes = writing(folder)
    other = open_working_folder(tmp_path / "other", Inputs(seed=2))
    for name in (COUNT.path, "tables/t.parquet", "shards/0.arrow", "shards/1.arrow"):
        shutil.copy(folder.path / name, other.path / name)
    assert other.read(COUNT) is None
    assert not other.is_finished(
        COUNT, [other.path / file.relative_to(folder.path) for file in writes]
    )
    assert other.hashes() == {}


def test_a_foreign_folder_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any moment of emptying it: no part of it is under its name."""
    out = tmp_path / "bundle"
    writing(open_working_folder(out, Inputs(seed=1)))

    def killed(path: Path, **options: object) -> None:
        if path.exists():
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        open_working_folder(out, Inputs(seed=2))
    assert [path.name for path in tmp_path.iterdir()] == [".bundle.removing"]
    with claimed(out):
        assert not (tmp_path / ".bundle.removing").exists()
        folder = open_working_folder(out, Inputs(seed=2))
        assert folder.read(COUNT) is None and list(folder.tables.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == [".bundle.building"]


def test_the_inputs_are_written_once(tmp_path: Path) -> None:
    """A full disk must not take the inputs of a build that is resumed."""
    stored = open_working_folder(tmp_path / "bundle", Inputs(seed=1)).path / "inputs.json"
    before = stored.stat()
    open_working_folder(tmp_path / "bundle", Inputs(seed=1))
    assert (stored.stat().st_ino, stored.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    stored.write_bytes(b"\xff")
    open_working_folder(tmp_path / "bundle", Inputs(seed=1))
    assert Inputs.model_validate_json(stored.read_bytes()) == Inputs(seed=1)


def test_what_a_published_build_left_is_removed(tmp_path: Path) -> None:
    """The process was killed after the tables were renamed to the bundle."""
    out = tmp_path / "bundle"
    open_working_folder(out, Inputs(seed=1)).tables.rename(out)
    with claimed(out):
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["bundle"]
    open_working_folder(out, Inputs(seed=1))
    with claimed(out):  # tables are there: another build may be resumed when `out` is moved away
        assert (tmp_path / ".bundle.building").is_dir()


def test_one_process_writes_a_bundle(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match="is writing this bundle")
    with claimed(tmp_path / "bundle"):
        assert lock_file(tmp_path / "bundle").exists()
        with refused, claimed(tmp_path / "bundle"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, problem in (
        (tmp_path / "file" / "bundle", "a parent of it is a file; choose another folder"),
        (tmp_path / "file" / "a" / "bundle", "a parent of it is a file; choose another folder"),
        (tmp_path / ("n" * 256), r"the name of the new folder has 256 bytes, but may have 245"),
        (tmp_path / ("é" * 123), r"the name of the new folder has 246 bytes, but may have 245"),
        (Path("/".join([str(tmp_path), *["n" * 200] * 30])), "the name is too long; choose"),
        (Path(), "is not the name of a new folder"),
        (Path(".."), "is not the name of a new folder"),
        (Path("/"), "is not the name of a new folder"),
    ):
        with pytest.raises(InputError, match=problem), claimed(out):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with claimed(tmp_path / ("n" * 245)):
        open_working_folder(tmp_path / ("n" * 245), Inputs(seed=1)).remove()
    with pytest.raises(ResumableError, match="the disk is full"), claimed(tmp_path / "bundle"):
        raise OSError(28, "No space left on device")


def test_a_folder_is_discarded_only_for_its_own_inputs(tmp_path: Path) -> None:
    path, aside = tmp_path / ".token.counting", tmp_path / ".token.removing"
    open_folder(path, Inputs(seed=1))
    aside.mkdir()
    discard(path, Inputs(seed=2))
    assert path.exists() and not aside.exists()
    discard(path, Inputs(seed=1))
    assert list(tmp_path.iterdir()) == []
    discard(path, Inputs(seed=1))


def test_a_new_folder_appears_at_the_end_without_what_a_killed_process_left(tmp_path: Path) -> None:
    out, partial = tmp_path / "sae", tmp_path / ".sae.partial"
    partial.mkdir()
    (partial / "foreign").touch()
    out.mkdir()
    with new_folder(out, "this SAE") as folder:
        (folder / "cfg.json").write_text("{}")
        assert list(out.iterdir()) == []
        with (
            pytest.raises(InputError, match="is writing this SAE; wait"),
            new_folder(out, "this SAE"),
        ):
            pass
    assert [file.name for file in out.iterdir()] == ["cfg.json"]
    with pytest.raises(InputError, match="already exists"), new_folder(out, "this SAE"):
        pass
    assert list(tmp_path.iterdir()) == [out]


def test_a_new_folder_is_not_there_after_an_exception(tmp_path: Path) -> None:
    with (
        pytest.raises(ResumableError, match="sae: the disk is full; free some space"),
        new_folder(tmp_path / "sae", "this SAE") as folder,
    ):
        (folder / "cfg.json").touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="not the name of a new folder"), new_folder(Path(), "it"):
        pass
