"""The folder in which a bundle is made, so that an interrupted build can be resumed.

It is next to the bundle's folder, is called `.NAME.building`, and holds `inputs.json` (what the
bundle depends on), `shards/` (harvested activations), `scratch/` (tables that pass between steps),
`tables/` (the tables of the bundle) and `steps/` (one record for each finished step). A finished
step is skipped. `claimed` allows one process at a time.

A record holds the hash of the inputs, the hash of every file that its step wrote and its own hash,
so neither a damaged file nor the table of another build passes for a finished step. A folder that
was made for other inputs is first renamed to `.NAME.removing` and then removed, so it is never
there in part.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from analysis.runtime.durable import UNFINISHED, StoredFile, sync, write_whole
from analysis.runtime.errors import InputError
from analysis.runtime.folder_lock import hold
from analysis.runtime.storage import clear_storage_errors

PARTS = ("shards", "scratch", "tables", "steps")


class StepRecord(BaseModel):
    """What a finished step leaves for later steps and for the manifest; subclasses add fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(default=0.0, ge=0, description="wall-clock time of the step")
    files: tuple[StoredFile, ...] = Field(default=(), description="what the step wrote")


R = TypeVar("R", bound=StepRecord)


@dataclass(frozen=True)
class RecordFile(Generic[R]):
    """The record of one step: the step's name and the model that its file is checked against."""

    step: str
    kind: type[R]

    @property
    def path(self) -> str:
        """Relative to the working folder."""
        return f"steps/{self.step}.json"


class _Sealed(BaseModel):
    """The file of a record."""

    inputs: str
    """SHA-256 of `inputs.json`."""
    sha256: str
    """Of the record."""
    record: dict[str, Any]

    @staticmethod
    def of(record: dict[str, Any], inputs: str) -> "_Sealed":
        # json, unlike pydantic, keeps NaN apart from null.
        text = json.dumps(record, sort_keys=True)
        return _Sealed(inputs=inputs, sha256=_sha256(inputs + text), record=record)


@dataclass(frozen=True)
class WorkingFolder:
    """The folder of an unfinished bundle."""

    path: Path
    inputs: str
    """SHA-256 of what the bundle depends on."""

    @property
    def tables(self) -> Path:
        """The tables of the bundle; this folder is published."""
        return self.path / "tables"

    def run(
        self, record: RecordFile[R], step: Callable[[], R], writes: Iterable[Path] = ()
    ) -> tuple[R, bool]:
        """The step's record, and whether the step ran now; a finished step is not run again.

        A step is finished when it has returned and its files are on the disk, so an interrupted
        step starts from its beginning. It also runs again if its record is damaged or one of the
        files that it `writes` is gone; `is_finished` also checks their bytes. Raises RuntimeError
        if the step returned without writing them all.
        """
        writes = list(writes)
        known = self.read(record)
        if known is not None and all(file.exists() for file in writes):
            return known, False
        self.forget(record)
        started = time.perf_counter()
        returned = step()
        if missing := [str(file) for file in writes if not file.exists()]:
            raise RuntimeError(f"The step {record.step} did not write {', '.join(missing)}.")
        files = tuple(StoredFile.of(self.path, file) for file in _files(writes))
        for place in (*_files(writes), *{file.parent for file in _files(writes)}):
            sync(place)
        seconds = round(time.perf_counter() - started, 3)
        returned = returned.model_copy(update={"seconds": seconds, "files": files})
        sealed = _Sealed.of(returned.model_dump(mode="json"), self.inputs)
        write_whole(self.path / record.path, json.dumps(sealed.model_dump()))
        return returned, True

    def read(self, record: RecordFile[R]) -> R | None:
        """The record of a finished step; None if there is no valid record of these inputs."""
        try:
            text = (self.path / record.path).read_text(encoding="utf-8")
            sealed = _Sealed.model_validate(json.loads(text))
            if sealed != _Sealed.of(sealed.record, self.inputs):
                return None
            return record.kind.model_validate(sealed.record)
        except (FileNotFoundError, ValueError, RecursionError):  # ValidationError is a ValueError
            return None

    def is_finished(self, record: RecordFile[Any], writes: Iterable[Path] = ()) -> bool:
        """Whether the step has a valid record, and its files have the bytes that it wrote."""
        known = self.read(record)
        if known is None:
            return False
        present = [file.relative_to(self.path).as_posix() for file in _files(writes)]
        return present == [stored.path for stored in known.files] and all(
            stored.is_intact(self.path) for stored in known.files
        )

    def forget(self, record: RecordFile[Any]) -> None:
        """Let a step run again."""
        (self.path / record.path).unlink(missing_ok=True)

    def has_records(self) -> bool:
        """Whether any step is finished."""
        return any((self.path / "steps").glob("*.json"))

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files that the finished steps wrote, by path in the working folder."""
        records = sorted((self.path / "steps").glob("*.json"))
        kinds = (RecordFile(file.stem, _AnyRecord) for file in records)
        known = (self.read(kind) for kind in kinds)
        return {stored.path: stored.sha256 for one in known if one for stored in one.files}

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        _remove(self.path)


class _AnyRecord(StepRecord):
    """A record of which only the files matter."""

    model_config = ConfigDict(extra="ignore")


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Write the bundle `out` in this process only, with one sentence for what the disk refuses.

    Also removes what a killed process has left of an earlier build that is finished or was given
    up. Raises InputError if another process writes the bundle, or there is no name or a too long
    one.
    """
    with clear_storage_errors(out):
        check_name(out)
    with clear_storage_errors(out), hold(out):
        shutil.rmtree(_aside(_working_path(out)), ignore_errors=True)
        work = _working_path(out)
        # Only publishing moves the tables, so the process was killed between that and cleaning up.
        if out.exists() and work.exists() and not (work / "tables").exists():
            _remove(work)
        yield


