"""Say in one sentence what is wrong with a disk or a folder."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.runtime.errors import ResumableError

RESUME = "then run the same command to resume"
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("your disk quota is used up", "free some space"),
    errno.EFBIG: ("a file is larger than the system allows", "raise the limit (ulimit -f)"),
    errno.EROFS: ("the file system is read-only", "make it writable, or choose another folder"),
    errno.EACCES: ("permission is denied", "change the permissions, or choose another folder"),
    errno.EPERM: ("permission is denied", "change the permissions, or choose another folder"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
    errno.ENOTDIR: ("a parent of it is a file", "choose another folder"),
    errno.EEXIST: ("a parent of it is a file", "choose another folder"),
    errno.ENOENT: ("a file was removed while it was in use", "leave the folder as it is"),
    errno.ENOTEMPTY: ("it was changed while it was in use", "leave the folder as it is"),
    errno.ENOLCK: ("the file system does not support locks", "choose a folder on another disk"),
    errno.ENOSYS: ("the file system does not support locks", "choose a folder on another disk"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
    errno.ENFILE: ("too many files are open", "raise the limit of the system"),
    errno.ESTALE: ("the network file system has lost a file", "mount it again"),
    errno.EIO: ("the disk reports an error", "check it"),
}
_NUMPY_WROTE_LESS = re.compile(r"\d+ requested and \d+ written")
"""What numpy says when a disk is full; it gives no error number."""


@contextmanager
def clear_storage_errors(folder: Path) -> Iterator[None]:
    """Raise ResumableError in place of an OSError that a disk, a folder or the system causes."""
    try:
        yield
    except OSError as error:
        problem = storage_problem(error, folder)
        if problem is None:
            raise
        raise problem from error


def storage_problem(error: OSError, folder: Path) -> ResumableError | None:
    """One sentence for an OSError; None if it has another cause.

    It names the file of the error, or `folder` if the error names none.
    """
    number = error.errno
    if number is None and _NUMPY_WROTE_LESS.search(str(error)):
        number = errno.ENOSPC
    if number not in _REASONS:
        return None
    problem, advice = _REASONS[number]
    place = error.filename if isinstance(error.filename, str | Path) else folder
    if number in (errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG):
        place = folder
    return ResumableError(f"{place}: {problem}; {advice}, {RESUME}.")
