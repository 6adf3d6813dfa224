"""CPU seconds of the server for one rerun of each page.

    .venv/bin/python -m bench.bench_reruns BUNDLE [CHECKOUT] [--reruns 15]

One session opens a page and then reruns it: each time with something changed, as by a reader
(another latent, pair, cluster or selection), and each time with nothing changed. Prints the median
and the largest CPU seconds of the process, and the bytes that were sent. CHECKOUT is another
version of the repository to measure, with the packages of this one.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from analysis.bundle import Bundle, open_bundle
from bench.client import Client
from bench.server import ROOT, Server, started, wait_until_warm

PAUSE = 0.25
"""Seconds after a run in which the server finishes what belongs to it."""
Measured = tuple[float, int]
"""CPU seconds and bytes of a rerun."""


def views(bundle: Bundle, count: int) -> dict[str, list[str]]:
    """For each page, the query strings of `count` views that differ in one thing."""
    clusters = bundle.clusters.filter(bundle.clusters["level"].to_numpy() == 0)
    ids = clusters.sort_by([("size", "descending")])["cluster"].to_pylist()
    by_density = bundle.latents.sort_by([("density", "descending")])["latent"].to_pylist()
    latents = [by_density[(i + 1) * len(by_density) // (2 * count)] for i in range(count)]
    partners = [_partner(bundle, latent) for latent in latents]
    densities = [f"density%3C{0.01 / (i + 1):.4g}" for i in range(count)]
    chosen = [ids[i % len(ids)] for i in range(count)]
    return {
        "overview": [f"select={text}" for text in densities],
        "map": [f"select={text}" for text in densities],
        "clusters": [f"cluster={i}" for i in chosen],
        "cooccurrence": [f"select=cluster%3D{i}" for i in chosen],
        "pair": [f"latent={a}&partner={b}" for a, b in zip(latents, partners, strict=True)],
        "latent": [f"latent={i}" for i in latents],
    }


def _partner(bundle: Bundle, latent: int) -> int:
    stored = bundle.partners.of(latent)["partner"].to_pylist()
    return int(stored[0]) if stored else (latent + 1) % bundle.latents.num_rows


async def measure(server: Server, page: str, queries: list[str]) -> Iterator[list[Measured]]:
    """Reruns with a change, and reruns without one."""
    async with Client(server.address) as client:
        changed: list[Measured] = []
        unchanged: list[Measured] = []
        await client.open("" if page == "overview" else page, queries[0])
        for query in queries[1:]:
            client.query = query
            changed.append(await _measured(server, client))
            unchanged.append(await _measured(server, client))
        return iter((changed, unchanged))


async def _measured(server: Server, client: Client) -> Measured:
    before = server.cpu()
    run = await client.rerun()
    if run.exceptions:
        raise SystemExit(f"{client.page}?{client.query}: {run.exceptions[0]}")
    await asyncio.sleep(PAUSE)
    return server.cpu() - before, run.bytes


def main() -> None:
    """Print a table of the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("checkout", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--reruns", type=int, default=15)
    parser.add_argument("--pages", nargs="*")
    given = parser.parse_args()
    bundle, checkout = open_bundle(given.bundle), given.checkout.resolve()
    command = [sys.executable, "-m", "streamlit", "run", str(checkout / "dashboard.py")]
    environment = {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(checkout)}
    print(f"{'page':<14}{'changed':>9}{'most':>7}{'kB':>7}{'unchanged':>12}{'most':>7}{'kB':>7}")
    with (
        tempfile.TemporaryDirectory() as folder,
        started(given.bundle.parent, Path(folder) / "log", command, environment) as server,
    ):
        wait_until_warm(server.address)
        for page, queries in views(bundle, given.reruns + 1).items():
            if given.pages and page not in given.pages:
                continue
            links = [f"bundle={bundle.manifest.bundle_id}&{query}" for query in queries]
            line = f"{page:<14}"
            for runs in asyncio.run(measure(server, page, links)):
                seconds = [cpu for cpu, _ in runs]
                size = statistics.median(size for _, size in runs) / 1000
                line += f"{statistics.median(seconds):9.2f}{max(seconds):7.2f}{size:7.0f}   "
            print(line, flush=True)


if __name__ == "__main__":
    main()
