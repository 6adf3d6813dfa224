"""Answer requests for Streamlit's page and the files of its browser code in one step.

A first page asks for some 130 of them. Streamlit hands each to threads several times, and while the
pages are being imported each of these steps waits for the interpreter. Here a file is read whole
and sent at once. The name of a file holds the hash of its content, so nothing else is needed of it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import file_util

TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
}
HEADERS = {"Cache-Control": "public, immutable, max-age=31536000"}
_CONDITIONS = frozenset((b"range", b"if-none-match", b"if-modified-since"))
"""Requests with them are left to Streamlit."""


class WholeFiles:
    """A middleware that sends the files below `/static`; everything else is left to Streamlit."""

    def __init__(self, app: ASGIApp, base_path: str = "", folder: Path | None = None) -> None:
        self.app = app
        self.folder = folder or Path(file_util.get_static_dir()) / "static"
        base = base_path.strip("/")
        self._address = re.compile(
            rf"{re.escape('/' + base if base else '')}/static/((?:js|css|media)/[\w.-]+)", re.ASCII
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a file that is there."""
        answer = self._answer(scope) if scope["type"] == "http" else None
        await (answer or self.app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        named = self._address.fullmatch(scope["path"])
        if scope["method"] != "GET" or not named:
            return None
        if any(header in _CONDITIONS for header, _ in scope["headers"]):
            return None
        file = self.folder / named[1]
        if file.suffix not in TYPES:
            return None
        try:
            return Response(file.read_bytes(), headers=HEADERS, media_type=TYPES[file.suffix])
        except OSError:
            return None


class WholePage:
    """A middleware that sends Streamlit's page for the addresses of pages."""

    def __init__(
        self,
        app: ASGIApp,
        names: Iterable[str],
        base_path: str = "",
        folder: Path | None = None,
    ) -> None:
        """`names` are the last parts of the addresses of pages; the first page has none."""
        self.app = app
        self.file = (folder or Path(file_util.get_static_dir())) / "index.html"
        base = base_path.strip("/")
        first = f"/{base}/" if base else "/"
        self._addresses = {first, *(first + name for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a page."""
        answer = self._answer(scope) if scope["type"] == "http" else None
        await (answer or self.app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        if scope["method"] != "GET" or scope["path"] not in self._addresses:
            return None
        if any(header in _CONDITIONS for header, _ in scope["headers"]):
            return None
        try:
            page = self.file.read_bytes()
        except OSError:
            return None
        return Response(page, headers={"Cache-Control": "no-cache"}, media_type="text/html")
