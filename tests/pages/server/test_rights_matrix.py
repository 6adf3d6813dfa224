"""Every route, page and action against every kind of user, on a real server of a team.

The routes are those that the server has registered, the pages are the files of the pages, and the
actions are those of `may`. What is expected is written here once more, in other words than in the
code; whatever is new and has no entry here fails.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from streamlit.starlette import App
from websockets.exceptions import InvalidStatus

from analysis.serve.access.rights import ACTIONS
from bench.client import PAGES, Client
from bench.server import Server
from pages.server.gate import LOOK_AGAIN
from pages.server.route_levels import ABSENT, level_of
from tests.conftest import ROOT
from tests.pages.server.team_server import (
    CLOSED,
    OPEN,
    PEOPLE,
    Bundle,
    ask,
    named,
    team_server,
)

NOBODY, STRANGER = named(""), named("stranger@lab.example")
LOOKER = named("looker@lab.example")
READER = named("reader@lab.example")
WRITER = named("writer@lab.example", "inner")
OPERATOR = named("operator@lab.example")
MEMBERS = (LOOKER, READER, WRITER, OPERATOR)
OF_BUNDLE = {
    "/map-data/{bundle}/{content}/positions/{map}": "positions/decoder",
    "/map-data/{bundle}/{content}/column/{name}": "column/density",
    "/map-data/{bundle}/{content}/names/{map}": "names/decoder",
    "/map-data/{bundle}/{content}/names/{map}/{zoom}/{column}/{row}": "names/decoder/0/0/0",
    "/map-data/{bundle}/{content}/card/{latent}": "card/3",
    "/map-data/{bundle}/{content}/neighbourhood/{map}/{latent}": "neighbourhood/decoder/3",
    "/map-data/{bundle}/{content}/notes": "notes",
    "/map-data/{bundle}/{content}/search": "search?text=a",
    "/map-data/{bundle}/{content}/rows/{map}.{kind}": "rows/decoder.csv",
}
"""A request of each route of a bundle."""
OF_API = {
    "/api/v1/bundles/{bundle}": "",
    "/api/v1/bundles/{bundle}/latents": "/latents?select=flag%3Ddead",
    "/api/v1/bundles/{bundle}/tables/{table}": "/tables/latents",
    "/api/v1/bundles/{bundle}/notes": "/notes",
}
"""The same for scripts, where the path names a bundle by its id alone."""
EXPORTS = {
    "/map-data/{bundle}/{content}/rows/{map}.{kind}",
    "/api/v1/bundles/{bundle}/tables/{table}",
    "/api/v1/bundles/{bundle}/notes",
}
FOR_MEMBERS = {
    "/api/v1/bundles": "/api/v1/bundles",
    "/map-modules/{version}/{name}": "/map-modules/0/x.js",
    "/map-drawn/{page}": "/map-drawn/0",
    "/media/{file_id:path}": "/media/0.png",
    "/_stcore/upload_file/{session_id}/{file_id}": "/_stcore/upload_file/1/2",
    "/component/{path:path}": "/component/x/y",
    "/_stcore/bidi-components/{path:path}": "/_stcore/bidi-components/x/y",
    "/_stcore/host-config": "/_stcore/host-config",
    "/auth/login": "/auth/login",
    "/auth/logout": "/auth/logout",
    "/oauth2callback": "/oauth2callback",
}
"""A request of each route that shows nothing of a bundle; some of these answer with 404."""
OF_THE_LOGIN = {"/_stcore/host-config", "/auth/login", "/auth/logout", "/oauth2callback"}
"""Those of them that somebody needs to log in here, where no proxy asks first."""
FOR_OPERATORS = {"/_stcore/metrics": "/_stcore/metrics"}
FOR_WATCHERS = {"/metrics": "/metrics"}
"""For operators and for programs of this machine that no proxy stands between."""
FOR_EVERYBODY = {"/healthz": "/healthz", "/_stcore/health": "/_stcore/health"}
FOR_NOBODY = {
    "/_stcore/agent/interact": "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json": "/_stcore/agent/openapi.json",
    "/_stcore/agent/mcp": "/_stcore/agent/mcp",
}
"""What Streamlit registers and a team does not get."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("team")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with team_server(folder) as running:
        yield running
    assert "Traceback" not in (folder / "log.txt").read_text()


def registered() -> list[BaseRoute]:
    """The routes of the server object of the dashboard, Streamlit's and ours."""
    app: App = import_module("dashboard").app
    return list(app._build_starlette_app().routes)  # the only list of all of them


