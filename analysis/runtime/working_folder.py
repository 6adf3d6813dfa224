"""The folder in which a bundle is made, so that an interrupted build goes on where it was.

It lies beside the bundle's place as `.NAME.building` and holds `inputs.json` (what the build was
asked for), `shards/` (harvested activations), `scratch/` (tables between two steps), `tables/`
(the bundle to be) and `steps/` (one file for each finished step). A step that is found finished is
not run again; a folder that was made for other inputs is emptied first.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True)
class WorkingFolder:
    """A build under way."""

    path: Path

    @property
    def shards(self) -> Path:
        """Harvested activations in token order."""
        return self.path / "shards"

    @property
    def scratch(self) -> Path:
        """Tables that pass from one step to another and are not published."""
        return self.path / "scratch"

    @property
    def tables(self) -> Path:
        """The tables of the bundle; this folder is what gets published."""
        return self.path / "tables"

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        """Run a step unless it is finished already; return what it said, with its seconds.

        The step writes its tables itself and returns what fits in JSON. It counts as finished only
        when it has returned, so a step that was interrupted runs again from its beginning.
        """
        record = self._record(name)
        if record.exists():
            return self.said(name)
        started = time.perf_counter()
        result = step()
        result["seconds"] = round(time.perf_counter() - started, 3)
        unfinished = record.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(result), encoding="utf-8")
        unfinished.replace(record)
        return result

    def said(self, name: str) -> Result:
        """What a finished step returned."""
        result: Result = json.loads(self._record(name).read_text(encoding="utf-8"))
        return result

    def _record(self, name: str) -> Path:
        return self.path / "steps" / f"{name}.json"

    def finished(self) -> list[str]:
        """Names of the finished steps."""
        return sorted(file.stem for file in (self.path / "steps").glob("*.json"))

    def forget(self, name: str) -> None:
        """Let a finished step run again."""
        self._record(name).unlink()

    def remove(self) -> None:
        """Remove it after publishing."""
        shutil.rmtree(self.path, ignore_errors=True)


def open_working_folder(out: Path, inputs: Result) -> WorkingFolder:
    """The working folder of the bundle `out`, emptied if it was made for other inputs."""
    folder = WorkingFolder(out.parent / f".{out.name}.building")
    asked = json.dumps(inputs, sort_keys=True, indent=2)
    known = folder.path / "inputs.json"
    if known.exists() and known.read_text(encoding="utf-8") != asked:
        folder.remove()
    for part in (folder.shards, folder.scratch, folder.tables, folder.path / "steps"):
        part.mkdir(parents=True, exist_ok=True)
    known.write_text(asked, encoding="utf-8")
    return folder
