"""What the first answer of the server contains beside Streamlit's page.

Streamlit sends a style sheet as an element of the page, which arrives after the page has been laid
out, so everything moves. Here the sheet is a part of the HTML that browsers get first.
The HTML also asks for the code of the elements that every page has, and that of the Map page for
the modules of the map, so that they are there when Streamlit begins to draw. In the mode *local*
it says where the server is, so that the browser connects without asking first. A server without
this middleware shows the same pages, with all of this as it comes.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.server.early_chunks import CHARTS, EVERY_PAGE, early_chunks
from pages.server.last_opened import note_opened

SHEET = Path(__file__).parents[1] / "widgets" / "style.css"
_HEAD_END = b"</head>"
_END = b"</body>"
"""The sheet stands before it, because it must come after the styles that Streamlit adds."""
MAP = "map"
"""The last part of the address of the Map page."""
_PARTIAL = frozenset((b"accept-encoding", b"if-modified-since", b"if-none-match", b"range"))
"""Requests for less than the whole page as text, which could not be changed."""
_SENT = ("accept-ranges", "etag", "last-modified")
"""What the server says about the page without the sheet."""
_in_use = [False]


def adds_sheet() -> bool:
    """Whether the pages that this process sends have the sheet."""
    return _in_use[0]


class FirstAnswer:
    """A middleware that adds to every page of HTML that a browser opens."""

    def __init__(
        self, app: ASGIApp, sheet: Path = SHEET, origins: Iterable[str] | None = None
    ) -> None:
        """`origins` is Streamlit's setting `client.allowedOrigins`; None: browsers ask for it."""
        self.app = app
        self.sheet = sheet
        self.origins = None if origins is None else list(origins)
        _in_use[0] = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only pages that are opened are changed."""
        if not _opens_a_page(scope):
            await self.app(scope, receive, send)
            return
        note_opened()
        headers = [header for header in scope["headers"] if header[0] not in _PARTIAL]
        start: Message = {}
        page = bytearray()

        async def completed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start and message["type"] == "http.response.body":
                page.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    body = self._completed(bytes(page), scope["path"])
                    await send(_of_length(start, len(body)))
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self.app({**scope, "headers": headers}, receive, completed)

    def _completed(self, page: bytes, path: str) -> bytes:
        body = with_style(page, self.sheet.read_bytes())
        if self.origins is not None:
            body = with_server(body, self.origins)
        if path.endswith(f"/{MAP}"):
            return with_modules(body, [*early_chunks(EVERY_PAGE), *_modules_of_map()])
        return with_modules(body, early_chunks(EVERY_PAGE + CHARTS))


def with_style(page: bytes, sheet: bytes) -> bytes:
    """A page of HTML with a style sheet at the end of its body."""
    before, end, after = page.rpartition(_END)
    return before + b"<style>\n" + sheet + b"</style>\n" + end + after if end else page


def with_modules(page: bytes, addresses: Iterable[str]) -> bytes:
    """A page of HTML that asks for files of JavaScript."""
    link = '<link rel="modulepreload" crossorigin href="./{}">\n'
    return _in_head(page, "".join(map(link.format, addresses)))


def with_server(page: bytes, origins: list[str]) -> bytes:
    """A page of HTML that connects to the server of its own address at once.

    Without this, Streamlit's browser code first asks at two addresses for the health of the server
    and for this configuration. It still does so afterwards, and follows the answer.
    """
    config = json.dumps({"allowedOrigins": origins, "useExternalAuthToken": False})
    return _in_head(
        page,
        '<script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", document.baseURI).href, '
        f"HOST_CONFIG: {config.replace('<', chr(92) + 'u003c')} }};</script>\n",
    )


def _in_head(page: bytes, added: str) -> bytes:
    before, end, after = page.partition(_HEAD_END)
    return before + added.encode() + end + after if end else page


def _modules_of_map() -> list[str]:
    # Imported here because the server imports nothing of the pages at its start.
    from pages.widgets.map_script import addresses  # noqa: PLC0415

    return addresses()


def _opens_a_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def _is_page(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 200 and kind.startswith("text/html")


def _of_length(start: Message, length: int) -> Message:
    headers = MutableHeaders(raw=list(start["headers"]))
    for name in _SENT:
        if name in headers:
            del headers[name]
    headers["content-length"] = str(length)
    return {**start, "headers": headers.raw}
