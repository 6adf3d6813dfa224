"""Fixtures: the dashboard on a loopback port, and a headless Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from analysis.bundle import Bundle, open_bundle
from charts.core.scheme import Scheme
from tests.browser.map_modules import serve
from tests.conftest import DEMO_BUNDLE, ROOT

if TYPE_CHECKING:
    from tests.browser.map_page import MapPage

FEATURES_OFF = (
    # Pages of the address bar, which nobody sees, cost as much as an empty page of Streamlit.
    "WebUIOmniboxPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxAimPopup",
    # Those that Playwright turns off: only the last list of a command line counts.
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # All pages of a profile share a process, which keeps the scripts that it has compiled: a page
    # costs a third less.
    "--process-per-site",
    "--disable-features=" + ",".join(FEATURES_OFF),
]
FIELD = ".st-key-selection-as-text input"
"""The field of the selection."""
PATIENCE = 90_000
"""Milliseconds. Long enough for a busy machine."""
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Of Chromium: without the windows of a browser, a page costs a third less."""
# Streamlit requests these paths relative to the page first, and then at the root.
EXPECTED_MISSES = ("/_stcore/health", "/_stcore/host-config")

OpenPage = Callable[..., Page]
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def served_bundle(request: pytest.FixtureRequest) -> Path:
    """The bundle in the environment variable, else the shipped demo, else the planted bundle."""
    if named := os.environ.get("CLEARWATER_TEST_BUNDLE"):
        return Path(named)
    if DEMO_BUNDLE.is_dir():
        return DEMO_BUNDLE
    path: Path = request.getfixturevalue("planted_bundle").path
    return path


@pytest.fixture(scope="session")
def bundle(served_bundle: Path) -> Bundle:
    """The bundle that is served."""
    return open_bundle(served_bundle)


