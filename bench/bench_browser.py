"""The Map page in a headless Chromium, with the map and with the chart for browsers without WebGL2.

    .venv/bin/python -m bench.bench_browser BUNDLE… [--rounds 5]

Opens the Map page of each bundle with the map in WebGL2 and, in the same round, with the
chart that browsers without WebGL2 get. It prints medians: seconds from the request of the page
until the map is drawn, milliseconds of a frame while the map is dragged, seconds from the end of a
box until a linked chart has changed and until the server is idle, CPU seconds of the server for
it, megabytes that were sent to the browser, and megabytes of the browser's renderer after one,
after twenty and after forty selections, each after its garbage has been collected. During the
first twenty the browser compiles what runs often; what leaks grows during the next twenty too.
Rendering is in software, so times are those of a machine without a GPU.
"""

import argparse
import itertools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from bench.server import Server, started, wait_until_warm

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip
MEASURED_AFTER = (20, 40)
"""Selections after which the memory of the renderer is read again."""
BROWSER_IDLE = 0.06
"""CPU seconds in one second of a browser that shows an empty page."""
EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-headless-shell")
PATIENCE = 300_000
"""Milliseconds; a chart of a million points takes minutes."""
WITHOUT_WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind === "webgl2" ? null : get.call(this, kind, ...more);
};
"""
Row = dict[str, float]


def launched(playwright: Playwright) -> Browser:
    """A fresh browser, so that no round profits from the cache of another."""
    return playwright.chromium.launch(executable_path=EXECUTABLE, args=[*FLAGS])


def wait_for_browser() -> None:
    """Wait until the browser has finished its own start.

    With its first page it loads hundreds of scripts for windows that nobody sees, which take as
    much time as the empty page of Streamlit.
    """
    used = _browser_cpu()
    while True:
        time.sleep(1)
        before, used = used, _browser_cpu()
        if used - before < BROWSER_IDLE:
            return


def _browser_cpu() -> float:
    """CPU seconds of all processes of the browser so far."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "chrom" in process.name():
                total += sum(process.cpu_times()[:2])
    return total


def page_round(playwright: Playwright, server: Server, webgl: bool) -> Row:
    """One visit of the Map page, and what a reader does there."""
    browser = launched(playwright)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE)
    if not webgl:
        page.add_init_script(WITHOUT_WEBGL)
    drawn = ".map[data-drawn=all]" if webgl else "[class*=st-key-card-map] canvas"
    page.add_init_script(watch_for(drawn))
    received = _count_bytes(page)
    wait_for_browser()
    begin = time.time()
    page.goto(f"{server.address}/map?map=decoder")
    row = {"paint s": seen_at(page, drawn) - begin}
    _idle(page)
    row["sent MB"] = received() / 1e6
    if webgl:
        row["frame ms"] = _dragged(page)
        page.locator(".map .surface").focus()
        page.keyboard.press("b")
    before = server.cpu()
    row["linked s"], row["idle s"] = _box(page, webgl, 0)
    row["server CPU s"] = server.cpu() - before
    row["renderer MB"] = _renderer_memory(page)
    if webgl:
        for count in range(2, MEASURED_AFTER[-1] + 1):
            _box(page, webgl, count % 20)
            if count in MEASURED_AFTER:
                row[f"renderer MB after {count}"] = _renderer_memory(page)
    browser.close()
    return row


def watch_for(*selectors: str) -> str:
    """A script that notes when a page first has an element of each selector, also in shadow trees.

    It looks in every frame. Playwright looks every half second, and later while the page is busy.
    """
    return f"({_WATCH_ELEMENTS})({json.dumps(selectors)})"


def seen_at(page: Page, selector: str) -> float:
    """When the element was there first, in seconds of the clock of `time.time`."""
    page.wait_for_function("(selector) => window.seenAt?.[selector]", arg=selector)
    return float(page.evaluate("(selector) => window.seenAt[selector]", selector)) / 1000


