"""Who is admitted, in the mode *team*: every request and every message passes here first.

The gate finds out who somebody is, from Streamlit's cookie of OpenID Connect or from the headers of
a trusted proxy, and says so to the pages in a header (`pages/widgets/current_user.py`). It refuses
what `route_levels.py` does not allow. A WebSocket is closed as soon as its user has other rights
than at its start, so that no page, no callback and no fragment runs with rights that are gone; the
browser then loads the page again, with the rights of now.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from analysis.serve.access.identity import Identity, identity_of_claims
from analysis.serve.access.logouts import Logouts
from analysis.serve.access.proxy import identity_of_headers, is_from_proxy
from analysis.serve.access.rights import User, may
from analysis.serve.addresses import is_loopback
from analysis.serve.server_settings import ServerSettings
from analysis.serve.server_state import STATE
from pages.server.login_cookie import claims_of_cookies
from pages.server.requested_bundle import USER
from pages.server.route_levels import ALWAYS, Level, level_of
from pages.server.sent_files import SentFiles
from pages.server.turn_away import turn_away
from pages.server.wanted_link import answer_with_link, opens_a_page, remembering
from pages.widgets.current_user import HEADER, REFUSED, user_of, vouched

LOG = logging.getLogger("clearwater.access")
LOOK_AGAIN = 2.0
"""Seconds after which the rights of an open WebSocket are compared with those of now."""
RIGHTS_CHANGED = 4001
"""Why a WebSocket is closed."""
NAME_HEADER = "x-clearwater-user"
"""Streamlit resumes a session only for the same value (`server.trustedUserHeaders`)."""
_FORWARDED = frozenset((b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"))
"""Headers of requests that have come through a proxy."""
LOGOUT = "/auth/logout"
UNKNOWN = "There is nothing at this address."
LOG_IN = "You are not logged in; open the dashboard and log in."
NOBODY = "Your proxy has not said who you are; log in there first."
NO_ROLE = "Your account has no role on this server; ask the operator for one."
PAST_PROXY = "This server answers only through its proxy."


@dataclass(frozen=True)
class Caller:
    """Who has sent a request."""

    identity: Identity | None
    refusal: str = ""
    """Why the pages are not shown to this caller either; empty: a login page may be shown."""

    @property
    def user(self) -> User | None:
        """The user, with the rights of now."""
        return user_of(self.identity)


class Gate:
    """A middleware that admits who may come in; it must be the first one."""

    def __init__(
        self,
        app: ASGIApp,
        settings: ServerSettings,
        base_path: str = "",
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self.app = app
        self.settings = settings
        self.base_path = f"/{base_path.strip('/')}" if base_path.strip("/") else ""
        self.look_again = look_again
        self.sent_files = SentFiles()
        self.logouts = Logouts(settings.state / "logouts")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        caller = self._unless_logged_out(caller_of(scope, self.settings))
        user = caller.user
        inner = {**scope, "headers": _with_identity(scope["headers"], caller), USER: user}
        path = _below(scope["path"], self.base_path)
        if path == LOGOUT and self.settings.login == "oidc" and caller.identity is not None:
            self.logouts.add(caller.identity)
        if refused := self._refusal(scope, path, caller, user):
            STATE.count(f"refused with {refused[0]}")
            await _refuse(*refused, scope, receive, send)
        elif self._is_full(scope, path, user):
            STATE.count("turned away")
            await turn_away(scope, receive, send)
        elif scope["type"] == "websocket":
            with STATE.open_page(*((user.name, user.role) if user else ("", ""))):
                await _Socket(self, caller, user, receive, send).run(inner)
        elif opens_a_page(scope, path):
            await self._show_page(inner, path, user, receive, send)
        elif level_of(path) == "public":
            await self.app(inner, receive, _never_stored(send))
        else:
            await self.app(inner, receive, _private(inner, send))

    async def _show_page(
        self, inner: Scope, path: str, user: User | None, receive: Receive, send: Send
    ) -> None:
        """Send the frame of the pages; somebody who has just logged in goes to their link."""
        if user is not None:
            link = answer_with_link(inner, path, self.base_path)
            await (link or self.app)(inner, receive, _never_stored(send))
        else:
            kept = remembering(inner, path, self.base_path, _never_stored(send))
            await self.app(inner, receive, kept)

    def _is_full(self, scope: Scope, path: str, user: User | None) -> bool:
        """Whether a page cannot be opened now; who has one open may load it again."""
        limit = self.settings.most_pages
        if not limit or not (scope["type"] == "websocket" or opens_a_page(scope, path)):
            return False
        open_now = STATE.open_pages()
        name = user.name if user else ""
        has_one = scope["type"] == "http" and any(one.user == name for one in open_now)
        return len(open_now) >= limit and not has_one

    def _unless_logged_out(self, caller: "Caller") -> "Caller":
        return Caller(None) if caller.identity in self.logouts else caller

    def _refusal(
        self, scope: Scope, path: str, caller: Caller, user: User | None
    ) -> tuple[int, str] | None:
        """The status and the sentence with which a request is refused; None if it is not."""
        level = level_of(path)
        if path in ALWAYS or (level == "metrics" and _is_of_this_machine(scope)):
            return None
        if caller.refusal:
            return (401 if caller.refusal == NOBODY else 403), caller.refusal
        if level is None:
            return 404, UNKNOWN
        if level == "public" and self.settings.login == "oidc":
            return None  # the login page is drawn there
        if caller.identity is None:
            return 401, LOG_IN
        return self._refusal_of(user, level, path)

    def _refusal_of(self, user: User | None, level: Level, path: str) -> tuple[int, str] | None:
        """The same for somebody who is logged in."""
        if user is None:
            return 403, NO_ROLE
        if level in ("operator", "metrics") and not may(user, None, "operate"):
            return 403, REFUSED["operate"]
        if path.startswith("/media/") and not self.sent_files.were_sent(user, path):
            return 404, UNKNOWN
        return None


def caller_of(scope: Scope, settings: ServerSettings) -> Caller:
    """Who has sent a request, by its cookies or headers."""
    connection = HTTPConnection(scope)
    if settings.login == "oidc":
        return Caller(identity_of_claims(claims_of_cookies(connection.cookies), settings))
    values: dict[str, list[str]] = {}
    for name, value in connection.headers.items():
        values.setdefault(name, []).append(value)
    peer = scope["client"][0] if scope.get("client") else ""
    if not is_from_proxy(peer, values, settings):
        return Caller(None, PAST_PROXY)
    identity = identity_of_headers(values, settings, time.time())
    return Caller(identity, "" if identity else NOBODY)


class _Socket:
    """One WebSocket: it ends when the rights of its user change."""

    def __init__(
        self, gate: Gate, caller: Caller, user: User | None, receive: Receive, send: Send
    ) -> None:
        self._gate = gate
        self._caller = caller
        self._user = user
        self._receive = receive
        self._send = send
        self._ended = asyncio.Event()
        self._reading: asyncio.Task[Message] | None = None
        self._is_accepted = False

    async def run(self, scope: Scope) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            await self._gate.app(scope, self.receive, self.send)
        finally:
            watching.cancel()
            if self._reading is not None:
                self._reading.cancel()

    async def receive(self) -> Message:
        """The next message of the browser; a disconnection once the rights have changed."""
        ended = asyncio.create_task(self._ended.wait())
        self._reading = self._reading or asyncio.create_task(_coroutine(self._receive))
        await asyncio.wait({ended, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if self._reading.done() and not self._ended.is_set():
            reading, self._reading = self._reading, None
            message = reading.result()
            if message["type"] != "websocket.receive" or self._is_the_same():
                return message
            await self._end()
        return {"type": "websocket.disconnect", "code": RIGHTS_CHANGED}

    async def send(self, message: Message) -> None:
        """Send a message to the browser, unless the rights have changed."""
        if self._ended.is_set():
            return
        self._is_accepted = self._is_accepted or message["type"] == "websocket.accept"
        if self._user is not None and (sent := message.get("bytes")):
            self._gate.sent_files.note(self._user, sent)
        await self._send(message)

    def _is_the_same(self) -> bool:
        if self._caller.identity in self._gate.logouts:
            return False
        return self._caller.user == self._user

    async def _watch(self) -> None:
        while self._is_the_same():
            await asyncio.sleep(self._gate.look_again)
        if self._caller.identity in self._gate.logouts:
            # The page with the button is on its way to the logout, which must not be interrupted.
            await asyncio.sleep(self._gate.look_again)
        await self._end()

    async def _end(self) -> None:
        """Let the browser load the page again, with the rights of now, and close the socket."""
        if not self._ended.is_set():
            self._ended.set()
            if self._is_accepted:
                await self._send({"type": "websocket.send", "bytes": _load_again()})
            await self._send({"type": "websocket.close", "code": RIGHTS_CHANGED})


def _load_again() -> bytes:
    """A message of Streamlit that leads the browser to the address where it is."""
    message = ForwardMsg()
    message.auth_redirect.url = ""
    message.auth_redirect.SetInParent()
    return message.SerializeToString()


async def _coroutine(receive: Receive) -> Message:
    return await receive()


def _with_identity(
    headers: Iterable[tuple[bytes, bytes]], caller: Caller
) -> list[tuple[bytes, bytes]]:
    """The headers of a request with what the gate knows; nobody else can set these headers."""
    own = {HEADER.encode(), NAME_HEADER.encode()}
    kept = [header for header in headers if header[0].lower() not in own]
    if caller.identity is not None:
        kept.append((HEADER.encode(), vouched(caller.identity).encode()))
        kept.append((NAME_HEADER.encode(), caller.identity.name.encode()))
    return kept


def _below(path: str, base_path: str) -> str:
    """A path below the base path; what is not below it stays, and is then unknown."""
    if not base_path or path == base_path:
        return "/" if base_path else path
    return path.removeprefix(base_path) if path.startswith(f"{base_path}/") else f"?{path}"


def _is_of_this_machine(scope: Scope) -> bool:
    """Whether a program of this machine asks, and no proxy of this machine for somebody else."""
    peer = scope["client"][0] if scope.get("client") else ""
    return is_loopback(peer) and not any(name in _FORWARDED for name, _ in scope["headers"])


async def _refuse(status: int, sentence: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":  # before it is accepted: the browser gets 403
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    answer = PlainTextResponse(sentence, status, {"Cache-Control": "no-store"})
    await answer(scope, receive, send)


def _never_stored(send: Send) -> Send:
    """Pages are not stored, so the back button shows nothing after a logout."""

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            if headers.get("content-type", "").startswith("text/html"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return changed


def _private(scope: Scope, send: Send) -> Send:
    """What is shown to one user is asked for each time; 304 if the browser has it already.

    An answer that may be kept for ever has an address that holds the identity of its files.
    """
    tag = f'"{sha256(scope["path"].encode() + b"?" + scope["query_string"]).hexdigest()[:32]}"'
    known = dict(scope["headers"]).get(b"if-none-match", b"").decode("latin-1")
    unchanged = False

    async def changed(message: Message) -> None:
        nonlocal unchanged
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            kept = message["status"] == 200 and "immutable" in headers.get("cache-control", "")
            headers["Cache-Control"] = "private, no-cache" if kept else "private, no-store"
            if kept:
                headers["ETag"] = tag
                if unchanged := known == tag:
                    headers["Content-Length"] = "0"
                    message = {**message, "status": 304}
        elif unchanged:
            message = {**message, "body": b""}
        await send(message)

    return changed