def test_every_registered_route_has_an_entry() -> None:
    entries = {
        *OF_BUNDLE,
        *OF_API,
        *FOR_MEMBERS,
        *FOR_OPERATORS,
        *FOR_WATCHERS,
        *FOR_EVERYBODY,
        *FOR_NOBODY,
    }
    paths = {route.path for route in registered() if isinstance(route, Route)}
    assert paths == entries
    sockets = {route.path for route in registered() if isinstance(route, WebSocketRoute)}
    assert sockets == {"/_stcore/stream"}
    assert {route.path for route in registered() if isinstance(route, Mount)} == {""}  # the frame


def test_whoever_is_not_logged_in_gets_only_what_the_login_needs() -> None:
    """The server of the other tests is behind a proxy, which refuses them everything."""
    of_bundles = [f"/map-data/1/2/{path.partition('?')[0]}" for path in OF_BUNDLE.values()]
    of_scripts = [f"/api/v1/bundles/1{path.partition('?')[0]}" for path in OF_API.values()]
    paths = {*of_bundles, *of_scripts, *FOR_MEMBERS.values(), *FOR_OPERATORS, *FOR_WATCHERS}
    assert {path for path in paths if level_of(path) == "public"} == OF_THE_LOGIN
    assert all(level_of(path) in {"member", "public"} for path in FOR_MEMBERS.values())


def test_every_page_has_an_address() -> None:
    files = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    assert {page or "overview" for page in PAGES} | {"operation"} == files
    assert all(level_of(f"/{name}") == "public" for name in files)
    assert not any(level_of(path) for path in ABSENT)


def test_the_list_of_all_bundles_is_asked_for_a_user_only() -> None:
    """Whoever else reads it would show bundles without a question."""
    files = [*(ROOT / "pages").rglob("*.py")]
    asking = [path.name for path in files if "registry()" in path.read_text(encoding="utf-8")]
    assert asking == ["bundles.py"]


def test_every_action_is_tested_here() -> None:
    assert set(ACTIONS) == {"see", "export", "annotate", "operate"}


@pytest.mark.parametrize("route", [*OF_BUNDLE, *OF_API])
def test_routes_of_a_bundle(route: str, server: Server) -> None:
    def status(user: dict[str, str], bundle: Bundle) -> int:
        path = (
            f"/map-data/{bundle.id}/{bundle.content}/{OF_BUNDLE[route]}"
            if route in OF_BUNDLE
            else f"/api/v1/bundles/{bundle.id}{OF_API[route]}"
        )
        return ask(server.address, path, user).status

    statuses = [status(user, OPEN) for user in (NOBODY, STRANGER, *MEMBERS)]
    ok = 202 if status(OPERATOR, OPEN) == 202 else 200  # while the index of a search is made
    may_export = 403 if route in EXPORTS else ok
    assert [s if s != 202 else ok for s in statuses] == [401, 403, may_export, ok, ok, ok]
    statuses = [status(user, CLOSED) for user in (NOBODY, STRANGER, *MEMBERS)]
    assert statuses[:4] == [401, 403, 404, 404]
    assert {*statuses[4:]} <= {200, 202}


@pytest.mark.parametrize("path", [*FOR_MEMBERS.values(), "/", *(f"/{page}" for page in PAGES)])
def test_what_members_may_ask_for(path: str, server: Server) -> None:
    assert ask(server.address, path, NOBODY).status == 401
    assert ask(server.address, path, STRANGER).status == 403
    for user in MEMBERS:
        assert ask(server.address, path, user).status not in (401, 403)


@pytest.mark.parametrize("path", [*FOR_OPERATORS.values()])
def test_what_operators_may_ask_for(path: str, server: Server) -> None:
    statuses = [ask(server.address, path, user).status for user in (NOBODY, STRANGER, *MEMBERS)]
    assert statuses == [401, 403, 403, 403, 403, 200]


@pytest.mark.parametrize("path", [*FOR_WATCHERS.values()])
def test_what_operators_and_programs_of_this_machine_may_ask_for(path: str, server: Server) -> None:
    assert ask(server.address, path, NOBODY).status == 200
    far = {"X-Forwarded-For": "10.0.0.5"}  # somebody else, through a proxy of this machine
    users = (NOBODY, STRANGER, *MEMBERS)
    statuses = [ask(server.address, path, user | far).status for user in users]
    assert statuses == [401, 403, 403, 403, 403, 200]