@contextmanager
def new_folder(out: Path, what: str) -> Iterator[Path]:
    """A folder to write files to, renamed to `out` at the end and removed after an exception.

    Raises InputError if `out` has files or no name, or another process writes `what` there; and
    ResumableError for what the disk refuses.
    """
    with clear_storage_errors(out):
        check_name(out)
    with clear_storage_errors(out), hold(out, what):
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise InputError(f"{out}: already exists and is not empty; give a new or empty folder.")
        partial = out.with_name(f".{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # a killed process left it
        partial.mkdir()
        try:
            yield partial
            for file in (*partial.iterdir(), partial):
                sync(file)
            partial.replace(out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync(out.parent)


def open_working_folder(out: Path, inputs: BaseModel) -> WorkingFolder:
    """The working folder of the bundle `out`, emptied if it was made for other inputs."""
    folder = open_folder(_working_path(out), inputs)
    for part in PARTS:
        (folder.path / part).mkdir(exist_ok=True)
    return folder


def open_folder(path: Path, inputs: BaseModel) -> WorkingFolder:
    """The working folder at `path`, emptied if it was made for other inputs."""
    wanted = inputs.model_dump_json(indent=2)
    folder = WorkingFolder(path, _sha256(wanted))
    stored = path / "inputs.json"
    if path.exists() and not _has_text(stored, wanted):
        folder.remove()
    path.mkdir(parents=True, exist_ok=True)
    if not stored.exists():
        write_whole(stored, wanted)
        sync(path.parent)
    return folder


def discard(path: Path, inputs: BaseModel) -> None:
    """Remove the working folder at `path` if it is of these inputs, and one removed in part."""
    shutil.rmtree(_aside(path), ignore_errors=True)
    if _has_text(path / "inputs.json", inputs.model_dump_json(indent=2)):
        _remove(path)


def _working_path(out: Path) -> Path:
    return out.with_name(f".{out.name}.building")


def _aside(path: Path) -> Path:
    return path.with_suffix(".removing")


def _remove(path: Path) -> None:
    """Remove a working folder: it is gone at once, and then its files are removed."""
    aside = _aside(path)
    shutil.rmtree(aside, ignore_errors=True)
    if path.exists():
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def check_name(out: Path) -> None:
    """Raise InputError if the path has no name, or the names next to it would be too long."""
    if out.name in ("", ".."):
        raise InputError(f"{out}: is not the name of a new folder; choose a name.")
    existing = next((parent for parent in out.absolute().parents if parent.is_dir()), Path("/"))
    size = len(os.fsencode(out.name))
    added = len(os.fsencode(_working_path(out).name)) - size
    most = os.pathconf(existing, "PC_NAME_MAX") - added
    if size > most:
        raise InputError(
            f"{out.name[:40]}…: the name of the new folder has {size} bytes, but may have {most}; "
            "choose a shorter one."
        )


def _files(places: Iterable[Path]) -> list[Path]:
    """The files, and those in the folders, in order; without unfinished and hidden ones."""
    inside = (
        sorted(place.rglob("*")) if place.is_dir() else [place] if place.exists() else []
        for place in places
    )
    return [
        file
        for files in inside
        for file in files
        if file.is_file() and not file.name.startswith(".") and not file.name.endswith(UNFINISHED)
    ]


def _has_text(file: Path, text: str) -> bool:
    try:
        return file.read_text(encoding="utf-8") == text
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
