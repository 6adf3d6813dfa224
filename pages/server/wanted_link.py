"""The link that somebody has opened before they were logged in, so that the login leads there.

Streamlit leads everybody to the address of the dashboard after a login. A cookie keeps the link.
"""

from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Scope, Send

from pages.server.route_levels import PAGES

COOKIE = "clearwater_link"
LONGEST = 3_500
"""Characters of a link; a browser refuses larger cookies."""
SECONDS = 900


def opens_a_page(scope: Scope, path: str) -> bool:
    """Whether a browser opens the page at a path below the base path."""
    accepts = dict(scope["headers"]).get(b"accept", b"")
    is_page = path == "/" or path.removeprefix("/") in PAGES
    return bool(scope["type"] == "http" and is_page and b"text/html" in accepts)


def remembering(scope: Scope, path: str, base_path: str, send: Send) -> Send:
    """Keep the link that a request opens; not the bare address of the dashboard."""
    query = scope["query_string"].decode("latin-1")
    link = quote(f"{path}?{query}" if query else path, safe="")
    if (path == "/" and not query) or len(link) > LONGEST:
        return send

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            cookie = f"{COOKIE}={link}; Path={base_path or '/'}; Max-Age={SECONDS}"
            headers = MutableHeaders(raw=message["headers"])
            headers.append("set-cookie", f"{cookie}; HttpOnly; SameSite=Lax")
        await send(message)

    return changed


def answer_with_link(scope: Scope, path: str, base_path: str) -> Response | None:
    """For somebody who comes from the login: the way to the link that they had opened."""
    kept = HTTPConnection(scope).cookies.get(COOKIE)
    if kept is None or path != "/" or scope["query_string"]:
        return None
    link = _checked(unquote(kept))
    if link is None:
        return None
    answer = RedirectResponse(base_path + link, 302)
    answer.headers["Cache-Control"] = "no-store"
    answer.delete_cookie(COOKIE, path=base_path or "/")
    return answer


def _checked(link: str) -> str | None:
    """A link to a page of this dashboard; None for anything else."""
    if link.startswith("//") or not link.startswith("/") or not link.isprintable():
        return None
    path = urlsplit(link).path
    return link if path == "/" or path.removeprefix("/") in PAGES else None
