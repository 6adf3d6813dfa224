"""What is reported about a bundle that is damaged, was changed, or is too large to read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from analysis.runtime.errors import InputError

MEND = "copy the bundle again from where it was built, or build it again"


def short_name(file: Path) -> str:
    """A file of a bundle without the folders above the bundle, for messages on pages."""
    return f"{file.absolute().parent.name}/{file.name}"


def damaged(file: Path, problem: str) -> InputError:
    """The error for a file of a bundle; `problem` continues a sentence about it."""
    return InputError(f"{short_name(file)}: {problem}; {MEND}.")


def changed(file: Path) -> InputError:
    """The error for a file that is not the one that was opened."""
    return InputError(
        f"{short_name(file)}: was replaced or removed after the bundle was opened; "
        "open the bundle again (on a page: reload it)."
    )


@contextmanager
def reading(file: Path, problem: str = "cannot be decoded") -> Iterator[None]:
    """Raise InputError about `problem` where a table's file cannot be decoded."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise changed(file) from error
    except (pa.ArrowException, OSError, MemoryError, ValueError, OverflowError) as error:
        if "CRC checksum" in str(error):
            problem = "has bytes that differ from those that were written (page checksum)"
        raise damaged(file, problem) from error
