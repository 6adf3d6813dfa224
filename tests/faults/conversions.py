"""Conversions (`clearwater convert`) that are killed between two file operations, and two at once.

The folder has both files of one SAE, or does not exist.
"""

from pathlib import Path

from tests.faults.builds import World, check_nothing_left, command, prepare_world, start
from tests.faults.instructions import operation
from tests.faults.kill_points import KillPoint
from tests.faults.trial import Case, FaultError, Outcome, Trial

OPERATIONS = 12
"""A conversion has about as many file operations."""
FIRST = 6
"""Case 0 is killed here: the first file is written."""
REFUSED, EXISTS = "is writing this SAE", "already exists"


def run(case: Case) -> Outcome:
    """Kill one conversion and run another one; or start two at once."""
    world, place = World(case.shared), case.folder / "place"
    place.mkdir()
    out, saes = place / "converted", (world.folder / "sae", world.folder / "text-sae")
    wholes = []
    for sae in saes:
        whole = case.folder / sae.name
        arguments = ["convert", str(sae), "--out", str(whole)]
        command(arguments, case.folder / f"{sae.name}.log").check_message(0)
        wholes.append(_content(whole))
    commands = [["convert", str(sae), "--out", str(out)] for sae in saes]
    if case.number % 2:
        begun = [start(arguments, case.folder / f"{i}.log") for i, arguments in enumerate(commands)]
        ended = [conversion.wait() for conversion in begun]
        if sum(done.code == 0 for done in ended) != 1:
            raise FaultError("Not one of two conversions at once has finished, but none or both.")
        expected, note = wholes[[done.code for done in ended].index(0)], "one of two finished"
    else:
        log = case.folder / "log"
        point = KillPoint(place, number=(FIRST + case.number // 2) % OPERATIONS, log=log)
        killed = start(commands[0], case.folder / "killed.log", point).wait()
        expected = wholes[0] if out.exists() else wholes[1]
        ended = [command(commands[1], case.folder / "after.log")]
        note = f"killed {operation(log, killed.code, place)}"
    for done in ended:
        done.check_message(0, 1)
        if done.code == 1 and REFUSED not in done.output and EXISTS not in done.output:
            raise FaultError(f"Refused for another reason: {done.output[-1500:]}")
    if _content(out) != expected:
        raise FaultError("The folder does not hold what one conversion writes.")
    check_nothing_left(place, out.name)
    return Outcome(note)


def _content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


TRIAL = Trial("conversions", 24, run, prepare_world)
