"""Links with random parameters, valid and not, on a running server.

A link must end in a page: no exception, no failure that only the log explains, no path of the
server, valid JSON in every chart, at most 2 s of CPU time, and memory that stays flat. A tenth of
the links is followed by a use of a random widget.
"""

import asyncio
import json
import random
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from analysis.bundle import read_manifest
from analysis.cooccurrence.association import MEASURES
from analysis.runtime.memory import CACHE_MEGABYTES
from analysis.selection import FLAGS, NUMERIC_COLUMNS
from bench.client import PAGES, Client, Run, Widget
from bench.server import ROOT, Server, started
from pages.widgets.state import OLD_NAMES, ViewState
from tests.faults.builds import World, prepare_world
from tests.faults.trial import DEMO_BUNDLE, Case, FaultError, Outcome, Trial

FEW, MANY = 20, 1_250
"""Links of the first case, which the tests run, and of every other case."""
MOST_CPU = 2.0
"""Seconds of the server for one link, once its caches are warm."""
MOST_GROWTH = 0.10
LINKS_OF_A_SESSION = 10
SMALL_CACHE = "32"
"""Megabytes, so that the caches are full early and only a leak makes memory grow."""
FAILURE = re.compile(r"Something went wrong while .*error [0-9a-f]{8}")

HOSTILE = (
    "", " ", "0", "-1", "1", "1e400", "-1e400", "nan", "inf", "NaN", "9" * 30, "-" + "9" * 30,
    "1.5", "0x10", "1_000", "٣", "١٢٣", "２", "None", "null", "true", "[]", "{}", "[1,2]",
    "<script>alert(1)</script>", "javascript:alert(1)", "../../../../etc/passwd", "/etc/passwd",
    "'; drop table latents; --", "${7*7}", "{{7*7}}", "%s%n", "\0", "a\0b", "\n", "\r\nX: 1", "\t",
    "\u202egnp", "\ufeff", "\ud7ff", "e" + "\u0301" * 200, "😀" * 50, "日本語", "ﷺ" * 30, "İ", "ß",
    "x" * 5000, "a b c", "&", "=", "?", "#", "**bold**", "[a](http://x)", "$x$", ":red[x]", "`x`",
)  # fmt: skip
RAW = ("%", "%zz", "%ED%A0%80", "%FF%FE", "%00", "a=b=c", "&&&", "=", ";", "+", "select", "%C0%AF")
"""Pieces of a query string that no browser writes."""


@dataclass(frozen=True)
class Link:
    """A page and its query string."""

    page: str
    query: str


@dataclass
class Measured:
    """What the links cost."""

    cpu: list[float] = field(default_factory=list)
    """Seconds of each link."""
    memory: list[int] = field(default_factory=list)
    """Bytes after every session."""


PATTERNS = (
    "the",
    "^.",
    "(a+)+$",
    r"(a)\\1",
    "(",
    "[",
    r"(\\pL?){300}",
    "a{999}{999}",
    ".*" * 99,
    "x" * 201,
)


def random_link(draw: random.Random, bundle_id: str, latents: int) -> Link:
    """A link to a page; half of the values are valid."""
    parts = []
    if draw.random() < 0.9:
        parts.append(("bundle", bundle_id if draw.random() < 0.95 else draw.choice(HOSTILE)))
    for _ in range(draw.choice((0, 1, 1, 2, 3, 5, 12))):
        names = (*ViewState.model_fields, *OLD_NAMES)
        name = draw.choice(names) if draw.random() < 0.97 else draw.choice(HOSTILE)
        parts.append((name, random_value(draw, name, latents)))
    if draw.random() < 0.6:
        parts.append(("select", random_selection(draw, latents)))
    draw.shuffle(parts)
    query = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in parts)
    if draw.random() < 0.1:
        query += "&" + draw.choice(RAW)
    page = draw.choice(PAGES) if draw.random() < 0.97 else draw.choice(HOSTILE)
    return Link(page, query)


def quoted(text: str) -> str:
    """A text as a part of an address; half a character is kept, as no browser does."""
    return quote(text, safe="", errors="surrogatepass")


