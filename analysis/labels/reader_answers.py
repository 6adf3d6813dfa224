"""The answers of readers to the intruder test, one JSON line each, outside of the bundle.

The folder is that of the environment variable `CLEARWATER_ANSWERS`, else the folder that the
platform has for the data of a user. Several processes may append at the same time.
"""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from analysis.runtime.errors import InputError

FOLDER = "CLEARWATER_ANSWERS"
"""Environment variable that names the folder of the answers."""
FILE = "intruder.jsonl"


@dataclass(frozen=True)
class Answer:
    """One answer; the fields are those of a line."""

    bundle: str
    """The id of the bundle."""
    subject: str
    """Such as "latent 12" or "cluster 5"."""
    seed: int
    """The seed of `blind_trials`."""
    trial: int
    """Which of its trials, counted from 0."""
    answer: int
    """The chosen context, counted from 1."""
    right: bool
    """Whether it is the foreign one."""
    seconds: float
    """Since the trial was shown."""
    date: str
    """When it was answered: ISO 8601, UTC."""


def answers_folder() -> Path:
    """The folder of the answers; it may not exist yet."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else platformdirs.user_data_path("clearwater")


def store_answer(answer: Answer) -> None:
    """Append one line: all of it or, if that fails, nothing.

    Raises InputError if the folder cannot be written.
    """
    line = (json.dumps(asdict(answer)) + "\n").encode()
    file = answers_folder() / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # The lock ends with the descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            end = os.fstat(descriptor).st_size
            if os.write(descriptor, line) < len(line):
                os.ftruncate(descriptor, end)
                raise OSError("the disk is full")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(
            f"{file}: answers cannot be stored ({error.strerror or error}), so this test is not "
            f"recorded; set {FOLDER} to a folder that can be written."
        ) from error
