"""Files that are whole or absent after a kill, a power failure or a full disk.

A file is written under another name, its bytes are forced to the disk (`fsync`), and only then it
gets its name. Beside a piece of a long step, `NAME.sum` holds its size and SHA-256, so that a
resumed step does not trust damaged pieces.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.runtime.content import content_hash

UNFINISHED = ".unfinished"
"""Suffix of the name of a file that is being written."""


class StoredFile(BaseModel):
    """A file by its content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """Relative to a folder that the reader knows."""
    size: int = Field(ge=0)
    """In bytes."""
    sha256: str

    @staticmethod
    def of(folder: Path, file: Path) -> "StoredFile":
        """The file as it is on the disk, by its path relative to `folder`."""
        path = file.relative_to(folder).as_posix()
        return StoredFile(path=path, size=file.stat().st_size, sha256=content_hash([file]))

    def is_intact(self, folder: Path) -> bool:
        """Whether the file in `folder` has this content."""
        file = folder / self.path
        try:
            return file.stat().st_size == self.size and StoredFile.of(folder, file) == self
        except OSError:
            return False


_HELD: ContextVar[tuple[Path, int] | None] = ContextVar("_HELD", default=None)
"""A folder and its descriptor."""


class _Sums(BaseModel):
    """The content of a `.sum` file."""

    files: tuple[StoredFile, ...]


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_whole(file: Path, text: str) -> None:
    """Write a small text file; after a failure it has its old content."""
    unfinished = file.with_name(f"{file.name}{UNFINISHED}")
    unfinished.write_text(text, encoding="utf-8")
    sync(unfinished)
    unfinished.replace(file)
    sync(file.parent)


@contextmanager
def whole_file(file: Path, others: Iterable[Path] = ()) -> Iterator[Path]:
    """A path to write to, renamed to `file` at the end and removed after an exception.

    Its name is unique: two workers write the same piece if one of them only seemed to be lost.
    `others` are files in the same folder, complete at the end, that are whole only together with
    this one.
    """
    unfinished = file.with_name(f"{file.stem}.{uuid4().hex}{UNFINISHED}")
    try:
        yield unfinished
        sync(unfinished)
        written = StoredFile.of(file.parent, unfinished).model_copy(update={"path": file.name})
        beside = list(others)
        for other in beside:
            sync(other)
        sums = _Sums(files=(written, *(StoredFile.of(file.parent, other) for other in beside)))
        sums_unfinished = unfinished.with_suffix(f".sum{UNFINISHED}")
        try:
            sums_unfinished.write_text(sums.model_dump_json(), encoding="utf-8")
            sync(sums_unfinished)
            _rename(sums_unfinished, sums_of(file))
        except BaseException:
            sums_unfinished.unlink(missing_ok=True)
            raise
        _rename(unfinished, file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def same_folder(folder: Path) -> Iterator[None]:
    """Let `whole_file` write to the folder that has this path now.

    If another folder gets the path in the meantime, because a build was given up and another one
    was started, its files raise FileNotFoundError and do not appear there.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    token = _HELD.set((folder, opened))
    try:
        yield
    finally:
        _HELD.reset(token)
        os.close(opened)


def _rename(unfinished: Path, file: Path) -> None:
    held = _HELD.get()
    if held is not None and held[0] == file.parent:
        os.replace(unfinished.name, file.name, src_dir_fd=held[1], dst_dir_fd=held[1])
    else:
        unfinished.replace(file)


def is_whole(file: Path) -> bool:
    """Whether `whole_file` wrote the file to its end and its bytes are the same since."""
    try:
        sums = _Sums.model_validate_json(sums_of(file).read_bytes())
    except (OSError, ValidationError):
        return False
    named = bool(sums.files) and sums.files[0].path == file.name
    return named and all(stored.is_intact(file.parent) for stored in sums.files)


def sums_of(file: Path) -> Path:
    """Where the size and the hash of a piece are."""
    return file.with_name(f"{file.name}.sum")