def test_the_api_lists_what_a_user_may_see(server: Server) -> None:
    def names(user: dict[str, str]) -> set[str]:
        answer = ask(server.address, "/api/v1/bundles", user)
        return {one["name"] for one in json.loads(answer.body)["bundles"]}

    assert names(READER) == {"schema-3"}
    assert names(WRITER) == {"schema-3", "schema-2"}
    assert names(OPERATOR) > {"schema-3", "schema-2"}


def test_the_page_of_operators(server: Server) -> None:
    async def read(user: dict[str, str]) -> tuple[list[str], bool]:
        async with Client(server.address, user) as client:
            run = await client.open("operation", timeout=120)
            assert run.exceptions == []
            metrics = any(m.delta.new_element.HasField("metric") for m in run.messages)
            return [text.body for text in run.elements("heading")], metrics

    titles, has_numbers = asyncio.run(read(OPERATOR))
    assert "Operation" in titles and has_numbers
    titles, _ = asyncio.run(read(WRITER))
    assert "Operation" not in titles


@pytest.mark.parametrize("path", [*FOR_EVERYBODY.values()])
def test_what_everybody_may_ask_for(path: str, server: Server) -> None:
    assert [ask(server.address, path, user).status for user in (NOBODY, OPERATOR)] == [200, 200]


@pytest.mark.parametrize(
    "path", [*FOR_NOBODY.values(), *sorted(ABSENT), "/nowhere", "/dashboard.py"]
)
def test_what_nobody_may_ask_for(path: str, server: Server) -> None:
    for method in ("GET", "POST"):
        assert ask(server.address, path, OPERATOR, method).status == 404
        assert ask(server.address, path, NOBODY, method).status == 401


def test_an_unknown_bundle_and_one_that_may_not_be_seen_look_the_same(server: Server) -> None:
    rest = "positions/decoder"
    hidden = ask(server.address, f"/map-data/{CLOSED.id}/{CLOSED.content}/{rest}", READER)
    unknown = ask(server.address, f"/map-data/{'0' * 16}/{CLOSED.content}/{rest}", READER)
    assert (hidden.status, hidden.body) == (unknown.status, unknown.body)
    # The files of one bundle do not come under the id of another one.
    mixed = ask(server.address, f"/map-data/{OPEN.id}/{CLOSED.content}/{rest}", READER)
    assert mixed.status == 404


@pytest.mark.parametrize("page", PAGES)
def test_pages_show_a_bundle_to_those_who_may_see_it(page: str, server: Server) -> None:
    async def read(user: dict[str, str], bundle: str) -> tuple[bool, bool, str]:
        async with Client(server.address, user) as client:
            run = await client.open(page, f"bundle={bundle}", timeout=120)
            assert run.exceptions == []
            if user is READER:  # not even its name
                assert not any(b"schema-2" in m.SerializeToString() for m in run.messages)
            texts = " ".join(run.alerts)
            is_absent = f"the bundle {bundle}, which is not on this server" in texts
            shown = any(w.label == "Selection" for w in run.widgets)
            return shown, is_absent, repr([w.options for w in run.widgets if w.label == "Bundle"])

    shown, is_absent, bundles = asyncio.run(read(READER, CLOSED.id))
    assert (shown, is_absent) == (False, True)
    assert "schema-3" in bundles and "schema-2" not in bundles and "demo" not in bundles
    shown, is_absent, _ = asyncio.run(read(READER, "0" * 16))
    assert (shown, is_absent) == (False, True)
    shown, is_absent, bundles = asyncio.run(read(WRITER, CLOSED.id))
    assert (shown, is_absent) == (True, False)
    assert "schema-3" in bundles and "schema-2" in bundles and "demo" not in bundles


@pytest.mark.parametrize("user", [NOBODY, STRANGER])
def test_sockets_of_people_without_a_role_are_refused(user: dict[str, str], server: Server) -> None:
    async def connect() -> None:
        async with Client(server.address, user):
            pass

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(connect())
    assert refused.value.response.status_code == 403


def test_a_socket_from_another_site_is_refused(server: Server) -> None:
    async def connect() -> None:
        async with Client(server.address, READER | {"Origin": "https://evil.example"}):
            pass

    with pytest.raises(InvalidStatus):
        asyncio.run(connect())


