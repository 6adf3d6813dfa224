"""Build the search index in a separate process with low priority, so that no request waits for it.

Processes that share a cache folder build one index at a time.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock

from filelock import FileLock

from analysis.bundle import Bundle, open_bundle
from analysis.runtime.errors import InputError
from analysis.selection.search.index_file import index_path, is_complete, open_index

Makers = dict[Path, "subprocess.Popen[bytes]"]
LOCK = "making.lock"
_CODE = "from analysis.selection.search.index_maker import make; make(__import__('sys').argv[1])"
_HOME = Path(__file__).resolve().parents[3]
"""The folder that holds the package `analysis`."""
_PRIORITY = 5
_makers: Makers = {}
_changing = Lock()


def is_ready(bundle: Bundle) -> bool:
    """Whether the index of a bundle can be searched. If not, a process is making it now.

    Raises InputError with the reason if the process could not make it; the next call tries again.
    """
    path = index_path(bundle)
    with _changing:
        maker = _makers.get(path)
        if maker is not None and maker.poll() is not None:
            del _makers[path]
            _, errors = maker.communicate()
            if maker.returncode and not is_complete(path):
                raise InputError(_reason(errors) or "The search index could not be made.")
        if path not in _makers and not is_complete(path):
            _makers[path] = _started(bundle)
    return is_complete(path)


def _started(bundle: Bundle) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", _CODE, str(bundle.path.absolute())],
        cwd=_HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _reason(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def make(folder: str) -> None:
    """Make the index of a bundle, in this process; exits with one sentence if that fails."""
    if hasattr(os, "nice"):
        os.nice(_PRIORITY)
    try:
        bundle = open_bundle(Path(folder))
        place = index_path(bundle).parent
        turn = FileLock(place / LOCK)
        with suppress(OSError):  # `open_index` says that the folder cannot be written
            place.mkdir(parents=True, exist_ok=True)
            turn.acquire()
        with open_index(bundle):
            turn.release()
    except InputError as error:
        sys.exit(str(error))
