"""Counts (`clearwater count`) that are killed between two file operations, and two at once.

After a kill another count of the same unit is run in the folder: with another ranking, other
thresholds or another bundle. It must not take anything of the killed one.
"""

from pathlib import Path

from tests.faults.builds import Done, World, check_nothing_left, command, prepare_world, start
from tests.faults.instructions import operation
from tests.faults.kill_points import KillPoint
from tests.faults.trial import Case, FaultError, Outcome, Trial

OPERATIONS = 60
"""A count has about as many file operations."""
STEP = 7
"""From one case to the next; without a common divisor with OPERATIONS."""
FIRST = 40
"""Case 0 is killed here: its blocks are finished, and no file of the count is."""
REFUSED, ANOTHER = "is writing this count", "holds another count"


def run(case: Case) -> Outcome:
    """Kill one count and run another one and the first again; or start both at once."""
    world, place = World(case.shared), case.folder / "place"
    place.mkdir()
    bundle, other = str(world.whole), str(world.other)
    first = ["count", bundle, "--above", "0", "--above", "1"]
    second = [
        ["count", bundle, "--above", "0", "--above", "1", "--partners", "3"],
        ["count", bundle, "--above", "0.5", "--above", "1.5"],
        ["count", other, "--above", "0", "--above", "1"],
    ][case.number // 2 % 3]
    wholes = [
        _whole(arguments, case.folder / f"{i}") for i, arguments in enumerate((first, second))
    ]
    out = place / "counts"
    commands = [[*arguments, "--out", str(out)] for arguments in (first, second)]
    if case.number % 2:
        return _at_once(case, commands, wholes, out)
    return _killed(case, commands, wholes, out)


def _killed(
    case: Case, commands: list[list[str]], wholes: list[dict[str, bytes]], out: Path
) -> Outcome:
    log = case.folder / "log"
    number = (FIRST + STEP * (case.number // 2)) % OPERATIONS
    point = KillPoint(out.parent, number=number, log=log)
    killed = start(commands[0], case.folder / "killed.log", point).wait()
    for i in (1, 0):
        done = command(commands[i], case.folder / f"after-{i}.log")
        _check(done, wholes[i], out, ANOTHER)
    expected = wholes[1] | wholes[0] if done.code == 0 else wholes[1]
    check_nothing_left(out, *expected)
    check_nothing_left(out.parent, out.name)
    return Outcome(f"killed {operation(log, killed.code, out.parent)}")


def _at_once(
    case: Case, commands: list[list[str]], wholes: list[dict[str, bytes]], out: Path
) -> Outcome:
    begun = [start(arguments, case.folder / f"{i}.log") for i, arguments in enumerate(commands)]
    ended = [count.wait() for count in begun]
    for done, whole in zip(ended, wholes, strict=True):
        _check(done, whole, out, REFUSED, ANOTHER)
    finished = [whole for done, whole in zip(ended, wholes, strict=True) if done.code == 0]
    if not finished:
        raise FaultError("Neither of two counts has finished.")
    check_nothing_left(out, *set().union(*finished))
    return Outcome(f"{len(finished)} of two at once finished")


def _whole(arguments: list[str], out: Path) -> dict[str, bytes]:
    """What an undisturbed count writes."""
    command([*arguments, "--out", str(out)], out.with_suffix(".whole")).check_message(0)
    return {file.name: file.read_bytes() for file in out.iterdir()}


def _check(done: Done, whole: dict[str, bytes], out: Path, *reasons: str) -> None:
    """Raise FaultError unless a count has written what it should, or was refused for a reason."""
    done.check_message(0, 1)
    if done.code == 1 and not any(reason in done.output for reason in reasons):
        raise FaultError(f"Refused for another reason: {done.output[-1500:]}")
    if done.code == 0 and any((out / name).read_bytes() != whole[name] for name in whole):
        raise FaultError("A wrong count was written.")


TRIAL = Trial("counts", 40, run, prepare_world)
