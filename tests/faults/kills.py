"""Builds that are killed (SIGKILL) at a random moment and run again, until one is finished."""

import time

from tests.faults.builds import World, check_equal, check_nothing_left, prepare_world, start
from tests.faults.trial import Case, FaultError, Outcome, Trial

LATEST = 1.1
"""Latest moment of a kill, as a fraction of the time of an undisturbed build."""
MOST_KILLS = 4


def run(case: Case) -> Outcome:
    """Kill a build up to four times, then let it finish; every tenth case harvests a model."""
    world, draw = World(case.shared), case.random()
    place = case.folder / "place"
    place.mkdir()
    out, kills = place / "bundle", 0
    text = case.number % 10 == 9
    arguments = world.text_arguments(out) if text else world.arguments(out)
    for attempt in range(MOST_KILLS + 1):
        build = start(arguments, case.folder / f"{attempt}.log")
        if attempt < MOST_KILLS:
            time.sleep(draw.uniform(0, LATEST * world.seconds))
            killed = build.process.is_alive()
            build.kill()
            kills += killed
            if killed:
                continue
        done = build.wait()
        if "already exists" not in done.output:
            done.check_message(0)
        break
    if not out.exists():
        raise FaultError(f"No bundle was published after {kills} kills.")
    check_equal(out, world.text if text else world.whole)
    check_nothing_left(place, "bundle")
    return Outcome(f"finished after {kills} kills")


TRIAL = Trial("kills", 50, run, prepare_world)
