"""The gate with a login of its own: what it hands on, refuses and closes.

`test_rights_matrix.py` asks a real server behind a proxy; here the login is OpenID Connect.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from analysis.serve.access.identity import Identity
from analysis.serve.access.rights import User
from analysis.serve.server_settings import ServerSettings
from analysis.serve.server_state import STATE
from pages.server import gate as gates
from pages.server.gate import RIGHTS_CHANGED, Gate, caller_of
from pages.server.requested_bundle import USER
from pages.widgets.current_user import HEADER, vouched_for
from tests.pages.server.team_server import PEOPLE

SEEN: list[Scope] = []


@pytest.fixture(autouse=True)
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "people.toml"
    file.write_text(PEOPLE, encoding="utf-8")
    monkeypatch.setenv("CLEARWATER_MODE", "team")
    monkeypatch.setenv("CLEARWATER_PEOPLE", str(file))
    SEEN.clear()
    yield file


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The claims of whoever asks; a test changes them."""
    current = {"email": "reader@lab.example", "exp": time.time() + 60}
    monkeypatch.setattr(gates, "claims_of_cookies", lambda _: current)
    return current


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The server behind the gate: it answers, or sends back what a socket receives."""
    SEEN.append(scope)
    if scope["type"] == "http":
        kind = b"text/html" if scope["path"] == "/" else b"text/plain"
        headers = [(b"content-type", kind), (b"cache-control", b"public, immutable")]
        status = 404 if scope["path"].endswith("/missing") else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"shown"})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message["bytes"]})


def scope_of(path: str, kind: str = "http", **headers: str) -> Scope:
    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    path, _, query = path.partition("?")
    client = ("127.0.0.1", 5)
    scope = {"type": kind, "path": path, "headers": raw, "client": client}
    return {**scope, "query_string": query.encode()}


def asked(
    path: str, base_path: str = "", login: Literal["oidc", "headers"] = "oidc", /, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def run() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        gate = Gate(app, ServerSettings(mode="team", login=login), base_path)
        await gate(scope_of(path, **headers), _never, send)

    asyncio.run(run())
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], fields, sent[1]["body"]


async def _never() -> Message:
    return {"type": "http.disconnect"}


def test_the_app_learns_who_asks_and_from_nobody_else(claims: dict[str, Any]) -> None:
    status, _, body = asked("/map-data/1/2", **{HEADER: "forged", "X_Clearwater_User": "forged"})
    assert (status, body) == (200, b"shown")
    (scope,) = SEEN
    assert isinstance(scope[USER], User) and scope[USER].role == "reader"
    own = [value.decode() for name, value in scope["headers"] if name == HEADER.encode()]
    identity = vouched_for(own[0])
    assert len(own) == 1 and identity is not None
    assert identity == Identity("reader@lab.example", expires=claims["exp"])
    names = [value for name, value in scope["headers"] if name.lower() == b"x-clearwater-user"]
    assert names == [b"reader@lab.example"]


@pytest.mark.parametrize("change", [{"exp": 0}, {"email": None}, {"email_verified": False}])
def test_who_is_not_logged_in_sees_the_frame_only(
    change: dict[str, Any], claims: dict[str, Any]
) -> None:
    claims |= change
    assert asked("/map-data/1/2")[0] == 401 and SEEN == []
    assert asked("/media/1.png")[0] == 401 and SEEN == []
    assert asked("/")[0] == 200 and SEEN[0][USER] is None


def test_who_has_no_role_is_told_so(claims: dict[str, Any]) -> None:
    claims["email"] = "stranger@lab.example"
    assert asked("/map-data/1/2")[0] == 403
    assert asked("/")[0] == 200  # the login page names the account


def test_metrics_are_for_operators(claims: dict[str, Any]) -> None:
    assert asked("/_stcore/metrics")[0] == 403
    assert asked("/metrics")[0] == 200  # a program of this machine
    for name in ("forwarded", "via", "x_forwarded_for", "x_real_ip"):
        assert asked("/metrics", **{name: "for=10.0.0.5"})[0] == 403
    claims["email"] = "operator@lab.example"
    assert asked("/_stcore/metrics")[0] == 200
    assert asked("/metrics", x_forwarded_for="10.0.0.5")[0] == 200


def test_a_file_is_given_to_nobody_who_was_not_sent_its_address(claims: dict[str, Any]) -> None:
    assert asked("/media/1.png")[0] == 404 and SEEN == []


def test_whom_a_proxy_does_not_name_is_asked_to_log_in_there() -> None:
    status, _, body = asked("/", "", "headers")
    assert (status, body.decode()) == (401, gates.NOBODY)


def test_what_browsers_keep(claims: dict[str, Any]) -> None:
    _, headers, _ = asked("/map-data/1/2")
    assert headers["cache-control"] == "private, no-cache"
    status, _, body = asked("/map-data/1/2", if_none_match=headers["etag"])
    assert (status, body) == (304, b"")
    assert asked("/map-data/1/3", if_none_match=headers["etag"])[0] == 200
    other = asked("/map-data/1/2?latent=3")[1]["etag"]
    assert asked("/map-data/1/2?latent=4", if_none_match=other)[0] == 200
    assert asked("/map-data/1/2?latent=3", if_none_match=other)[0] == 304
    status, headers, _ = asked("/map-data/1/missing")
    assert (status, headers["cache-control"]) == (404, "private, no-store")
    assert "etag" not in headers
    assert asked("/")[1]["cache-control"] == "no-store"
    assert asked("/static/x.js")[1]["cache-control"] == "public, immutable"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/lab", 200), ("/lab/", 200), ("/lab/map", 200), ("/map", 404), ("/labmap", 404)],
)
def test_a_base_path(path: str, status: int, claims: dict[str, Any]) -> None:
    assert asked(path, "/lab/")[0] == status


def test_a_socket_is_closed_when_the_rights_change(claims: dict[str, Any], people: Path) -> None:
    """Without a message, and before a message that has come meanwhile is read.

    The browser is told to load the page again: it would not ask by itself.
    """
    for with_message in (False, True):
        people.write_text(PEOPLE, encoding="utf-8")
        sent = asyncio.run(_talk(people, with_message))
        assert [m["type"] for m in sent[:2]] == ["websocket.accept", "websocket.send"]
        told, closed = sent[2:]
        message = ForwardMsg.FromString(told["bytes"])
        assert message.WhichOneof("type") == "auth_redirect" and message.auth_redirect.url == ""
        assert closed == {"type": "websocket.close", "code": RIGHTS_CHANGED}


async def _talk(people: Path, with_message: bool) -> list[Message]:
    sent: list[Message] = []
    coming: asyncio.Queue[Message] = asyncio.Queue()

    async def send(message: Message) -> None:
        sent.append(message)

    gate = Gate(app, ServerSettings(mode="team"), look_again=60 if with_message else 0.01)
    coming.put_nowait({"type": "websocket.receive", "bytes": b"/media/1.png"})
    running = asyncio.create_task(gate(scope_of("/_stcore/stream", "websocket"), coming.get, send))
    while len(sent) < 2:
        await asyncio.sleep(0.01)
    reader = SEEN[-1][USER]
    assert gate.sent_files.were_sent(reader, "/media/1.png")
    people.write_text(PEOPLE.replace('"reader@lab.example", ', ""), encoding="utf-8")
    if with_message:
        coming.put_nowait({"type": "websocket.receive", "bytes": b"too late"})
    await asyncio.wait_for(running, 10)
    return sent


def test_a_socket_is_closed_when_the_login_expires(claims: dict[str, Any]) -> None:
    claims["exp"] = time.time() + 0.2

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        gate = Gate(app, ServerSettings(mode="team"), look_again=0.01)
        scope = scope_of("/_stcore/stream", "websocket")
        await asyncio.wait_for(gate(scope, asyncio.Queue[Message]().get, send), 10)
        return sent

    assert asyncio.run(run())[-1] == {"type": "websocket.close", "code": RIGHTS_CHANGED}


def test_a_socket_ends_with_its_browser(claims: dict[str, Any]) -> None:
    async def run() -> list[Message]:
        sent: list[Message] = []
        coming: list[Message] = [
            {"type": "websocket.receive", "bytes": b"1"},
            {"type": "websocket.disconnect", "code": 1001},
        ]

        async def receive() -> Message:
            return coming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await Gate(app, ServerSettings(mode="team"))(
            scope_of("/_stcore/stream", "websocket"), receive, send
        )
        return sent

    assert [m["type"] for m in asyncio.run(run())] == ["websocket.accept", "websocket.send"]


def test_a_socket_that_was_not_accepted_is_only_closed(
    claims: dict[str, Any], people: Path
) -> None:
    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        gate = Gate(waiting, ServerSettings(mode="team"), look_again=0.01)
        socket = scope_of("/_stcore/stream", "websocket")
        running = asyncio.create_task(gate(socket, asyncio.Queue[Message]().get, send))
        await asyncio.sleep(0.02)
        people.write_text(PEOPLE.replace("reader@", "former@"), encoding="utf-8")
        await asyncio.wait_for(running, 10)
        return sent

    assert asyncio.run(run()) == [{"type": "websocket.close", "code": RIGHTS_CHANGED}]


def test_a_full_server_turns_away_who_has_no_page_open(claims: dict[str, Any]) -> None:
    def opened(limit: int, path: str = "/map", kind: str = "http") -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = scope_of(path, kind, accept="text/html")
        gate = Gate(app, ServerSettings(mode="team", most_pages=limit))
        asyncio.run(gate(scope, _never, send))
        status: int = sent[0].get("status") or sent[0].get("code") or 200
        return status

    with STATE.open_page("somebody@lab.example", "reader"):
        assert [opened(limit) for limit in (0, 1, 2)] == [200, 503, 200]
        assert opened(1, "/map-data/1/2") == 200  # of a page that is open
        assert opened(1, "/_stcore/stream", "websocket") == 1013
        with STATE.open_page("reader@lab.example", "reader"):
            assert opened(1) == 200  # it loads its page again
            assert opened(1, "/_stcore/stream", "websocket") == 1013


def test_a_logout_ends_the_login_also_for_open_pages_and_copies_of_the_cookie(
    claims: dict[str, Any],
) -> None:
    async def run() -> tuple[list[Message], list[int]]:
        sent: list[Message] = []
        statuses: list[int] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        gate = Gate(app, ServerSettings(mode="team"), look_again=0.01)
        socket = scope_of("/_stcore/stream", "websocket")
        running = asyncio.create_task(gate(socket, asyncio.Queue[Message]().get, send))
        while not sent:
            await asyncio.sleep(0.01)
        for path in ("/map-data/1/2", "/auth/logout", "/map-data/1/2"):
            await gate(scope_of(path), _never, note)
        await asyncio.wait_for(running, 10)
        claims["exp"] += 1  # another login of the same person
        await gate(scope_of("/map-data/1/2"), _never, note)
        return sent, statuses

    sent, statuses = asyncio.run(run())
    assert statuses == [200, 200, 401, 200]
    assert sent[-1] == {"type": "websocket.close", "code": RIGHTS_CHANGED}


@pytest.mark.parametrize(
    ("headers", "name", "refusal"),
    [
        ({"X_Forwarded_Email": "ada"}, "ada", ""),
        ({}, None, gates.NOBODY),
        ({"X_Forwarded_Email": "a" * 500}, None, gates.NOBODY),
    ],
)
def test_a_proxy_of_this_machine(headers: dict[str, str], name: str | None, refusal: str) -> None:
    settings = ServerSettings(mode="team", login="headers")
    lower = {key.lower(): value for key, value in headers.items()}
    caller = caller_of(scope_of("/", **lower), settings)
    assert (caller.identity and caller.identity.name, caller.refusal) == (name, refusal)
    far: Scope = {**scope_of("/", **lower), "client": ("10.0.0.5", 5)}
    assert caller_of(far, settings) == gates.Caller(None, gates.PAST_PROXY)
    assert caller_of({**far, "client": None}, settings).refusal == gates.PAST_PROXY
