"""Builds on a disk that is too small, and on one that becomes read-only; then they are resumed.

The disk is a tmpfs of a fixed size, which only root can mount.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.builds import World, check_equal, check_nothing_left, command, prepare_world
from tests.faults.trial import CannotRunError, Case, FaultError, Outcome, Trial

SMALLEST, GROWTH = 48, 1.55
"""Kilobytes of the first disk, and by how much each is larger; a whole build takes some 3 MB."""
ENOUGH = "64m"
FULL = ("the disk is full", "of disk, but")
"""Printed when writing fails, or before any work when the estimate exceeds the free space."""
READ_ONLY = ("the file system is read-only",)


def run(case: Case) -> Outcome:
    """Fill a disk of one size, then give it enough space; case 10 makes it read-only."""
    world, place = World(case.shared), case.folder / "disk"
    text = case.number % 3 == 2
    arguments = (world.text_arguments if text else world.arguments)(place / "bundle")
    size = "ro" if case.number == 10 else f"{round(SMALLEST * GROWTH**case.number)}k"
    with mounted(place, size):
        done = command(arguments, case.folder / "full.log")
        done.check_message(0, 1)
        words = READ_ONLY if size == "ro" else FULL
        if done.code == 1 and not any(part in done.output for part in words):
            raise FaultError(f"It does not say {' or '.join(words)}: {done.output[-1500:]}")
        remount(place, ENOUGH)
        if done.code == 1:
            command(arguments, case.folder / "again.log").check_message(0)
        check_equal(place / "bundle", world.text if text else world.whole)
        check_nothing_left(place, "bundle")
    return Outcome("full" if done.code == 1 else "large enough")


@contextmanager
def mounted(place: Path, size: str) -> Iterator[None]:
    """A new disk of this size; read-only for `ro`. Raises CannotRunError without the permission."""
    place.mkdir()
    option = "ro" if size == "ro" else f"size={size}"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise CannotRunError(f"A small disk needs root and mount: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, size: str) -> None:
    """Give the disk another size and make it writable."""
    subprocess.run(["mount", "-o", f"remount,rw,size={size}", str(place)], check=True)


TRIAL = Trial("full_disk", 11, run, prepare_world)
