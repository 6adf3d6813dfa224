"""Time from the start of the server until the charts of the first page are drawn.

    .venv/bin/python -m bench.bench_first_paint [ROUNDS]

Each round starts a new server on the demo; an empty page of a browser is already open and loads the
dashboard as soon as the server answers (target: 4 s to the first chart).
"""

import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.bench_browser import EXECUTABLE, seen_at, wait_for_browser, watch_for

ROOT = Path(__file__).parent.parent
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TITLE, CHART = "h1", ".marks"


def main(rounds: int = 3) -> None:
    """Print the median times of title and first chart, in seconds after the start of the server."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        measured = [_round(browser) for _ in range(rounds)]
        browser.close()
    names = ("server answers", "title", "first chart")
    for name, seconds in zip(names, zip(*measured, strict=True), strict=True):
        print(f"{name:<15} {statistics.median(seconds):5.2f} s")


def _round(browser: Browser) -> tuple[float, float, float]:
    page = browser.new_page()
    page.add_init_script(watch_for(TITLE, CHART))
    wait_for_browser()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.time()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless=true"]
    server = subprocess.Popen(
        [*command, f"--server.port={port}", "--server.address=127.0.0.1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address)
        answers = time.time() - started
        page.goto(address)
        title, chart = (seen_at(page, selector) - started for selector in (TITLE, CHART))
        page.close()
        return answers, title, chart
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health"):
                return
        except OSError:
            time.sleep(0.02)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