@pytest.fixture(scope="session")
def server(served_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a freshly started dashboard."""
    with serving(served_bundle, tmp_path_factory.mktemp("server")) as address:
        yield address


@contextmanager
def serving(bundle: Path, folder: Path) -> Iterator[str]:
    """A dashboard of a bundle, with its log and what readers answer in a folder; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
    options = {"port": port, "address": "127.0.0.1", "headless": "true", "fileWatcherType": "none"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *(f"--server.{name}={value}" for name, value in options.items())],
            cwd=ROOT,
            env=os.environ
            | {"CLEARWATER_BUNDLES": str(bundle), "CLEARWATER_ANSWERS": str(log.parent)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/_stcore/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            raise RuntimeError(f"the dashboard exited at start-up: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"the dashboard did not start: {log.read_text()[-2000:]}")


# Not of the whole session: playwright's event loop would run on below the tests of other folders.
@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; if it is missing, the tests are skipped, except in CI."""
    executable = next((path for name in NAMES if (path := shutil.which(name))), None)
    if executable is None and not os.environ.get("CI"):
        pytest.skip("Chromium is missing: install the package chromium to run the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


class Profiles:
    """Profiles that every test leaves as they were: the first reader of each test has the first."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self._made: list[BrowserContext] = []

    def __getitem__(self, reader: int) -> BrowserContext:
        """The profile of a reader of the test, counted from 0."""
        while len(self._made) <= reader:
            self._made.append(new_profile(self._chromium))
        return self._made[reader]

    def close(self) -> None:
        """Close all profiles."""
        for profile in self._made:
            profile.close()


@pytest.fixture(scope="package")
def profiles(chromium: Browser) -> Iterator[Profiles]:
    """Profiles for all tests, so that the scripts of the pages are compiled only once."""
    kept = Profiles(chromium)
    yield kept
    kept.close()


def new_profile(chromium: Browser) -> BrowserContext:
    """A profile without animations; its process ends when it is closed."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    context.add_init_script(_NO_ANIMATIONS)
    # An empty page of the same site: without it the process ends with the last page of a test.
    page = context.new_page()
    page.route("**", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto("http://127.0.0.1/")
    return context


# Each frame is drawn by the processor: what moves while a page waits takes a fifth of its time.
# The clock of a trial stays, which a test reads. Transitions stay: by their delay, Streamlit keeps
# what it draws again from fading for a moment.
_NO_ANIMATIONS = """{
  const style = new CSSStyleSheet();
  style.replaceSync(`:not(.clearwater-clock *), ::before, ::after {
    animation-duration: 1ms !important; animation-delay: 0s !important;
    animation-iteration-count: 1 !important;
  }`);
  document.adoptedStyleSheets.push(style);
}"""


@pytest.fixture(scope="package")
def modules(chromium: Browser) -> Iterator[Page]:
    """A page that can import the modules of the map, without a server."""
    page = serve(chromium.new_page())
    yield page
    page.close()


@pytest.fixture(scope="package")
def paused(chromium: Browser) -> Iterator[Page]:
    """The same with a clock that stands still until a test moves it."""
    page = chromium.new_page()
    page.clock.install(time=0)
    serve(page)
    page.clock.pause_at(1000)
    yield page
    page.close()


@pytest.fixture
def open_page(server: str, profiles: Profiles) -> Iterator[OpenPage]:
    """Opens an address of the dashboard; errors in the console of a page fail the test.

    Each page of a test has a profile of its own, as that of another reader, in which nothing is
    stored. `script` runs before those of the page.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def hear(message: ConsoleMessage) -> None:
        missed = str(message.location.get("url", ""))
        if message.type == "error" and not missed.endswith(EXPECTED_MISSES):
            complaints.append(f"{message.text} {missed}")

    def run(
        path: str = "",
        width: int = 1440,
        height: int = 900,
        scheme: Scheme = "light",
        script: str = "",
    ) -> Page:
        page = profiles[len(pages)].new_page()
        pages.append(page)
        if script:
            page.add_init_script(script)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path if path.startswith("http") else f"{server}/{path}")
        settle(page)
        return page

    yield run
    for page in pages:
        stored = {"origin": page.evaluate("location.origin"), "storageTypes": "all"}
        page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
        page.close()
    assert not complaints


def settle(page: Page) -> None:
    """Wait until the page is drawn and the server has been idle for a while."""
    _wait_until_idle(page, 750, drawn=".vega-embed svg, .vega-embed canvas")


@contextmanager
def opened_menu(page: Page, button: Locator, item: str) -> Iterator[Locator]:
    """An item of the menu of a button; the menu is closed afterwards.

    The server draws a menu that is opened, and empties it when it is closed. A click that comes
    between the two is lost, so this waits for both, as a person does.
    """
    button.click()
    own = page.get_by_role("button", name=item, exact=True)
    own.wait_for()
    _wait_until_idle(page, 300)
    yield own
    page.keyboard.press("Escape")
    own.wait_for(state="hidden")
    _wait_until_idle(page, 300)


def _wait_until_idle(page: Page, milliseconds: int, drawn: str | None = None) -> None:
    """Wait until the server is idle for a while and what comes first of `drawn` is visible.

    The page looks itself: Playwright looks every half second, and later while the page is busy.
    """
    settling = [next(_SETTLINGS), milliseconds, drawn]
    page.wait_for_function(_STAYS_IDLE, arg=settling, polling=100)


_SETTLINGS = count()
_STAYS_IDLE = """([settling, long, drawn]) => {
  const now = performance.now();
  if (window.settling?.number !== settling) window.settling = { number: settling, since: now };
  const app = document.querySelector("[data-testid=stApp]");
  const runs = app?.dataset.testScriptState !== "notRunning";
  const isVisible = (one) =>
    one?.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().height > 0;
  const waits = runs || document.querySelector("[data-testid=stSkeleton]");
  const isDrawn = drawn === null || isVisible(document.querySelector(drawn));
  if (waits || !isDrawn) window.settling.since = now;
  return now - window.settling.since >= long;
}"""


def selected(page: Page) -> int:
    """The number of selected latents that the selection bar shows."""
    text = page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ latents$")).inner_text()
    return int(text.split(" of ")[0].replace(",", ""))


def until(read: Callable[[], int], holds: Callable[[int], bool]) -> int:
    """Read a value until it fulfils the condition; return the last value."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds(value := read()) and time.monotonic() < end:
        time.sleep(0.25)
    return value


@pytest.fixture
def shown(open_page: OpenPage, bundle: Bundle) -> "MapPage":
    """The map of the decoder vectors, as a whole."""
    from tests.browser.map_page import MapPage  # noqa: PLC0415 - it imports `settle` from here

    return MapPage(open_page("map?map=decoder"), bundle).ready()
