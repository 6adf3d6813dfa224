"""A team with a login of its own: a real OpenID provider, nginx, two processes and a browser.

Log in, write a note, log out; then the back button, links, download addresses and other tabs show
nothing. An expired login leads to the login page.
"""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from analysis.serve.nginx import COOKIE
from bench.server import Server, free_port, started
from tests.analysis.serve.conftest import needs_nginx
from tests.browser.conftest import new_profile, until
from tests.pages.server.team_server import BUNDLES, CLOSED, OPEN, PEOPLE, environment

pytestmark = [pytest.mark.browser, needs_nginx]
USERS = (
    {"sub": "ann", "email": "operator@lab.example"},
    {"sub": "bob", "email": "reader@lab.example", "groups": ["outer"]},
    {"sub": "wim", "email": "writer@lab.example", "groups": ["inner"]},
    {"sub": "eve", "email": "stranger@lab.example"},
)
SERVE = (sys.executable, "-m", "analysis", "serve", str(BUNDLES), "--workers", "2")
NOTE = re.compile(r"^Note\b")


@contextmanager
def provider(folder: Path, seconds: int) -> Iterator[str]:
    """The address of a provider whose tokens count for some seconds."""
    port = free_port()
    claims = [word for user in USERS for word in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with (folder / "provider.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, "--token-max-age", str(seconds), *claims], stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def team(
    folder: Path, seconds: int = 3600, command: tuple[str, ...] = SERVE, base_path: str = ""
) -> Iterator[Server]:
    """A server whose people log in at a provider."""
    port = free_port()
    with provider(folder, seconds) as issuer:
        secrets = folder / "secrets.toml"
        secrets.write_text(
            f"""[auth]
            redirect_uri = "http://127.0.0.1:{port}{base_path}/oauth2callback"
            cookie_secret = "{"c" * 32}"
            client_id = "clearwater"
            client_secret = "the secret of the client"
            server_metadata_url = "{issuer}/.well-known/openid-configuration"
            """
        )
        given = environment(folder, login="oidc", prepare_seconds="2")
        settings = given | {"STREAMLIT_SECRETS_FILES": str(secrets)}
        log, options = folder / "log.txt", ("--port={port}",)
        with started(BUNDLES, log, command, settings, options, port, base_path) as server:
            yield server
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("login")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with team(folder) as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    fresh = new_profile(chromium)
    yield fresh
    fresh.close()


def log_in(page: Page, user: str) -> None:
    """Log in at the provider, from the login page."""
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=user, exact=True).click()


def log_out(page: Page) -> None:
    """Log out here and at the provider, which asks once more."""
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="End session").click()


def shows_nothing(page: Page) -> None:
    """The page is the login page, and has nothing of a bundle."""
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert "latent" not in page.inner_text("body").lower()
    assert page.locator("canvas").count() == 0


def status_of(server: Server, path: str, cookies: str = "") -> int:
    request = urllib.request.Request(f"{server.address}{path}", headers={"Cookie": cookies})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def of_each_process(cookies: str) -> list[str]:
    """Copies of the cookies of a browser, each of which nginx sends to another process."""
    kept = [one for one in cookies.split("; ") if not one.startswith(f"{COOKIE}=")]
    assert len(kept) < len(cookies.split("; ")), "the browser was sent to a process"
    return ["; ".join([*kept, f"{COOKIE}={i}"]) for i in range(2)]


def test_log_in_write_a_note_and_log_out(server: Server, context: BrowserContext) -> None:
    link = f"{server.address}/latent?bundle={CLOSED.id}&latent=12"
    page = context.new_page()
    page.goto(link)
    shows_nothing(page)
    log_in(page, "wim")
    # The login leads to the link that was opened before it.
    page.wait_for_url(re.compile(re.escape(link)))
    page.get_by_role("button", name=NOTE).click()
    page.get_by_label("Name", exact=True).fill("days of the week")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("days of the week").first).to_be_visible()
    expect(page.get_by_text(re.compile("writer\u2060?@lab.*version 1")).first).to_be_visible()
    # A download address that works for this reader.
    page.get_by_role("button", name="Export").first.click()
    with page.expect_response(re.compile("/media/")) as downloaded:
        page.get_by_role("button", name="Rows, CSV", exact=True).first.click()
    media = downloaded.value.url
    assert downloaded.value.status == 200
    other = context.new_page()
    other.goto(link)
    expect(other.get_by_text("days of the week").first).to_be_visible()
    copied = "; ".join(f"{c['name']}={c['value']}" for c in context.cookies())
    data = f"/map-data/{CLOSED.id}/{CLOSED.content}/positions/decoder"
    copies = of_each_process(copied)
    assert [status_of(server, data, copy) for copy in copies] == [200, 200]

    page.get_by_test_id("stExpandSidebarButton").click()
    log_out(page)
    shows_nothing(page)
    shows_nothing(other)  # without a reload
    page.go_back()  # to the provider, and from there to the page with the note
    while not page.url.startswith(server.address):
        page.go_back()
    shows_nothing(page)
    page.goto(link)
    shows_nothing(page)
    assert context.request.get(media).status == 401
    assert context.request.get(f"{server.address}{data}").status == 401
    assert [status_of(server, data, copy) for copy in copies] == [401, 401]


@pytest.mark.parametrize(("user", "sees"), [("bob", False), ("ann", True)])
def test_each_role_sees_its_bundles(
    user: str, sees: bool, server: Server, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/?bundle={CLOSED.id}")
    log_in(page, user)
    absent = page.get_by_text("which is not on this server")
    present = page.get_by_text("Is it healthy?")
    expect(present if sees else absent).to_be_visible()
    expect(absent if sees else present).not_to_be_visible()


def test_somebody_without_a_role_is_told_so(server: Server, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/map?bundle={OPEN.id}")
    log_in(page, "eve")
    expect(page.get_by_text("has no role on this server")).to_be_visible()
    log_out(page)
    shows_nothing(page)


def test_a_right_that_is_withdrawn_empties_an_open_page(
    server: Server, folder: Path, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/latent?bundle={CLOSED.id}&latent=12")
    log_in(page, "wim")
    note = page.get_by_role("button", name=NOTE)
    expect(note).to_be_visible()
    people = folder / "people.toml"
    people.write_text(PEOPLE.replace('see = ["group:inner"]', "see = []"))
    try:
        expect(page.get_by_text("which is not on this server")).to_be_visible()
        expect(note).not_to_be_visible()
    finally:
        people.write_text(PEOPLE)


def test_an_expired_login_leads_to_the_login_page(tmp_path: Path, context: BrowserContext) -> None:
    with team(tmp_path, seconds=8, command=(*SERVE[:5],)) as server:
        page = context.new_page()
        page.goto(f"{server.address}/?bundle={OPEN.id}")
        log_in(page, "wim")
        expect(page.get_by_text("Is it healthy?")).to_be_visible()
        shows_nothing(page)  # once the seconds are over, without a reload
        data = f"{server.address}/map-data/{OPEN.id}/{OPEN.content}/positions/decoder"
        assert until(lambda: context.request.get(data).status, lambda status: status == 401) == 401
