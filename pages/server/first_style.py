"""The style sheet of the pages inside the first answer of the server.

Streamlit sends a style sheet as an element of the page, which arrives after the page has been laid
out, so everything moves. Here the same sheet is also a part of the HTML that browsers get first. A
server without this middleware shows the same pages, with the sheet as it comes.
"""

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHEET = Path(__file__).parents[1] / "widgets" / "style.css"
_END = b"</body>"
"""The sheet stands before it, because it must come after the styles that Streamlit adds."""
_PARTIAL = frozenset((b"accept-encoding", b"if-modified-since", b"if-none-match", b"range"))
"""Requests for less than the whole page as text, which could not be changed."""
_SENT = ("accept-ranges", "etag", "last-modified")
"""What the server says about the page without the sheet."""


class FirstStyle:
    """A middleware that adds the style sheet to every page of HTML that a browser opens."""

    def __init__(self, app: ASGIApp, sheet: Path = SHEET) -> None:
        self.app = app
        self.sheet = sheet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only pages that are opened are changed."""
        if not _opens_a_page(scope):
            await self.app(scope, receive, send)
            return
        headers = [header for header in scope["headers"] if header[0] not in _PARTIAL]
        start: Message = {}
        page = bytearray()

        async def with_sheet(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start and message["type"] == "http.response.body":
                page.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    styled = with_style(bytes(page), self.sheet.read_bytes())
                    await send(_of_length(start, len(styled)))
                    await send({"type": "http.response.body", "body": styled})
            else:
                await send(message)

        await self.app({**scope, "headers": headers}, receive, with_sheet)


def with_style(page: bytes, sheet: bytes) -> bytes:
    """A page of HTML with a style sheet at the end of its body."""
    before, end, after = page.rpartition(_END)
    return before + b"<style>\n" + sheet + b"</style>\n" + end + after if end else page


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
