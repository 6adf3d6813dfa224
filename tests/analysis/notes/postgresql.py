"""A PostgreSQL server for tests: of its own, on a Unix socket, in a temporary folder."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/bin", "/usr/local/bin")
_LONGEST_START = 60.0
"""Seconds."""
_OWNERS = ("postgres", "nobody")
"""Users that may own the server where the tests run as root, which PostgreSQL refuses."""


def programs() -> Path | None:
    """The folder of the programs of PostgreSQL; None if it is not installed."""
    initdb = shutil.which("initdb")
    folders = [
        folder for pattern in PLACES for folder in sorted(Path("/").glob(pattern.lstrip("/")))
    ]
    places = [*([Path(initdb).parent] if initdb else []), *folders]
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def running_server(folder: Path, bin_folder: Path) -> Iterator[str]:
    """The address of the database of a new server, which is stopped at the end."""
    owner = _owner()
    folder.mkdir(parents=True)
    if owner is not None:
        shutil.chown(folder, owner)
    data = folder / "data"
    _run(
        owner, bin_folder / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N", "-E", "UTF8"
    )
    start(folder, bin_folder)
    try:
        yield f"postgresql://tester@/postgres?host={folder}"
    finally:
        stop(folder, bin_folder, "immediate")


def start(folder: Path, bin_folder: Path) -> None:
    """Start the server of a folder, and wait until it answers.

    After an immediate stop, its processes may hold the shared memory for a moment, and a server
    that is started meanwhile exits.
    """
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=200"
    log = folder / "log"
    program = bin_folder / "pg_ctl"
    end = time.monotonic() + _LONGEST_START
    while True:
        try:
            _run(_owner(), program, "-D", folder / "data", "-w", "-l", log, "-o", options, "start")
            return
        except subprocess.CalledProcessError:
            if time.monotonic() > end:
                raise
            time.sleep(0.25)


def stop(folder: Path, bin_folder: Path, mode: str = "fast") -> None:
    """Stop the server; with the mode `immediate` as a failure of the machine would."""
    _run(_owner(), bin_folder / "pg_ctl", "-D", folder / "data", "-m", mode, "-w", "stop")


def _owner() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in _OWNERS if name in known)


def _run(owner: str | None, *command: str | Path) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        user=owner,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
