"""Two processes that write one bundle at once: one is refused with a sentence, one finishes."""

import time

from tests.faults.builds import (
    Done,
    World,
    check_equal,
    check_nothing_left,
    command,
    prepare_world,
    start,
)
from tests.faults.trial import Case, FaultError, Outcome, Trial

REFUSED = "is writing this bundle"
EXISTS = "already exists"


def run(case: Case) -> Outcome:
    """Start two builds, of the same or another seed, or a build and a refresh.

    In every fourth case the first process is killed, and then the second command is run again.
    """
    world, draw = World(case.shared), case.random()
    place = case.folder / "place"
    place.mkdir()
    out = place / "bundle"
    wholes = [world.whole, world.other if case.number % 2 else world.whole]
    commands = [world.arguments(out), world.arguments(out, seed=7 if case.number % 2 else 0)]
    if case.number % 10 == 4:
        commands[1] = world.refresh(out)
    first = start(commands[0], case.folder / "first.log")
    time.sleep(draw.uniform(0, 0.8 * world.seconds))
    second = start(commands[1], case.folder / "second.log")
    if case.number % 4 == 3:
        time.sleep(0.3 * world.seconds)
        first.kill()
        refused = second.wait()
        refused.check_message(0, 1)
        again = command(commands[1], case.folder / "again.log")
        again.check_message(0, 1)
        if again.code == 1 and EXISTS not in again.output:
            raise FaultError(f"Refused after the first process was killed: {again.sentence}")
        # The first may have published its bundle before it was killed.
        by_second = 0 in (refused.code, again.code)
        check_equal(out, wholes[1] if by_second else wholes[0])
        check_nothing_left(place, "bundle")
        return Outcome("the second takes over from a killed one")
    ended = [first.wait(), second.wait()]
    for done in ended:
        done.check_message(0, 1)
        if done.code == 1 and REFUSED not in done.output and EXISTS not in done.output:
            raise FaultError(f"Refused for another reason: {done.output[-1500:]}")
    finished = [done.code == 0 for done in ended]
    if sum(finished) != 1:
        raise FaultError(f"{sum(finished)} of two processes finished the same bundle.")
    check_equal(out, wholes[finished.index(True)])
    check_nothing_left(place, "bundle")
    return Outcome(f"the {_place(finished)} finishes, the other is told: {_reason(ended)}")


def _place(finished: list[bool]) -> str:
    return ("first", "second")[finished.index(True)]


def _reason(ended: list[Done]) -> str:
    return EXISTS if any(EXISTS in done.output for done in ended) else REFUSED


TRIAL = Trial("pairs", 20, run, prepare_world)