def random_value(draw: random.Random, name: str, latents: int) -> str:
    """A value of a parameter: valid, near the limit of what is valid, or anything."""
    if draw.random() < 0.3:
        return draw.choice(HOSTILE)
    number = str(draw.choice((0, 1, 2, 7, latents - 1, latents, 2**31 - 1, 2**31, 10**12)))
    valid: dict[str, Callable[[], str]] = {
        "select": lambda: random_selection(draw, latents),
        "measure": lambda: draw.choice(list(MEASURES)),
        "map": lambda: draw.choice(("decoder", "cooccurrence")),
        "colour": lambda: draw.choice(("cluster", "density", "moved", "max", "own_text")),
        "own_text": lambda: f"{draw.randrange(latents)}:1,{number}:{draw.choice(('0.5', '9999'))}",
        "viewport": lambda: ",".join(_edge(draw) for _ in range(4)),
        "pooled": lambda: draw.choice(("top", "random")),
        "classes": lambda: draw.choice(("member", "token")),
        "tab": lambda: draw.choice(("pairs", "relations", "components", "neighbourhood")),
        "nodes": lambda: draw.choice(("latent", "cluster", "selection")),
        "subject": lambda: draw.choice(("selection", "latent")),
        "relation": lambda: draw.choice(("all", "duplicate", "implication", "exclusive")),
        "chance": lambda: draw.choice(("hidden", "shown")),
        "flagged": lambda: draw.choice(("hidden", "shown")),
        "space": lambda: draw.choice(("decoder", "cooccurrence", "map")),
        "network": lambda: draw.choice(("decoder", "cooccurrence", "cluster", "127")),
        "contexts": lambda: draw.choice(("top", "interval", "random")),
        "threshold": lambda: draw.choice(("0", "0.5", "3", "1e-300", "1e300", "-2")),
        "window": lambda: draw.choice(("1", "2", "256", "999999", "1000000", "1000001")),
        "picking": lambda: draw.choice(("even", "random")),
        "latent": lambda: str(draw.randrange(latents)),
        "partner": lambda: str(draw.randrange(latents)),
    }
    return valid[name]() if name in valid and draw.random() < 0.8 else number


def _edge(draw: random.Random) -> str:
    if draw.random() < 0.8:
        return f"{draw.uniform(-5, 20):.4g}"
    return draw.choice(("1e308", "-1e308", "1e-320", "0", "1e15", "nan"))


def random_selection(draw: random.Random, latents: int, depth: int = 0) -> str:
    """The text of a selection: mostly readable, sometimes deep, long, huge or broken."""
    roll = draw.random()
    if depth == 0 and roll < 0.08:
        return draw.choice(
            (
                "(" * 3000, "!" * 49 + "a", "(" * 49 + "a" + ")" * 49, "!" * 20_000, "x" * 20_001,
                "|".join(["near(1)"] * 100), "&".join(["!flag=dead"] * 100),
                "|".join(["partners(1,pmi)"] * 101), '"' * 999, "latent=" + "1," * 6000 + "1",
                " ".join(["a"] * 9000), "|".join(f'"{draw.randrange(10**6)}"' for _ in range(100)),
                '"(a+)+$"', '"' + "a" * 15_000 + '"', "near(" + "9" * 10_000 + ")",
            )
        )  # fmt: skip
    if roll < 0.15:
        return draw.choice(HOSTILE)
    if depth < 4 and roll < 0.45:
        parts = [random_selection(draw, latents, depth + 1) for _ in range(draw.randint(2, 3))]
        return draw.choice((" & ", " | ", "&", "|", " and ", " or ")).join(
            f"({part})" if draw.random() < 0.5 else part for part in parts
        )
    if roll < 0.5:
        return "!" + random_selection(draw, latents, depth + 1)
    number = draw.choice(
        ("0", "1", "5", str(latents - 1), str(latents), "999999999", "9" * 30, "-3")
    )
    small = str(draw.randrange(latents))
    return draw.choice(
        (
            f"latent={small},{number}", f"cluster={number}", "cluster=none", f"community={number}",
            f"flag={draw.choice(FLAGS)}", f"near({small},{number})", f"near({number})",
            f"{draw.choice(NUMERIC_COLUMNS)}{draw.choice(('<', '<=', '>', '>=', '='))}"
            f"{draw.choice((number, '0.01', '1e-300', '-1e300', 'nan', '1e400'))}",
            f"partners({small},{draw.choice(list(MEASURES))},{number})", f"partners({number})",
            f"box({','.join(_edge(draw) for _ in range(4))})", '"the"', f'context("{small}")',
            f"lasso({','.join(_edge(draw) for _ in range(draw.choice((5, 6, 200, 202))))})",
            f"relation({small})", f"relation({number},implication)", "relation(duplicate)",
            f"{draw.choice(NUMERIC_COLUMNS)}={_edge(draw)}..{_edge(draw)}",
            f"latent={small}..{number}", f"/{draw.choice(PATTERNS)}/", "context(the)", "New York",
            "the 3 (a !b)", "python", '"\\"', "<>",
        )
    )  # fmt: skip


