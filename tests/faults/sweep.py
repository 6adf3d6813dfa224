"""Every page of odd bundles, with every value of every picker and every measure.

Case 0 is a sample over all kinds of bundle; each other case is one kind in full.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

from analysis.bundle import SPACES, ContextKind, read_manifest
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from bench.client import Client
from bench.server import ROOT, Server, started
from charts.component_plane import CLASSES
from charts.map_columns import COLOUR_NAMES
from charts.relations import ALL, RELATIONS
from tests.faults.links import check
from tests.faults.odd_bundles import ODD, prepare_bundles
from tests.faults.trial import DEMO_BUNDLE, Case, FaultError, Outcome, Trial

KINDS = (*ODD, "planted", "schema 2", "demo")
SAMPLE = 2
"""Combinations of each kind in case 0, which the tests run."""
SELECTIONS = ("", '"no such token anywhere"', "density<0.01 | latent=0")
Values = Mapping[str, Sequence[object]]

PICKERS: list[tuple[str, Values]] = [
    ("", {}),
    (
        "map",
        {
            "map": get_args(MapName),
            "colour": list(COLOUR_NAMES),
            "space": SPACES,
            "level": (0, 1, 9),
            "viewport": ("", "-1,1,-1,1", "90,91,90,91"),
        },
    ),
    (
        "clusters",
        {
            "measure": list(MEASURES),
            "space": SPACES,
            "level": (0, 1),
            "classes": list(CLASSES),
            "component": (1, 2),
        },
    ),
    ("clusters", {"pooled": ("top", "random"), "cluster": ("", 0, 99999)}),
    (
        "cooccurrence",
        {
            "tab": ["pairs"],
            "measure": list(MEASURES),
            "subject": ("selection", "latent"),
            "latent": ("", 0, 1, 99999),
        },
    ),
    (
        "cooccurrence",
        {"tab": ["relations"], "relation": (ALL, *RELATIONS), "flagged": ("hidden", "shown")},
    ),
    ("cooccurrence", {"tab": ["components"]}),
    (
        "cooccurrence",
        {
            "tab": ["neighbourhood"],
            "measure": list(MEASURES),
            "network": SPACES,
        },
    ),
    ("latent", {"contexts": get_args(ContextKind), "measure": list(MEASURES)}),
    ("latent", {"latent": ("", 0, 1, 99999)}),
    (
        "pair",
        {
            "picking": get_args(Picking),
            "threshold": ("", 0.5, 1e9),
            "window": ("", 1, 1_000_000),
            "latent": ("", 0),
            "partner": ("", 0, 1, 99999),
        },
    ),
]
"""Pages with the values of their pickers; empty: the value is not in the link."""


def combinations() -> Iterator[tuple[str, dict[str, object]]]:
    """Every page with every combination of its pickers, and every selection."""
    for page, values in PICKERS:
        for chosen in product(*values.values(), SELECTIONS):
            named = zip((*values, "select"), chosen, strict=True)
            yield page, {name: value for name, value in named if value != ""}


def chosen_combinations(
    case: Case, present: Sequence[str]
) -> list[tuple[str, str, dict[str, object]]]:
    """The kinds, pages and parameters of a case; `present` are the kinds that can be shown."""
    if case.number:
        kind = KINDS[case.number - 1]
        return [(kind, page, values) for page, values in combinations()]
    draw: random.Random = case.random()
    every = list(combinations())
    return [(kind, *drawn) for kind in present for drawn in draw.sample(every, SAMPLE)]


def run(case: Case) -> Outcome:
    """Open the pages of one kind of bundle, or a few of each."""
    folders = {kind: case.shared / "bundles" / kind for kind in KINDS if kind != "demo"}
    if DEMO_BUNDLE.is_dir():
        folders["demo"] = DEMO_BUNDLE
    ids = {kind: read_manifest(folder).bundle_id for kind, folder in folders.items()}
    chosen = chosen_combinations(case, list(folders))
    links = [
        (page, urlencode({"bundle": ids[kind], **values}), kind)
        for kind, page, values in chosen
        if kind in ids
    ]
    log = case.folder / "log.txt"
    with started(case.shared / "bundles", log) as server:
        asyncio.run(_open_all(server, links, (str(case.shared), str(ROOT))))
    if "Traceback" in (printed := log.read_text(errors="replace")):
        raise FaultError(f"The log has {printed[printed.index('Traceback') :][:3000]}")
    return Outcome(f"{'all kinds' if not case.number else KINDS[case.number - 1]}: {len(links)}")


async def _open_all(
    server: Server, links: Sequence[tuple[str, str, str]], secrets: Sequence[str]
) -> None:
    faults = []
    async with Client(server.address) as client:
        for page, query, kind in links:
            try:
                check(
                    await client.open(page, query, timeout=300), f"{kind}: {page}?{query}", secrets
                )
            except FaultError as fault:
                faults.append(f"{fault}\n{_last_failure(server.log)}")
    if faults:
        raise FaultError(f"{len(faults)} of {len(links)} pages failed. " + "\n\n".join(faults[:20]))


def _last_failure(log: Path) -> str:
    """The end of what the server has printed."""
    return log.read_text(errors="replace")[-1200:]


TRIAL = Trial(
    "sweep",
    1 + len(KINDS),
    run,
    prepare_bundles,
    covers=("dashboard.py", "pages", "charts", "analysis/selection", "analysis/cooccurrence"),
)
