"""The folder in which a bundle is made, so that an interrupted build can be resumed.

It is next to the bundle's folder, is called `.NAME.building`, and holds `inputs.json` (what the
bundle depends on), `shards/` (harvested activations), `scratch/` (tables that pass between steps),
`tables/` (the tables of the bundle) and `steps/` (one record for each finished step). A finished
step is skipped. A folder that was made for other inputs is emptied first.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class StepRecord(BaseModel):
    """What a finished step leaves for later steps and for the manifest; subclasses add fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(default=0.0, ge=0, description="wall-clock time of the step")


R = TypeVar("R", bound=StepRecord)


@dataclass(frozen=True)
class RecordFile(Generic[R]):
    """The record of one step: the step's name and the model that its file is checked against."""

    step: str
    kind: type[R]

    @property
    def path(self) -> str:
        """Relative to the working folder."""
        return f"steps/{self.step}.json"


@dataclass(frozen=True)
class WorkingFolder:
    """The folder of an unfinished bundle."""

    path: Path

    @property
    def tables(self) -> Path:
        """The tables of the bundle; this folder is published."""
        return self.path / "tables"

    def run(
        self, record: RecordFile[R], step: Callable[[], R], writes: Iterable[Path] = ()
    ) -> tuple[R, bool]:
        """The step's record, and whether the step ran now; a finished step is not run again.

        A step is finished when it has returned, so an interrupted step starts from its beginning.
        It also runs again if its record is damaged or one of the files that it `writes` is gone.
        Raises RuntimeError if the step returned without writing them all.
        """
        writes = list(writes)
        known = self.read(record)
        if known is not None and all(file.exists() for file in writes):
            return known, False
        file = self.path / record.path
        file.unlink(missing_ok=True)
        started = time.perf_counter()
        returned = step()
        if missing := [str(file) for file in writes if not file.exists()]:
            raise RuntimeError(f"The step {record.step} did not write {', '.join(missing)}.")
        seconds = round(time.perf_counter() - started, 3)
        returned = returned.model_copy(update={"seconds": seconds})
        unfinished = file.with_suffix(".unfinished")
        # json, unlike pydantic, keeps NaN apart from null.
        unfinished.write_text(json.dumps(returned.model_dump(mode="json")), encoding="utf-8")
        unfinished.replace(file)
        return returned, True

    def read(self, record: RecordFile[R]) -> R | None:
        """The record of a finished step; None if there is no valid record."""
        try:
            text = (self.path / record.path).read_text(encoding="utf-8")
            return record.kind.model_validate_json(text)
        except (FileNotFoundError, UnicodeDecodeError, ValidationError):
            return None

    def forget(self, record: RecordFile[R]) -> None:
        """Let a step run again."""
        (self.path / record.path).unlink(missing_ok=True)

    def has_records(self) -> bool:
        """Whether any step is finished."""
        return any((self.path / "steps").glob("*.json"))

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def open_working_folder(out: Path, inputs: BaseModel) -> WorkingFolder:
    """The working folder of the bundle `out`, emptied if it was made for other inputs."""
    folder = WorkingFolder(out.parent / f".{out.name}.building")
    wanted = inputs.model_dump_json(indent=2)
    stored = folder.path / "inputs.json"
    if folder.path.exists() and not (stored.exists() and stored.read_text("utf-8") == wanted):
        folder.remove()
    for part in ("shards", "scratch", "tables", "steps"):
        (folder.path / part).mkdir(parents=True, exist_ok=True)
    stored.write_text(wanted, encoding="utf-8")
    return folder