async def follow(
    server: Server,
    links: Sequence[Link],
    secrets: Sequence[str],
    draw: random.Random,
    headers: dict[str, str] | None = None,
) -> Measured:
    """Follow the links, one at a time. Raises FaultError at the first that fails.

    `secrets` are texts that the server must not send, `headers` those of the reader. The CPU time
    of a few links is not checked, because it includes what a server does once.
    """
    measured = Measured()
    for start in range(0, len(links), LINKS_OF_A_SESSION):
        async with Client(server.address, headers) as client:
            for link in links[start : start + LINKS_OF_A_SESSION]:
                before = server.cpu()
                run = await _ended(client.open(link.page, link.query), f"{link}")
                cpu = server.cpu() - before
                check(run, f"{link}", secrets)
                if cpu > MOST_CPU and len(links) >= MANY:
                    raise FaultError(f"{link} took {cpu:.2f} s of CPU time.")
                measured.cpu.append(cpu)
                usable = [widget for widget in run.widgets if _use(draw, widget) is not None]
                if usable and draw.random() < 0.1:
                    widget = draw.choice(usable)
                    value = _use(draw, widget)
                    deed = f"{link}, then {widget.label!r} {value!r}"
                    check(await _ended(client.set(widget, value), deed), deed, secrets)
        measured.memory.append(server.memory())
    return measured


async def _ended(run: Any, deed: str) -> Run:
    try:
        ended: Run = await run
    except Exception as error:
        raise FaultError(f"{deed} did not end: {type(error).__name__} {error}") from error
    return ended


def _use(draw: random.Random, widget: Widget) -> Any:
    """A value that a reader can give to a widget; None if there is none."""
    match widget.kind:
        case "button":
            return True
        case "selectbox" if widget.options:
            return draw.choice(widget.options)
        case "number_input":
            return float(draw.choice((0, 1, 2)))
        case "text_input":
            return draw.choice(("", "the", "flag=dead", "((", "near(1)"))
        case _:
            return None


def check(run: Run, deed: str, secrets: Sequence[str]) -> None:
    """Raise FaultError if a run shows an exception, a failure or a secret, or draws no JSON."""
    if run.exceptions:
        raise FaultError(f"{deed} raised {run.exceptions[0][:2000]}")
    if failures := [alert for alert in run.alerts if FAILURE.search(alert)]:
        raise FaultError(f"{deed} showed {failures[0]}")
    for message in run.messages:
        sent = message.SerializeToString()
        for secret in secrets:
            if secret.encode() in sent:
                at = sent.index(secret.encode())
                raise FaultError(f"{deed} sent {sent[max(at - 80, 0) : at + 120]!r}")
    for chart in run.elements("vega_lite_chart"):
        json.loads(chart.spec, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise FaultError(f"A chart has {name}, which is not JSON.")


def check_memory(memory: Sequence[int]) -> float:
    """The growth of memory from the second quarter of the sessions to the last.

    In the first quarter, some 300 links, the caches fill up. Raises FaultError if the growth is
    more than a tenth.
    """
    quarter = max(len(memory) // 4, 1)
    first = statistics.median(memory[quarter : 2 * quarter] or memory)
    last = statistics.median(memory[-quarter:])
    growth = last / first - 1
    if growth > MOST_GROWTH:
        raise FaultError(f"Memory grew from {first / 2**20:.0f} to {last / 2**20:.0f} MB.")
    return growth


def trial_of(bundle: Path, number: int, draw: random.Random, log: Path) -> Outcome:
    """Follow `number` links on a new server of a bundle."""
    manifest = read_manifest(bundle)
    secrets = (str(bundle.parent), str(ROOT), str(Path.home()) + "/", str(log.parent), "Traceback")
    with started(bundle, log, environment={CACHE_MEGABYTES: SMALL_CACHE}) as server:
        if number >= MANY:
            asyncio.run(_warm(server))
        links = [random_link(draw, manifest.bundle_id, manifest.sae.d_sae) for _ in range(number)]
        measured = asyncio.run(follow(server, links, secrets, draw))
    if "Traceback" in (printed := log.read_text(errors="replace")):
        raise FaultError(f"The log has {printed[printed.index('Traceback') :][:3000]}")
    growth = check_memory(measured.memory) if number >= MANY else 0.0
    return Outcome(
        f"{number} links",
        {
            "seconds of CPU time of a link": max(measured.cpu),
            "median seconds of CPU time": statistics.median(measured.cpu),
            "growth of memory": growth,
            "MB of memory": max(measured.memory) / 2**20,
        },
    )


async def _warm(server: Server) -> None:
    """Open every page once: the first time loads libraries and compiles kernels."""
    async with Client(server.address) as client:
        for page in PAGES:
            await client.open(page, timeout=300)
        for tab in ("relations", "components", "neighbourhood"):
            await client.open("cooccurrence", f"tab={tab}", timeout=300)
        await client.open("map", "map=cooccurrence", timeout=300)


def run(case: Case) -> Outcome:
    """A few links on the tiny world, or many on the demo."""
    few = case.number == 0 or not DEMO_BUNDLE.is_dir()
    bundle = World(case.shared).whole if few else DEMO_BUNDLE
    number = FEW if case.number == 0 else MANY
    return trial_of(bundle, number, case.random(), case.folder / "log.txt")


TRIAL = Trial(
    "links",
    5,
    run,
    prepare_world,
    covers=("dashboard.py", "pages", "charts", "analysis/selection", "bench/client.py"),
)
