"""A step runs once, its record is checked, and other inputs start from an empty folder."""

import math
from pathlib import Path

import pytest
from pydantic import BaseModel

from analysis.runtime.working_folder import (
    RecordFile,
    StepRecord,
    WorkingFolder,
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
