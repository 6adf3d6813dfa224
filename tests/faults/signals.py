"""Builds that are asked to end, by SIGTERM or Ctrl-C, at a random moment, and resumed."""

import os
import signal
import time

from tests.faults.builds import (
    World,
    check_equal,
    check_nothing_left,
    command,
    prepare_world,
    start,
)
from tests.faults.trial import Case, FaultError, Outcome, Trial

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
SENTENCE = "Stopped. Run the same command to resume."


def run(case: Case) -> Outcome:
    """Send one signal; every third case goes through the harvest of a model."""
    world, draw = World(case.shared), case.random()
    place = case.folder / "place"
    place.mkdir()
    out = place / "bundle"
    text = case.number % 3 == 2
    arguments = world.text_arguments(out) if text else world.arguments(out)
    sent = (signal.SIGTERM, signal.SIGINT)[case.number % 2]
    build = start(arguments, case.folder / "stopped.log")
    while build.process.is_alive() and not (place / ".bundle.lock").exists():
        time.sleep(0.001)  # before, the command line is being read
    time.sleep(draw.uniform(0, 0.9 * world.seconds))
    if build.process.pid is not None and build.process.is_alive():
        os.kill(build.process.pid, sent)
    stopped = build.wait()
    stopped.check_message(0, CODES[sent])
    if stopped.code and SENTENCE not in stopped.output:
        raise FaultError(f"It does not say how to resume: {stopped.output[-1000:]}")
    if (place / ".bundle.lock").exists():
        raise FaultError("The lock is left.")
    if not out.exists():
        command(arguments, case.folder / "again.log").check_message(0)
    check_equal(out, world.text if text else world.whole)
    check_nothing_left(place, "bundle")
    return Outcome(f"{sent.name}: exit code {stopped.code}, then finished")


TRIAL = Trial("signals", 12, run, prepare_world)
