"""How long readers wait when many use one server, and while one of them exports pictures.

    .venv/bin/python -m bench.bench_load [--sessions 50] [--seconds 90] [--workers 1 --workers 2]
        [--bundle FOLDER ...] [--cold] [--exports 40]

Each session opens pages and uses their widgets (latent, cluster, measure, selection), and pauses
for 5 to 15 seconds after each answer. With several bundles, the sessions are spread over them.
`--cold` begins at once and not when the server is warm. Then the same sessions go on while one more
reader exports pictures; only what they wait for meanwhile counts. The client runs on the same
machine; its CPU time is reported. With `--seconds 1800` one sees whether the memory stays flat.

Targets with two workers: 50 sessions on the demo, warm, p95 at most 1.5 s; 40 sessions on eight
bundles of 65,536 latents, cold, p95 at most 2 s and at most 8 GB; no error; beside 40 exports, p95
rises by at most 20 %.
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer

from analysis.bundle import open_bundle
from analysis.serve.nginx import COOKIE
from bench.client import PAGES, Client, Run, Widget
from bench.server import ROOT, Server, started, wait_until_warm

SELECTIONS = ("", "density<0.01", "cluster=3", "flag=dead", '"the"', "cluster=5 & max>2")
LATENTS = ("Latent", "Latent a", "Latent b")
"""Number inputs that hold the id of a latent."""
PROCESSES = (("job_loop", "job process"), ("streamlit", "server process"), ("nginx", "nginx"))
"""What the command of a process has in it, and its name."""
THINK = (5.0, 15.0)
RAMP = 15.0
"""Seconds over which the sessions start."""
SETTLE = 15.0
"""Seconds after these until the exports begin."""
TIMEOUT = 120.0
BETWEEN_READINGS = 30.0
"""Seconds between two readings of the memory."""
THIRDS = 3


@dataclass
class Waits:
    """What the readers of one trial waited for."""

    finished: list[float] = field(default_factory=list)
    """Seconds until the page was complete."""
    first_chart: list[float] = field(default_factory=list)
    """Seconds until the first chart, of the answers that have one."""
    by_page: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    counts: bool = True
    """Whether answers are noted now."""

    def note(self, page: str, run: Run) -> None:
        """Add an answer."""
        if not self.counts:
            return
        self.finished.append(run.seconds)
        self.by_page.setdefault(page or "overview", []).append(run.seconds)
        if run.first_chart is not None:
            self.first_chart.append(run.first_chart)
        self.errors.update(text[:120] for text in run.exceptions)


@dataclass(frozen=True)
class Usage:
    """CPU seconds and private bytes of one process of the server."""

    name: str
    cpu: float
    memory: int


@dataclass(frozen=True)
class Crowd:
    """The readers of a trial."""

    links: tuple[str, ...]
    """The query strings that open the bundles; the sessions are spread over them."""
    latents: int
    """Of the smallest bundle."""
    sessions: int


class Reader:
    """One session and what it can click on."""

    def __init__(self, client: Client, latents: int, seed: int) -> None:
        self.client = client
        self.latents = latents
        self.random = random.Random(seed)
        self.widgets: dict[str, Widget] = {}

    async def open(self, page: str, query: str = "") -> Run:
        """Open a page; its widgets replace those of the page before."""
        run = await self.client.open(page, query or self.client.query, timeout=TIMEOUT)
        self.widgets = {widget.id: widget for widget in run.widgets}
        return run

    async def click(self) -> Run:
        """Open another page, or use a widget of this one."""
        if self.random.random() < 0.35:
            others = [page for page in PAGES if page != self.client.page]
            return await self.open(self.random.choice(others))
        widget, value = self.random.choice(list(choices(self.widgets.values(), self)))
        run = await self.client.set(widget, value, timeout=TIMEOUT)
        drawn = {widget.id: widget for widget in run.widgets}
        self.widgets = self.widgets | drawn if widget.fragment else drawn
        return run


def choices(widgets: Iterable[Widget], reader: Reader) -> Iterable[tuple[Widget, object]]:
    """Widgets that a reader may use, each with the value to set; every page has a selection."""
    for widget in widgets:
        if widget.kind == "selectbox" and widget.label != "Bundle" and len(widget.options) > 1:
            yield widget, reader.random.choice(widget.options)
        elif widget.kind == "number_input" and widget.label in LATENTS:
            yield widget, float(reader.random.randrange(reader.latents))
        elif widget.kind == "text_input" and widget.label == "Selection":
            yield widget, reader.random.choice(SELECTIONS)


def main(
    sessions: Annotated[int, typer.Option(min=1)] = 50,
    seconds: Annotated[float, typer.Option(min=1)] = 90.0,
    workers: Annotated[list[int] | None, typer.Option()] = None,
    bundle: Annotated[list[Path] | None, typer.Option()] = None,
    cold: Annotated[bool, typer.Option("--cold")] = False,
    exports: Annotated[int, typer.Option(min=0)] = 40,
) -> None:
    """Measure the dashboard with each number of workers."""
    folders = bundle or [ROOT / "data" / "demo"]
    opened = [open_bundle(folder) for folder in folders]
    crowd = Crowd(
        tuple(f"bundle={one.manifest.bundle_id}" for one in opened),
        min(len(one.latents) for one in opened),
        sessions,
    )
    places = {"CLEARWATER_BUNDLES": os.pathsep.join(str(folder.absolute()) for folder in folders)}
    for number in workers or [1, 2]:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "analysis", "serve", "--workers", str(number)]
            log = Path(folder) / "log.txt"
            with started(folders[0], log, command, places, ["--port={port}"]) as server:
                for worker in range(0 if cold else number):
                    wait_until_warm(server.address, f"{COOKIE}={worker}")
                print(f"\n{number} workers, {sessions} sessions, {seconds:.0f} s")
                alone = _measured(server, lambda: _load(server.address, crowd, seconds))
                if exports:
                    print(f"{number} workers, {sessions} sessions while one exports {exports}")
                    beside = _measured(
                        server, lambda: _beside_exports(server.address, crowd, exports)
                    )
                    print(f"  p95 rises by {100 * (_p95(beside) / _p95(alone) - 1):.0f} %")


def _measured(server: Server, trial: Callable[[], Awaitable[Waits]]) -> Waits:
    """Run a trial and print its waits and what it cost."""

    async def run() -> Waits:
        return await trial()

    before, own = _usage(server), time.process_time()
    start = time.perf_counter()
    with _memory_read(server) as readings:
        waits = asyncio.run(run())
    wall, own = time.perf_counter() - start, time.process_time() - own
    _print_waits("until the page is complete", waits.finished)
    _print_waits("until the first chart", waits.first_chart)
    for page, values in sorted(waits.by_page.items()):
        _print_waits(f"  {page}", values)
    print(f"  errors: {sum(waits.errors.values())} {dict(waits.errors) or ''}")
    total = 0.0
    for pid, now in _usage(server).items():
        cpu = now.cpu - (before[pid].cpu if pid in before else 0)
        total += cpu
        print(
            f"  {now.name:<16} CPU {cpu:6.1f} s ({100 * cpu / wall:3.0f} %), "
            f"memory {now.memory / 1e6:,.0f} MB"
        )
    each = 1000 * total / max(1, len(waits.finished))
    print(f"  {'together':<16} CPU {total:6.1f} s, {each:5.1f} ms per answer")
    memory = sum(one.memory for one in _usage(server).values())
    print(f"  {'client':<16} CPU {own:6.1f} s ({100 * own / wall:3.0f} %)")
    print(f"  memory of all processes {memory / 1e9:.2f} GB")
    if len(readings) >= THIRDS:
        print("  memory in each third (median) " + _by_thirds(readings))
    return waits


@contextmanager
def _memory_read(server: Server) -> Iterator[list[int]]:
    """The memory of all processes in bytes, read again and again while the block runs."""
    readings: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(BETWEEN_READINGS):
            readings.append(sum(one.memory for one in _usage(server).values()))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield readings
    finally:
        stop.set()
        thread.join()


def _by_thirds(readings: Sequence[int]) -> str:
    """The median of each third in MB, and by how much the last is more than the second."""
    size = len(readings) // THIRDS
    medians = [statistics.median(readings[i * size : (i + 1) * size]) for i in range(THIRDS)]
    rise = 100 * (medians[-1] / medians[-2] - 1)
    return ", ".join(f"{one / 1e6:,.0f} MB" for one in medians) + f" ({rise:+.1f} %)"


def _p95(waits: Waits) -> float:
    return statistics.quantiles(waits.finished, n=20, method="inclusive")[-1]


def _print_waits(name: str, values: list[float]) -> None:
    if len(values) < 2:
        return
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    print(
        f"  {name:<28} n {len(values):>5,}  p50 {statistics.median(values):5.2f} s  "
        f"p95 {cuts[-1]:5.2f} s  largest {max(values):5.2f} s"
    )


def _usage(server: Server) -> dict[int, Usage]:
    """The processes of the server by their id."""
    used = {}
    for process in (server.process, *server.process.children(recursive=True)):
        try:
            times, line = process.cpu_times(), process.cmdline()
            name = next((name for word, name in PROCESSES if word in " ".join(line)), "supervisor")
            memory = int(process.memory_full_info().uss)
            used[process.pid] = Usage(name, times.user + times.system, memory)
        except (psutil.NoSuchProcess, IndexError):
            continue
    return used


async def _load(address: str, crowd: Crowd, seconds: float) -> Waits:
    waits = Waits()
    end = time.perf_counter() + RAMP + seconds
    await _all_sessions(address, crowd, waits, lambda: time.perf_counter() > end)
    return waits


async def _all_sessions(
    address: str, crowd: Crowd, waits: Waits, is_over: Callable[[], bool]
) -> None:
    await asyncio.gather(
        *(_session(address, crowd, seed, waits, is_over) for seed in range(crowd.sessions))
    )


async def _session(
    address: str, crowd: Crowd, seed: int, waits: Waits, is_over: Callable[[], bool]
) -> None:
    await asyncio.sleep(RAMP * seed / crowd.sessions)
    try:
        async with Client(address) as client:
            reader = Reader(client, crowd.latents, seed)
            page = reader.random.choice(PAGES)
            waits.note(page, await reader.open(page, crowd.links[seed % len(crowd.links)]))
            while not is_over():
                await asyncio.sleep(reader.random.uniform(*THINK))
                if not is_over():
                    run = await reader.click()
                    waits.note(client.page, run)
    except (TimeoutError, OSError) as error:
        waits.errors[repr(error)[:120]] += 1


async def _beside_exports(address: str, crowd: Crowd, exports: int) -> Waits:
    """What the sessions wait for while one more reader exports pictures."""
    waits, done = Waits(counts=False), asyncio.Event()

    async def export() -> None:
        await asyncio.sleep(RAMP + SETTLE)
        start, waits.counts = time.perf_counter(), True
        try:
            await _export(address, crowd.links[0], exports, waits)
            print(f"  exported {exports} pictures in {time.perf_counter() - start:.1f} s")
        finally:
            done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(export())
        group.create_task(_all_sessions(address, crowd, waits, done.is_set))
    return waits


async def _export(address: str, link: str, exports: int, waits: Waits) -> None:
    async with Client(address) as client:
        exported = 0
        while exported < exports:
            for page in PAGES:
                run = await client.open(page, link, timeout=TIMEOUT)
                for menu in [menu for menu in run.menus if menu.label == "Export"]:
                    files = (await client.set(menu, timeout=TIMEOUT)).downloads
                    button = next((b for b in files if b.label == "Picture, PNG"), None)
                    if button is None or exported == exports:
                        continue
                    data = await client.download(button, timeout=TIMEOUT)
                    if not data.startswith(b"\x89PNG"):
                        waits.errors["not a PNG"] += 1
                    exported += 1


if __name__ == "__main__":
    typer.run(main)
