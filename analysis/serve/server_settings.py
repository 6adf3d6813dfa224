"""The settings of the dashboard's server: a TOML file, and environment variables that precede it.

    # clearwater.toml
    notes = "sqlite:////var/lib/clearwater/notes.sqlite"

`CLEARWATER_SETTINGS` names the file. The variable of a setting is its name in upper case after
`CLEARWATER_`, such as `CLEARWATER_NOTES`. Without any of them, Clearwater is in the mode *local*:
one person, this machine, no login.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from analysis.notes.address import check_address, local_address
from analysis.runtime.errors import InputError

PREFIX = "CLEARWATER_"
FILE = f"{PREFIX}SETTINGS"
"""Environment variable that names the settings file."""
LARGEST_FILE = 1_000_000
"""Bytes."""


class ServerSettings(BaseModel):
    """The settings of one server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["local"] = Field(
        default="local", description="local: one person, this machine, no login"
    )
    notes: str = Field(
        default_factory=local_address,
        description="address of the notes database, such as sqlite:////path/notes.sqlite or "
        "postgresql://user@host/database",
    )

    links_out: bool | None = Field(
        default=None,
        description="whether pages link to neuronpedia.org; by default only in the mode local",
    )

    @property
    def links_to_other_sites(self) -> bool:
        """Whether pages link to other sites."""
        return self.mode == "local" if self.links_out is None else self.links_out

    @field_validator("notes")
    @classmethod
    def _readable(cls, address: str) -> str:
        check_address(address)
        return address


def server_settings() -> ServerSettings:
    """The settings of this process, read once; InputError as `read_settings`."""
    return _once(tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(PREFIX))))


@lru_cache(maxsize=8)
def _once(variables: tuple[tuple[str, str], ...]) -> ServerSettings:
    return read_settings(dict(variables))


def read_settings(variables: Mapping[str, str]) -> ServerSettings:
    """The settings that environment variables and the file that they name give.

    Raises InputError with one sentence that names the file or variable, and the setting, if the
    file cannot be read or a setting is unknown or wrong.
    """
    file = variables.get(FILE)
    stored = _read(Path(file)) if file else {}
    known = ServerSettings.model_fields
    given = {name: text for name in known if (text := variables.get(f"{PREFIX}{name.upper()}"))}
    try:
        return ServerSettings.model_validate({**stored, **given})
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        source = f"{PREFIX}{name.upper()}" if name in given else str(file)
        raise InputError(f"{source}: {_sentence(name, problem)}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InputError(f"{file}: is too large for a file of settings; check {FILE}.")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{file}: the settings cannot be read ({error.strerror}); correct {FILE}."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not a text in UTF-8, as settings are.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: is not valid TOML ({error}); correct it.") from error


def _sentence(name: str, problem: Mapping[str, Any]) -> str:
    """What is wrong with a setting, without its value, which may be a password."""
    if problem["type"] == "extra_forbidden":
        known = list(ServerSettings.model_fields)
        meant = get_close_matches(name, known, n=1) or known
        return f"there is no setting {name[:40]!r}; did you mean {' or '.join(meant)}?"
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return f"the setting {name} is wrong. {cause}"
    message = str(problem["msg"])
    return f"the setting {name} is wrong: {message[:1].lower()}{message[1:]}."