def test_files_are_given_to_those_who_were_sent_their_address(server: Server) -> None:
    async def read() -> tuple[str, list[int]]:
        async with Client(server.address, READER) as client:
            run = await client.open("", f"bundle={OPEN.id}", timeout=120)
            addresses: list[str] = []
            client._get = lambda url, _: addresses.append(url) or b""  # type: ignore[method-assign,assignment,func-returns-value]
            files = await client.open_menu(run, "Export", timeout=120)
            await client.download(next(b for b in files.downloads if "CSV" in b.label), timeout=120)
            (url,) = addresses
            users = (READER, WRITER, OPERATOR, STRANGER, NOBODY)
            statuses = await asyncio.to_thread(
                lambda: [ask(server.address, url, user).status for user in users]
            )
        return url, statuses

    _, statuses = asyncio.run(read())
    assert statuses == [200, 404, 404, 403, 401]


def test_who_may_not_export_gets_no_menu(server: Server) -> None:
    async def labels(user: dict[str, str]) -> list[str]:
        async with Client(server.address, user) as client:
            run = await client.open("", timeout=120)
            return [one.label for one in (*run.menus, *run.downloads)]

    looker, reader = asyncio.run(labels(LOOKER)), asyncio.run(labels(READER))
    assert reader.count("Export") >= 4 and reader[-1] == "Save this page as a report"
    assert set(looker) == set(reader) - {"Export", "Save this page as a report"}


def test_only_annotators_write_notes_under_their_own_name(server: Server, folder: Path) -> None:
    async def vote(user: dict[str, str]) -> list[str]:
        async with Client(server.address, user) as client:
            run = await client.open("latent", f"bundle={OPEN.id}&latent=10", timeout=120)
            run = await client.set(run.widget("Fits"), timeout=120)
            return [*run.alerts, *run.texts]

    for user in (LOOKER, READER):  # they read notes, and have no button
        with pytest.raises(LookupError):
            asyncio.run(vote(user))
    accepted = asyncio.run(vote(WRITER))
    assert not any("but not write them" in text for text in accepted)
    assert any("1: the label fits (writer" in text.replace("\u2060\\", "") for text in accepted)
    lines = [line for line in (folder / "log.txt").read_text().splitlines() if '"annotate"' in line]
    assert len(lines) == 1 and '"user": "writer@lab.example"' in lines[0]


def test_forged_headers_change_nothing(server: Server) -> None:
    path = f"/map-data/{CLOSED.id}/{CLOSED.content}/positions/decoder"
    forged = (
        {"X-Clearwater-Identity": '{"name": "operator@lab.example"}'},
        {"X-Clearwater-User": "operator@lab.example"},
        {"X-Forwarded-User": "operator@lab.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Cookie": "_streamlit_user=operator@lab.example"},
        {"Authorization": "Basic b3BlcmF0b3I6"},
    )
    for headers in forged:
        assert ask(server.address, path, headers).status == 401
        assert ask(server.address, path, READER | headers).status == 404
    twice = {"X-Forwarded-Email": "reader@lab.example,operator@lab.example"}
    assert ask(server.address, path, twice).status == 403
    # The address that counts is that of the proxy, whatever a header claims.
    assert ask(server.address, path, WRITER | {"X-Forwarded-For": "8.8.8.8"}).status == 200


def test_answers_are_kept_by_nobody_else(server: Server) -> None:
    path = f"/map-data/{OPEN.id}/{OPEN.content}/positions/decoder"
    first = ask(server.address, path, READER)
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    assert ask(server.address, path, READER | known).status == 304
    assert ask(server.address, path, known).status == 401
    assert ask(server.address, f"{path}?x", READER | known).status == 200
    assert ask(server.address, "/", READER).headers["cache-control"] == "no-store"


def test_a_right_that_is_withdrawn_is_gone_within_seconds(server: Server, folder: Path) -> None:
    """Also for an open page, its callbacks and its downloads."""

    async def read() -> None:
        async with Client(server.address, WRITER) as client:
            run = await client.open("latent", f"bundle={CLOSED.id}&latent=3", timeout=120)
            assert run.exceptions == [] and run.alerts == []
            text = PEOPLE.replace('see = ["group:inner"]', 'see = ["group:others"]')
            (folder / "people.toml").write_text(text)
            begin = time.monotonic()
            with pytest.raises(Exception, match="4001"):  # the socket is closed, with nothing asked
                async with asyncio.timeout(30):
                    while True:
                        await client._receive()
            assert time.monotonic() - begin < 5 * LOOK_AGAIN
        async with Client(server.address, WRITER) as client:
            run = await client.open("latent", f"bundle={CLOSED.id}&latent=3", timeout=120)
            assert any("not on this server" in alert for alert in run.alerts)

    try:
        asyncio.run(read())
    finally:
        (folder / "people.toml").write_text(PEOPLE)
