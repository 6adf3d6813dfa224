"""Files of Streamlit's browser code are sent whole; everything else is left to Streamlit."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from streamlit import file_util
from streamlit.web.server.starlette.starlette_static_routes import (
    create_streamlit_static_handler,
)

from pages.server.static_files import WholeFiles, WholePage


def client(folder: Path, base: str = "") -> TestClient:
    def left(_: Request) -> Response:
        return PlainTextResponse("Streamlit")

    app = Starlette(routes=[Route("/{path:path}", left, methods=["GET", "HEAD"])])
    return TestClient(WholeFiles(app, base, folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "static" / "js").mkdir(parents=True)
    (tmp_path / "static" / "js" / "a.1b2c.js").write_text("export {}")
    (tmp_path / "static" / "js" / "list.json").write_text("{}")
    (tmp_path / "static" / "js" / "folder.js").mkdir()
    (tmp_path / "secret.js").write_text("1")
    return tmp_path / "static"


def test_a_file_is_sent_as_it_is_and_kept_for_ever(folder: Path) -> None:
    answer = client(folder).get("/static/js/a.1b2c.js")
    assert answer.text == "export {}"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, immutable, max-age=31536000"


@pytest.mark.parametrize(
    "path",
    [
        "/static/js/absent.js",
        "/static/js/list.json",
        "/static/js/folder.js",
        "/static/js/..",
        "/static/js/../../secret.js",
        "/static/js/%2e%2e%2f%2e%2e%2fsecret.js",
        "/static/secret.js",
        "/map/static/js/a.1b2c.js",
        "/",
    ],
)
def test_everything_else_is_left_to_streamlit(folder: Path, path: str) -> None:
    assert client(folder).get(path).text == "Streamlit"


@pytest.mark.parametrize("header", ["range", "if-none-match", "if-modified-since"])
def test_conditions_and_other_methods_are_left_to_streamlit(folder: Path, header: str) -> None:
    answer = client(folder).get("/static/js/a.1b2c.js", headers={header: "bytes=0-3"})
    assert answer.text == "Streamlit"
    assert client(folder).head("/static/js/a.1b2c.js").headers["content-length"] == "9"


def test_files_are_below_the_path_of_the_dashboard(folder: Path) -> None:
    below = client(folder, "/lab/")
    assert below.get("/lab/static/js/a.1b2c.js").text == "export {}"
    assert below.get("/static/js/a.1b2c.js").text == "Streamlit"


def test_the_answers_are_those_of_streamlit() -> None:
    static = file_util.get_static_dir()
    streamlit = TestClient(create_streamlit_static_handler(static, ""))
    own = client(Path(static) / "static")
    scripts = sorted((Path(static) / "static" / "js").glob("*.js"))[:3]
    fonts = sorted((Path(static) / "static" / "media").glob("*.woff2"))[:1]
    for file in [*scripts, *fonts]:
        path = f"/static/{file.parent.name}/{file.name}"
        theirs, ours = streamlit.get(path), own.get(path)
        assert ours.content == theirs.content
        assert ours.headers["cache-control"] == theirs.headers["cache-control"]


@pytest.mark.parametrize(("base", "first"), [("", "/"), ("/lab/", "/lab/")])
def test_a_page_is_sent_as_streamlit_sends_it(base: str, first: str) -> None:
    streamlit = create_streamlit_static_handler(file_util.get_static_dir(), base)
    original = TestClient(Starlette(routes=[Mount(base.rstrip("/") or "/", streamlit)]))

    def left(_: Request) -> Response:
        return PlainTextResponse("Streamlit")

    app = Starlette(routes=[Route("/{path:path}", left, methods=["GET", "HEAD"])])
    here = TestClient(WholePage(app, ["map", "pair"], base))
    for path in (first, f"{first}map", f"{first}pair"):
        answer, expected = here.get(path), original.get(path)
        assert answer.status_code == expected.status_code == 200
        assert answer.content == expected.content != b""
        for name in ("content-type", "content-length", "cache-control"):
            assert answer.headers[name] == expected.headers[name]
    for path in (f"{first}map/", f"{first}other", f"{first}index.html", f"{first}a/map", "//map"):
        assert here.get(f"http://testserver{path}").text == "Streamlit"
    assert here.head(first).headers["content-length"] == str(len("Streamlit"))
    assert here.get(first, headers={"if-none-match": "x"}).text == "Streamlit"


def test_a_page_that_is_missing_is_left_to_streamlit(folder: Path) -> None:
    def left(_: Request) -> Response:
        return PlainTextResponse("Streamlit")

    app = Starlette(routes=[Route("/{path:path}", left)])
    assert TestClient(WholePage(app, [], folder=folder)).get("/").text == "Streamlit"
