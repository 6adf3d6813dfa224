"""The file that says who has which role, and who sees which bundle.

    [roles]
    reader = ["*"]                          # everybody who can log in
    annotator = ["group:interpretability"]
    operator = ["ann@lab.example"]

    [bundles."gemma-private"]               # the name of its folder, or its id
    see = ["group:gemma"]
    export = ["ann@lab.example"]            # without it: all who see the bundle

    [bundles."*"]                           # every bundle that is not named
    see = ["*"]

It is read again when it changes, so a right that is removed is gone within seconds. A file that has
become invalid is reported in the log, and the last valid one stays in force.
"""

import logging
import threading
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from analysis.runtime.errors import InputError
from analysis.serve.access.identity import EVERYBODY, GROUP, Identity
from analysis.serve.access.rights import ROLES, Action, Grant, Role, User

LOG = logging.getLogger("clearwater.access")
LARGEST_FILE = 1_000_000
"""Bytes."""
Members = frozenset[str]
"""Names in lower case, groups after `group:`, or `*` for everybody."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _in_lower_case(cls, value: Any) -> Any:
        """Names are compared without case; groups are not."""
        if not isinstance(value, frozenset):
            return value
        return frozenset(one if one.startswith(GROUP) else one.lower() for one in value)


class Roles(_Strict):
    """Who has each role; who has several has the one with the most rights."""

    reader: Members = frozenset()
    annotator: Members = frozenset()
    operator: Members = frozenset()


class BundleRights(_Strict):
    """Who may do what with a bundle; a role that does not have a right does not get it here."""

    see: Members
    export: Members | None = None
    """None: all who see it."""
    annotate: Members | None = None
    """None: all annotators who see it."""


class People(BaseModel):
    """The roles and rights of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: Roles = Roles()
    bundles: dict[str, BundleRights] = Field(min_length=1)

    def user(self, identity: Identity | None) -> User | None:
        """The user with this identity and the rights of now; None without a role."""
        if identity is None:
            return None
        names = {EVERYBODY, identity.name.lower(), *(GROUP + one for one in identity.groups)}
        given = [r for r in ROLES if not getattr(self.roles, r).isdisjoint(names)]
        roles = [*given, *([identity.role] if identity.role else [])]
        if not roles:
            return None
        role: Role = max(roles, key=ROLES.index)
        grants = [Grant(name, _actions(rights, names)) for name, rights in self.bundles.items()]
        return User(identity.name, role, tuple(grants))


def _actions(rights: BundleRights, names: set[str]) -> frozenset[Action]:
    if rights.see.isdisjoint(names):
        return frozenset()
    more: dict[Action, Members | None] = {"export": rights.export, "annotate": rights.annotate}
    also = {one for one, who in more.items() if who is None or not who.isdisjoint(names)}
    return frozenset({"see", *also})


def read_people(file: Path) -> People:
    """The people of a file. Raises InputError with one sentence if it cannot be used."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InputError(f"{file}: is too large for a file of people; correct it.")
        return People.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            f"{file}: the file of people cannot be read ({error.strerror}); correct the setting "
            "people."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not a text in UTF-8; correct it.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: is not valid TOML ({error}); correct it.") from error
    except ValidationError as error:
        raise InputError(f"{file}: {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"])) or "the file"
    if problem["type"] == "extra_forbidden":
        return f"{where[:80]!r} is not known; use roles (reader, annotator, operator) and bundles."
    if where == "bundles":
        return 'it names no bundle; add [bundles."*"] with see = ["*"] to show all to everybody.'
    message = str(problem["msg"])
    return f"{where[:80]!r} is wrong: {message[:1].lower()}{message[1:]}."


@dataclass
class CurrentPeople:
    """The people of a file as it is now. Thread-safe."""

    file: Path
    people: People
    problem: str
    """Why the file that is there now is not in force; empty if it is."""
    _state: tuple[int, int, int]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def user(self, identity: Identity | None) -> User | None:
        """The user with this identity, with the rights that the file gives now."""
        self._read_if_changed()
        return self.people.user(identity)

    def _read_if_changed(self) -> None:
        state = _state_of(self.file)
        if state == self._state:
            return
        with self._lock:
            if state == self._state:
                return
            try:
                self.people = read_people(self.file)
                self.problem = ""
                LOG.info("The file of people has changed and was read again.")
            except InputError as error:
                self.problem = str(error)
                LOG.error("%s The last valid file stays in force.", error)
            self._state = state


def open_people(file: Path) -> CurrentPeople:
    """The people of a file, to be read again when it changes. Raises InputError."""
    state = _state_of(file)
    return CurrentPeople(file, read_people(file), "", state)


@lru_cache(maxsize=4)
def people_of(file: Path) -> CurrentPeople:
    """The people of a file, the same for all callers of this process. Raises InputError."""
    return open_people(file)


def _state_of(file: Path) -> tuple[int, int, int]:
    try:
        state = file.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_mtime_ns, state.st_size, state.st_ino)
