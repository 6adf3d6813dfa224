"""The link that was opened before the login: it is kept, and leads nowhere else."""

import asyncio
from urllib.parse import quote

import pytest
from starlette.types import Message, Scope

from pages.server.wanted_link import (
    COOKIE,
    LONGEST,
    answer_with_link,
    opens_a_page,
    remembering,
)


def scope_of(query: str = "", cookie: str = "", accept: str = "text/html") -> Scope:
    headers = [(b"accept", accept.encode()), (b"cookie", cookie.encode())]
    return {"type": "http", "query_string": query.encode(), "headers": headers, "method": "GET"}


def kept(path: str, query: str = "", base_path: str = "") -> str:
    """The cookie with which a link is kept; empty if it is not."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    asyncio.run(remembering(scope_of(query), path, base_path, send)(start))  # type: ignore[arg-type]
    return b"".join(value for _, value in sent[0]["headers"]).decode()


def led_to(cookie: str, path: str = "/", query: str = "", base_path: str = "") -> str | None:
    """Where a request with this cookie is led; None if it is answered as it is."""
    answer = answer_with_link(scope_of(query, f"{COOKIE}={cookie}"), path, base_path)
    return None if answer is None else answer.headers["location"]


def test_the_login_leads_to_the_link_that_was_opened() -> None:
    cookie = kept("/latent", "bundle=1&select=flag%3Ddead", "/lab")
    name, value = cookie.split(";")[0].split("=", 1)
    assert name == COOKIE
    assert "Path=/lab" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert led_to(value, base_path="/lab") == "/lab/latent?bundle=1&select=flag%3Ddead"
    answer = answer_with_link(scope_of("", f"{COOKIE}={value}"), "/", "/lab")
    assert answer is not None and answer.status_code == 302
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]  # once
    assert "Path=/lab" in answer.headers["set-cookie"]


def test_the_bare_address_and_very_long_links_are_not_kept() -> None:
    assert kept("/") == ""
    assert kept("/", "bundle=1") != ""
    assert kept("/map", "a" * LONGEST) == ""


@pytest.mark.parametrize(
    "link",
    [
        "//evil.example/map",
        "/\\evil.example",
        "https://evil.example/map",
        "/nowhere",
        "/media/1.png",
        "/map/../media/1.png",
        "map",
        "",
        "/map?a=\r\nSet-Cookie: b",
    ],
)
def test_a_cookie_leads_only_to_pages_of_the_dashboard(link: str) -> None:
    assert led_to(quote(link, safe="")) is None


def test_only_the_bare_address_leads_on() -> None:
    value = quote("/map?a=1", safe="")
    assert led_to(value) == "/map?a=1"
    assert led_to(value, path="/latent") is None
    assert led_to(value, query="bundle=1") is None
    assert answer_with_link(scope_of(), "/", "") is None


@pytest.mark.parametrize(
    ("path", "accept", "opens"),
    [
        ("/", "text/html,*/*", True),
        ("/map", "text/html", True),
        ("/map", "application/json", False),
        ("/media/1.html", "text/html", False),
    ],
)
def test_what_opens_a_page(path: str, accept: str, opens: bool) -> None:
    assert opens_a_page(scope_of(accept=accept), path) is opens


def test_a_socket_opens_no_page() -> None:
    assert not opens_a_page({**scope_of(), "type": "websocket"}, "/")


def test_a_link_is_kept_for_a_quarter_of_an_hour_if_a_cookie_can_hold_it() -> None:
    assert "; Max-Age=900;" in kept("/map", "bundle=1")
    # "%2Fmap%3F" has nine characters.
    assert kept("/map", "a" * 3491) != "" and kept("/map", "a" * 3492) == ""
