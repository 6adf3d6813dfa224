"""A running server of a team with two bundles and people of every kind, for tests."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from analysis.bundle import folder_identity
from bench.server import ROOT, Server, started

BUNDLES = ROOT / "tests" / "bundles"
PEOPLE = """
[roles]
reader = ["reader@lab.example", "looker@lab.example"]
annotator = ["group:inner"]
operator = ["operator@lab.example"]

[bundles.schema-3]
see = ["*"]
export = ["reader@lab.example", "group:inner"]

[bundles.schema-2]
see = ["group:inner"]
"""


class Bundle(NamedTuple):
    """A bundle of the server: its folder and its id."""

    name: str
    id: str

    @property
    def content(self) -> str:
        """The identity of its files, which depends on the checkout."""
        return folder_identity(BUNDLES / self.name)


OPEN = Bundle("schema-3", "9d4a144446c832c0")
"""Everybody with a role sees it; `looker` may not export."""
CLOSED = Bundle("schema-2", "9b221995a00ae284")
"""The group `inner` and operators see it."""


class Answer(NamedTuple):
    """What the server has answered."""

    status: int
    headers: Message
    """Names without regard to case."""
    body: bytes


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """The settings of the server, whose people are in `folder`."""
    people = folder / "people.toml"
    if not people.exists():
        people.write_text(PEOPLE, encoding="utf-8")
    given = {"mode": "team", "login": "headers", "people": str(people)} | settings
    more = {
        "CLEARWATER_NOTES": f"sqlite:///{folder / 'notes.sqlite'}",
        "CLEARWATER_STATE": str(folder),
        "FORWARDED_ALLOW_IPS": "",
    }
    return more | {f"CLEARWATER_{name.upper()}": value for name, value in given.items()}


@contextmanager
def team_server(folder: Path, **settings: str) -> Iterator[Server]:
    """A server that believes the headers of this machine."""
    with started(
        BUNDLES, folder / "log.txt", environment=environment(folder, **settings)
    ) as server:
        yield server


def named(name: str, *groups: str) -> dict[str, str]:
    """The headers with which a proxy names a user; nobody without a name."""
    if not name:
        return {}
    return {"X-Forwarded-Email": name, "X-Forwarded-Groups": ",".join(groups)}


def ask(server: str, path: str, headers: Mapping[str, str], method: str = "GET") -> Answer:
    """The answer to a request, whatever its status; redirections are not followed."""
    request = urllib.request.Request(f"{server}{path}", headers=dict(headers), method=method)
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay)
