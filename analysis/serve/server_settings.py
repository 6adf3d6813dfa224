"""The settings of the dashboard's server: a TOML file, and environment variables that precede it.

    # clearwater.toml
    notes = "sqlite:////var/lib/clearwater/notes.sqlite"

`CLEARWATER_SETTINGS` names the file. The variable of a setting is its name in upper case after
`CLEARWATER_`, such as `CLEARWATER_NOTES`. Without any of them, Clearwater is in the mode *local*:
one person, this machine, no login. In the mode *team* everybody logs in, and the file of people
says who may do what.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from analysis.notes.address import check_address, local_address
from analysis.runtime.errors import InputError
from analysis.serve.addresses import is_loopback, is_network

PREFIX = "CLEARWATER_"
FILE = f"{PREFIX}SETTINGS"
"""Environment variable that names the settings file."""
LARGEST_FILE = 1_000_000
"""Bytes."""
SHORTEST_SECRET = 24
"""Characters."""
MOST_JOBS_OF_TEAM = 4
"""Exports and computations that one of many readers can have in the line."""


class ServerSettings(BaseModel):
    """The settings of one server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["local", "team"] = Field(
        default="local",
        description="local: one person, this machine, no login; team: everybody logs in",
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
    people: Path | None = Field(
        default=None, description="file that says who has which role and sees which bundle"
    )
    login: Literal["oidc", "headers"] = Field(
        default="oidc",
        description="oidc: OpenID Connect, by Streamlit; headers: a proxy names the user",
    )
    provider: str = Field(
        default="", description="the section [auth.NAME] of secrets.toml; empty: [auth] itself"
    )
    name_claim: str = Field(default="email", min_length=1, description="claim: name of the user")
    groups_claim: str = Field(default="groups", description="claim: groups of the user")
    role_claim: str = Field(
        default="", description="claim or header: role of the user; empty: only the file of people"
    )
    user_header: str = Field(
        default="X-Forwarded-Email", min_length=1, description="header: name of the user"
    )
    groups_header: str = Field(
        default="X-Forwarded-Groups", description="header: groups of the user"
    )
    proxies: tuple[str, ...] = Field(
        default=("127.0.0.1", "::1"), description="addresses or networks of trusted proxies"
    )
    proxy_secret: str = Field(
        default="", description="what a trusted proxy sends as X-Clearwater-Proxy-Secret"
    )
    most_pages: int = Field(
        default=0,
        ge=0,
        description="pages that one process of a team has open at once; 0: as many as come",
    )
    bundle_memory: int = Field(
        default=2000,
        ge=1,
        description="megabytes of tables that one server process keeps of its open bundles",
    )
    prepare_seconds: int = Field(
        default=10,
        ge=0,
        le=600,
        description="seconds that several processes have to open bundles and run their pages "
        "before readers are sent to them; 0: none",
    )
    state: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("clearwater"),
        description="folder of what the processes of a team share: logouts",
    )
    job_processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="processes in which one server process makes pictures and computes clusters",
    )
    job_seconds: int = Field(
        default=120, ge=1, description="seconds that one of these jobs may take"
    )
    most_jobs: int | None = Field(
        default=None,
        ge=0,
        description="jobs of one user that wait or run at once; 0: no limit; by default 4 in the "
        "mode team",
    )
    logout_address: str = Field(
        default="", description="where a proxy logs its user out, such as /oauth2/sign_out"
    )

    @property
    def is_team(self) -> bool:
        """Whether everybody must log in."""
        return self.mode == "team"

    @property
    def links_to_other_sites(self) -> bool:
        """Whether pages link to other sites."""
        return self.mode == "local" if self.links_out is None else self.links_out

    @property
    def most_jobs_of_user(self) -> int:
        """Jobs of one user that wait or run at once; 0: no limit."""
        if self.most_jobs is None:
            return MOST_JOBS_OF_TEAM if self.is_team else 0
        return self.most_jobs

    @field_validator("proxies", mode="before")
    @classmethod
    def _listed(cls, given: object) -> object:
        return [one.strip() for one in given.split(",")] if isinstance(given, str) else given

    @field_validator("proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            if not is_network(one):
                raise InputError(f"{one[:60]!r} is no address and no network such as 10.0.0.0/24.")
        return given

    @field_validator("proxy_secret")
    @classmethod
    def _long(cls, secret: str) -> str:
        if secret and len(secret) < SHORTEST_SECRET:
            raise InputError(f"It is shorter than {SHORTEST_SECRET} characters; make a longer one.")
        return secret

    @field_validator("notes")
    @classmethod
    def _readable(cls, address: str) -> str:
        check_address(address)
        return address


_VARIABLES = (FILE, *(f"{PREFIX}{name.upper()}" for name in ServerSettings.model_fields))


def server_settings() -> ServerSettings:
    """The settings of this process, read once; InputError as `read_settings`."""
    return _once(tuple(map(os.environ.get, _VARIABLES)))


@lru_cache(maxsize=8)
def _once(texts: tuple[str | None, ...]) -> ServerSettings:
    given = zip(_VARIABLES, texts, strict=True)
    return read_settings({name: text for name, text in given if text is not None})


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
        settings = ServerSettings.model_validate({**stored, **given})
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        source = f"{PREFIX}{name.upper()}" if name in given else str(file)
        raise InputError(f"{source}: {_sentence(name, problem)}") from error
    if settings.is_team:
        _check_team(settings)
    return settings


def check_reach(settings: ServerSettings, address: str) -> None:
    """Raise InputError if the server would believe headers of anybody who reaches `address`."""
    believes = settings.is_team and settings.login == "headers" and not settings.proxy_secret
    if believes and not is_loopback(address):
        raise InputError(
            f"With login = headers, everybody who reaches {address} could name themselves; listen "
            "on 127.0.0.1, or give a proxy_secret that only the proxy knows."
        )


def _check_team(settings: ServerSettings) -> None:
    """Raise InputError if settings of a team are missing, or do not go together."""
    if settings.people is None:
        raise InputError(
            "The mode team needs the setting people: a file that says who has which role; see "
            "docs/deployment.md."
        )
    far = [one for one in settings.proxies if not is_loopback(one.split("/")[0])]
    if settings.login == "headers" and far and not settings.proxy_secret:
        raise InputError(
            f"The proxy {far[0]} is on another machine, whose headers anybody could send; give a "
            "proxy_secret that only the proxy knows."
        )


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
