"""Builds that are killed between two file operations of publishing, cleaning up or emptying.

After each kill the name must be usable: the same command finds the finished bundle or finishes it,
and after the bundle is moved away, another build of that name succeeds.
"""

from functools import partial
from pathlib import Path

from tests.faults.builds import (
    World,
    check_equal,
    check_nothing_left,
    command,
    prepare_world,
    start,
)
from tests.faults.kill_points import KillPoint
from tests.faults.trial import Case, FaultError, Outcome, Trial

PUBLISHING = 12
"""Cases 0 to 11 are killed before the first operations from writing the manifest on."""
CLEANING = 4
"""These cases are killed later, while files are removed."""
MANIFEST = "manifest.json"


def run(case: Case) -> Outcome:
    """Kill one build at one operation, then use its name twice."""
    world, draw = World(case.shared), case.random()
    place = case.folder / "place"
    place.mkdir()
    out, log = place / "bundle", case.folder / "log"
    at = partial(KillPoint, place, log=log)
    if case.number < PUBLISHING:
        point = at(after=MANIFEST, number=case.number)
    elif case.number < PUBLISHING + CLEANING:
        point = at(after=MANIFEST, number=draw.randrange(PUBLISHING, 30))
    else:
        leave_unfinished(world, out, case.folder / "first.log")
        point = at(number=case.number - PUBLISHING - CLEANING + draw.randrange(2) * 8)
    killed = start(world.arguments(out), case.folder / "killed.log", point).wait()
    before = operation(log, killed.code, place)
    again = command(world.arguments(out), case.folder / "again.log")
    again.check_message(0, 1)
    if again.code == 1 and "already exists" not in again.output:
        raise FaultError(f"The name is unusable after a kill {before}: {again.sentence}")
    check_equal(out, world.whole)
    out.rename(place / "kept")
    seed, expected = draw.choice([(0, world.whole), (7, world.other)])
    third = command(world.arguments(out, seed), case.folder / "third.log")
    if third.code != 0:
        raise FaultError(f"The name is unusable after a kill {before}: {third.output[-1500:]}")
    check_equal(out, expected)
    check_nothing_left(place, "bundle", "kept")
    return Outcome(f"killed {before}")


def leave_unfinished(world: World, out: Path, log: Path) -> None:
    """Leave a working folder of seed 7 in which every step is finished."""
    point = KillPoint(out.parent, after=MANIFEST)
    start(world.arguments(out, seed=7), log, point).wait()


def operation(log: Path, code: int, place: Path) -> str:
    """The operation before which a process was killed, in words."""
    if code == 0:
        return "never: it had ended before"
    line = log.read_text("utf-8").splitlines()[-1].replace(f"{place}/", "")
    return f"before {line}"


TRIAL = Trial("instructions", 20, run, prepare_world)