_WATCH_ELEMENTS = """(selectors) => {
  window.seenAt = {};
  const shadows = () => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    .map((host) => host.shadowRoot).filter(Boolean);
  const look = () => {
    const roots = [document, ...shadows()];
    selectors = selectors.filter((selector) => {
      if (!roots.some((root) => root.querySelector(selector))) return true;
      window.seenAt[selector] = performance.timeOrigin + performance.now();
    });
    if (selectors.length) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def _count_bytes(page: Page) -> Callable[[], int]:
    """What the browser has received, by the network's own account."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.dataReceived", lambda e: sizes.append(int(e["encodedDataLength"])))
    session.on(
        "Network.webSocketFrameReceived",
        lambda e: sizes.append(len(e["response"]["payloadData"]) * 3 // 4),
    )
    return lambda: sum(sizes)


def _idle(page: Page) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(500)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def _surface(page: Page, webgl: bool) -> tuple[float, float, float, float]:
    place = ".map .surface" if webgl else "[class*=st-key-card-map] canvas"
    box = page.locator(place).first.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def _dragged(page: Page) -> float:
    """The median milliseconds between two frames while the map is dragged."""
    left, top, width, height = _surface(page, True)
    page.evaluate(
        "() => { window.frames = []; const see = (t) => { frames.push(t);"
        " if (frames.length < 600) requestAnimationFrame(see); }; requestAnimationFrame(see); }"
    )
    page.mouse.move(left + width / 2, top + height / 2)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(left + width / 2 + 3 * step, top + height / 2 + step)
    page.mouse.up()
    times: list[float] = page.evaluate("frames")
    return statistics.median(b - a for a, b in itertools.pairwise(times))


def _box(page: Page, webgl: bool, step: int) -> tuple[float, float]:
    """Draw a box; seconds until the linked chart has changed, and until the server is idle."""
    left, top, width, height = _surface(page, webgl)
    page.evaluate(_WATCH_CHART)
    page.mouse.move(left + width * 0.4, top + height * 0.4)
    page.mouse.down()
    page.mouse.move(left + width * (0.5 + 0.01 * step), top + height * 0.6, steps=5)
    page.mouse.up()
    begin = time.perf_counter()
    page.wait_for_function("() => window.chartChanged", polling=10)
    linked = time.perf_counter() - begin
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    idle = time.perf_counter() - begin
    page.wait_for_timeout(400)
    return linked, idle


_WATCH_CHART = """() => {
  window.chartChanged = false;
  const rail = document.querySelector("[class*=st-key-card-density]");
  const seen = new MutationObserver(() => { window.chartChanged = true; seen.disconnect(); });
  seen.observe(rail, { subtree: true, childList: true, attributes: true, attributeFilter: ["d"] });
}"""


def _renderer_memory(page: Page) -> float:
    """Megabytes of the largest renderer of the browser, without garbage.

    A renderer collects only when it wants to. What waits for that may double its size.
    """
    session = page.context.new_cdp_session(page)
    for _ in range(2):  # what finalizers have let go of is collected by the second one
        session.send("HeapProfiler.collectGarbage")
    session.detach()
    sizes = [
        process.memory_full_info().uss / 1e6
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(process.cmdline())
    ]
    return max(sizes, default=0.0)


def measure_pages(bundles: list[Path], rounds: int) -> None:
    """Print a table of the pages of each bundle, with the map and with the chart."""
    for bundle in bundles:
        rows: dict[str, list[Row]] = {"map": [], "chart": []}
        with (
            tempfile.TemporaryDirectory() as folder,
            sync_playwright() as playwright,
            started(bundle, Path(folder) / "server.log") as server,
        ):
            wait_until_warm(server.address)
            for _ in range(rounds):
                for name, measured in rows.items():
                    measured.append(page_round(playwright, server, name == "map"))
        print(f"\n{bundle}")
        for name, measured in rows.items():
            print_medians(name, measured)


def print_medians(name: str, rows: list[Row]) -> None:
    """Print the median of each number."""
    medians = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    print(f"{name:<18} " + "  ".join(f"{key} {value:,.3g}" for key, value in medians.items()))


def main() -> None:
    """Measure the pages of bundles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    measure_pages(options.bundles, options.rounds)


if __name__ == "__main__":
    main()
