"""Working folders with damaged or missing files: what is damaged is made again.

The folders are those of killed builds: with all steps finished, with the last steps missing, in the
middle of counting partners, and in the middle of a harvest.
"""

import random
import shutil
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

KINDS = ("finished", "finished", "cut short", "counting", "harvesting")
DAMAGES = ("flipped", "zeroed", "cut off", "removed", "emptied", "lengthened")
MOST_FILES = 3


def prepare_left(folder: Path) -> None:
    """Working folders of builds that were killed at three places."""
    world = World(folder)
    for name, after, number in (
        ("finished", "manifest.json", 0),
        ("counting", "scratch/partners/tokens", 14),
        ("harvesting", "000001.arrow", 0),
    ):
        place = folder / "left" / name
        place.mkdir(parents=True)
        text = name == "harvesting"
        arguments = (world.text_arguments if text else world.arguments)(place / "bundle")
        point = KillPoint(place, after, number)
        done = start(arguments, folder / f"{name}.log", point).wait()
        if done.code != -9:
            raise RuntimeError(f"The build was not killed while {name}: {done.output}")


def run(case: Case) -> Outcome:
    """Damage up to three files of a working folder and resume."""
    world, draw = World(case.shared), case.random()
    kind = KINDS[case.number % len(KINDS)]
    place = case.folder / "place"
    source = "finished" if kind == "cut short" else kind
    shutil.copytree(case.shared / "left" / source, place)
    out, work = place / "bundle", place / ".bundle.building"
    if kind == "cut short":
        records = sorted((work / "steps").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for record in records[draw.randrange(1, len(records)) :]:
            record.unlink()
    files = sorted(file for file in work.rglob("*") if file.is_file())
    damages = [
        f"{damage(file, draw)} {file.relative_to(work)}"
        for file in draw.sample(files, draw.randint(1, MOST_FILES))
    ]
    text = kind == "harvesting"
    arguments = world.text_arguments(out) if text else world.arguments(out)
    done = command(arguments, case.folder / "log")
    try:
        done.check_message(0)
        check_equal(out, world.text if text else world.whole)
        check_nothing_left(place, "bundle")
    except FaultError as fault:
        raise FaultError(f"{kind}, with {', '.join(damages)}: {fault}") from fault
    return Outcome(f"{kind}: made again")


def damage(file: Path, draw: random.Random) -> str:
    """Damage a file; returns how."""
    kind, content = draw.choice(DAMAGES), bytearray(file.read_bytes())
    place = draw.randrange(max(1, len(content)))
    match kind:
        case "removed":
            file.unlink()
            return kind
        case "flipped" if content:
            content[place] ^= 1 << draw.randrange(8)
        case "zeroed":
            length = min(draw.choice((1, 64, 4096)), len(content) - place)
            content[place : place + length] = bytes(length)
        case "cut off":
            del content[place:]
        case "lengthened":
            content += draw.randbytes(16)
        case _:
            content.clear()
    file.write_bytes(content)
    return kind


TRIAL = Trial("corrupted", 100, run, prepare_world, prepare_left)
