"""What a disk refuses is said in one sentence; other errors stay as they are."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.storage import clear_storage_errors, storage_problem

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@needs_full
@pytest.mark.parametrize("writer", ["python", "numpy", "parquet", "arrow"])
def test_a_full_disk_is_recognised_whoever_writes(writer: str) -> None:
    table = pa.table({"a": np.random.default_rng(0).random(1 << 16)})
    full = pytest.raises(ResumableError, match=r"^out: the disk is full; free some space, then run")
    with full, clear_storage_errors(Path("out")):
        match writer:
            case "python":
                FULL.write_bytes(b"1" * (1 << 20))
            case "numpy":
                with FULL.open("wb", buffering=0) as stream:
                    np.zeros(1 << 20).tofile(stream)
            case "parquet":
                with pa.OSFile(str(FULL), "wb") as sink:
                    pq.write_table(table, sink)
            case "arrow":
                with pa.OSFile(str(FULL), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
                    out.write_table(table)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.ENOTDIR, "a parent of it is a file"),
        (errno.EIO, "the disk reports an error"),
        (errno.EMFILE, "too many files are open"),
    ],
)
def test_the_file_of_the_error_is_named(number: int, words: str) -> None:
    error = OSError(number, os.strerror(number), "/some/file")
    problem = storage_problem(error, Path("out"))
    assert isinstance(problem, InputError)
    assert str(problem).startswith(f"/some/file: {words}; ")
    assert str(problem).endswith(", then run the same command to resume.")
    assert str(storage_problem(OSError(number, "x"), Path("out"))).startswith("out: ")


def test_a_full_disk_is_named_by_the_bundle() -> None:
    error = OSError(errno.ENOSPC, "full", "/out/.bundle.building/tables/tokens.parquet")
    assert str(storage_problem(error, Path("/out/bundle"))).startswith("/out/bundle: ")


def test_other_errors_are_bugs() -> None:
    for error in (OSError("a bug"), OSError(errno.EBADF, "Bad file descriptor")):
        assert storage_problem(error, Path("out")) is None
        with pytest.raises(OSError) as caught, clear_storage_errors(Path("out")):
            raise error
        assert caught.value is error
    with pytest.raises(ZeroDivisionError), clear_storage_errors(Path("out")):
        raise ZeroDivisionError
