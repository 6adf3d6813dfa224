"""The first answer of the server has the style sheet in it; nothing else is changed."""

import json
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from pages.server import first_answer, last_opened
from pages.server.early_chunks import CHARTS, EVERY_PAGE, early_chunks
from pages.server.first_answer import SHEET, FirstAnswer, with_modules, with_server, with_style
from pages.server.last_opened import seconds_since
from pages.widgets import style
from pages.widgets.map_script import version

PAGE = "<html><head></head><body><div id=root></div></body></html>"
BROWSER = {"accept": "text/html,*/*;q=0.8", "accept-encoding": "gzip"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    file = tmp_path / "index.html"
    file.write_text(PAGE)

    def page(request: Request) -> Response:
        assert "range" not in request.headers and "if-none-match" not in request.headers
        return FileResponse(file)

    def echo(request: Request) -> Response:
        return PlainTextResponse(f"{PAGE} {request.headers.get('accept-encoding')}")

    def missing(_request: Request) -> Response:
        return HTMLResponse(PAGE, 404)

    routes = [
        Route("/", page),
        Route("/map", page),
        Route("/text", echo),
        Route("/missing", missing),
    ]
    return TestClient(FirstAnswer(Starlette(routes=routes)))


def test_a_page_has_the_whole_sheet_at_its_end_and_its_own_length(client: TestClient) -> None:
    conditions = {"range": "bytes=0-3", "if-none-match": "x"}
    answer = client.get("/", headers=BROWSER | conditions)
    sheet = SHEET.read_text("utf-8")
    assert answer.text.endswith(f"<style>\n{sheet}</style>\n</body></html>")
    assert int(answer.headers["content-length"]) == len(answer.content)
    # Of the page without the sheet; a browser that keeps them would never see a new sheet.
    assert not {"etag", "last-modified", "accept-ranges"} & answer.headers.keys()


def asked_for(client: TestClient, path: str) -> list[str]:
    html = client.get(path, headers=BROWSER).text.partition("</head>")[0]
    return re.findall(r'<link rel="modulepreload" crossorigin href="\./([^"]*)">', html)


def test_only_the_map_page_asks_for_the_modules_that_draw_the_map(client: TestClient) -> None:
    files = {file.name for file in Path("pages/latent_map").glob("*.js")}
    of_exports = {"export.js", "png_text.js", "standalone.js", "standalone_page.js"}
    modules = [
        f"map-modules/{version()}/{name}"
        for name in sorted(files - of_exports - {"svg_context.js"})
    ]
    assert asked_for(client, "/map") == [*early_chunks(EVERY_PAGE), *modules]
    assert not set(modules) & set(asked_for(client, "/"))


def test_pages_with_charts_ask_for_their_code(client: TestClient) -> None:
    assert asked_for(client, "/") == [*early_chunks(EVERY_PAGE + CHARTS)] != []


def test_a_page_says_where_its_server_is_only_if_it_may(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text(PAGE)
    app = Starlette(routes=[Route("/", lambda _: FileResponse(file))])
    client = TestClient(FirstAnswer(app, origins=["https://*.a.org", "</script>"]))
    head = client.get("/", headers=BROWSER).text.partition("</head>")[0]
    scripts = re.findall(r"<script>(.*?)</script>", head)
    (config,) = re.findall(r"HOST_CONFIG: (\{.*?\}) \}", scripts[0])
    origins = ["https://*.a.org", "</script>"]
    assert json.loads(config) == {"allowedOrigins": origins, "useExternalAuthToken": False}
    assert "document.baseURI" in scripts[0] and len(scripts) == 1
    assert "__streamlit" not in TestClient(FirstAnswer(app)).get("/", headers=BROWSER).text


def test_a_page_that_is_opened_is_noted(client: TestClient) -> None:
    client.get("/", headers=BROWSER)
    assert seconds_since() < 60
    last_opened._last[0] = -float("inf")
    client.get("/text", headers={"accept": "*/*"})
    assert seconds_since() == float("inf")


def test_pages_add_the_sheet_themselves_only_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_answer, "_in_use", [False])
    assert not first_answer.adds_sheet()
    FirstAnswer(Starlette())
    assert first_answer.adds_sheet()
    assert SHEET.samefile(style._SHEET)
    assert "</style" not in SHEET.read_text("utf-8").lower()


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/text", BROWSER), ("/missing", BROWSER), ("/", {"accept": "application/json"})],
)
def test_everything_else_is_sent_as_it_is(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    assert "<style>" not in client.get(path, headers=headers).text


def test_other_methods_and_requests_that_open_no_page_are_not_changed(client: TestClient) -> None:
    assert int(client.head("/", headers=BROWSER).headers["content-length"]) == len(PAGE)
    plain = {"accept": "*/*", "accept-encoding": "gzip"}
    assert client.get("/text", headers=plain).text.endswith("gzip")


def test_html_without_a_body_stays_as_it_is() -> None:
    assert with_style(b"<p>", b"p {}") == with_modules(b"<p>", ["a.js"]) == b"<p>"
    assert with_server(b"<p>", []) == b"<p>"
