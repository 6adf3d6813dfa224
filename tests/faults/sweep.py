"""Every page of odd bundles, with every two values of its pickers, and every request of the map.

Case 0 is a sample over all kinds of bundle; each other case is one kind in full.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

from analysis.bundle import SPACES, Bundle, ContextKind, open_bundle
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from bench.client import Client
from bench.server import ROOT, Server, started
from charts.component_plane import CLASSES
from charts.map_columns import COLOUR_NAMES
from charts.relations import ALL, RELATIONS
from pages.widgets.state import Mode, Size
from tests.faults import routes
from tests.faults.links import check
from tests.faults.map_requests import address
from tests.faults.odd_bundles import ODD, prepare_bundles
from tests.faults.trial import DEMO_BUNDLE, Case, FaultError, Outcome, Trial

KINDS = (*ODD, "planted", "schema 2", "demo")
SAMPLE = 2
"""Links and requests of each kind in case 0, which the tests run."""
SELECTIONS = ("", '"no such token anywhere"', "density<0.01 | latent=0")
SHOWN = ("hidden", "shown")
Values = Mapping[str, Sequence[object]]

PICKERS: list[tuple[str, Values]] = [
    ("", {"explain": SHOWN}),
    (
        "map",
        {
            "map": get_args(MapName),
            "colour": list(COLOUR_NAMES),
            "latent": ("", 0, 99999),
            "space": SPACES,
            "level": (0, 1, 9),
        },
    ),
    ("map", {"colour": ["association"], "measure": list(MEASURES), "latent": ("", 0, 99999)}),
    (
        "map",
        {
            "map": get_args(MapName),
            "viewport": ("", "-1,1,-1,1", "90,91,90,91"),
            "size": get_args(Size),
            "mode": get_args(Mode),
            "chance": SHOWN,
            "explain": SHOWN,
        },
    ),
    (
        "clusters",
        {
            "measure": list(MEASURES),
            "space": SPACES,
            "level": (0, 1),
            "classes": list(CLASSES),
            "component": (1, 2, 127),
            "against": (2, 1, 127),
            "chance": SHOWN,
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
        {
            "tab": ["relations"],
            "relation": (ALL, *RELATIONS),
            "flagged": SHOWN,
            "chance": SHOWN,
        },
    ),
    ("cooccurrence", {"tab": ["components"], "chance": SHOWN}),
    (
        "cooccurrence",
        {
            "tab": ["neighbourhood"],
            "nodes": ("latent", "cluster", "selection"),
            "measure": list(MEASURES),
            "network": SPACES,
            "latent": ("", 0, 99999),
        },
    ),
    ("latent", {"contexts": get_args(ContextKind), "measure": list(MEASURES)}),
    ("latent", {"latent": ("", 0, 1, 99999), "explain": SHOWN}),
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


def every_link() -> Iterator[tuple[str, dict[str, object]]]:
    """Every page with every two values of its pickers, and every selection, in some link."""
    for page, values in PICKERS:
        for chosen in pairwise({**values, "select": SELECTIONS}):
            yield page, {name: value for name, value in chosen.items() if value != ""}


def pairwise(values: Values) -> list[dict[str, object]]:
    """Choices of one value for each name, so that some choice has any two values.

    The names beside these two have their first value.
    """
    first = {name: some[0] for name, some in values.items()}
    choices = [
        {**first, a: value, b: other}
        for a, b in combinations(values, 2)
        for value, other in product(values[a], values[b])
    ]
    return list({repr(choice): choice for choice in choices}.values())


def every_request(bundle: Bundle) -> Iterator[str]:
    """Every kind of data that the map of a bundle can ask for."""
    maps, last = get_args(MapName), bundle.latents.num_rows - 1
    levels = [f"?space={space}&level={level}" for space in SPACES for level in (0, 9)]
    rests = [
        *(f"{kind}/{on_map}" for kind in ("positions", "names") for on_map in maps),
        *(f"names/{on_map}/{zoom}/0/0" for on_map in maps for zoom in (0, 1, 9)),
        *(f"column/{name}{level}" for name in COLOUR_NAMES for level in ("", *levels)),
        *(f"column/association?latent={last}&measure={measure}" for measure in MEASURES),
        *(f"card/{latent}{level}" for latent in (0, last) for level in ("", *levels)),
        *(
            f"neighbourhood/{on_map}/{latent}?measure={measure}"
            for on_map, latent, measure in product(maps, (0, last), MEASURES)
        ),
        *(
            f"rows/{on_map}.{kind}?{urlencode({'select': selection})}"
            for on_map, kind, selection in product(maps, ("csv", "parquet"), SELECTIONS)
        ),
    ]
    for rest in rests:
        yield address(bundle.manifest.bundle_id, bundle.identity, rest)


def chosen_combinations(
    case: Case, present: Sequence[str]
) -> list[tuple[str, str, dict[str, object]]]:
    """The kinds, pages and parameters of a case; `present` are the kinds that can be shown."""
    if case.number:
        kind = KINDS[case.number - 1]
        return [(kind, page, values) for page, values in every_link()]
    draw: random.Random = case.random()
    every = list(every_link())
    return [(kind, *drawn) for kind in present for drawn in draw.sample(every, SAMPLE)]


def run(case: Case) -> Outcome:
    """Open the pages of one kind of bundle, or a few of each."""
    folders = {kind: case.shared / "bundles" / kind for kind in KINDS if kind != "demo"}
    if DEMO_BUNDLE.is_dir():
        folders["demo"] = DEMO_BUNDLE
    bundles = {kind: open_bundle(folder) for kind, folder in folders.items()}
    chosen = chosen_combinations(case, list(folders))
    links = [
        (page, urlencode({"bundle": bundles[kind].manifest.bundle_id, **values}), kind)
        for kind, page, values in chosen
        if kind in bundles
    ]
    log = case.folder / "log.txt"
    secrets = (str(case.shared), str(ROOT))
    with started(case.shared / "bundles", log) as server:
        asyncio.run(_open_all(server, links, secrets))
        for kind in dict.fromkeys(kind for _, _, kind in links):
            requests = list(every_request(bundles[kind]))
            some = requests if case.number else case.random().sample(requests, SAMPLE)
            _ask_all(server, kind, some, secrets)
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


def _ask_all(server: Server, kind: str, requests: Sequence[str], secrets: Sequence[str]) -> None:
    connection = routes.connected(server)
    for path in requests:
        routes.check(routes.ask(connection, path), f"{kind}: {path}", secrets)
    connection.close()


def _last_failure(log: Path) -> str:
    """The end of what the server has printed."""
    return log.read_text(errors="replace")[-1200:]


TRIAL = Trial(
    "sweep",
    1 + len(KINDS),
    run,
    prepare_bundles,
    covers=(
        "dashboard.py",
        "pages",
        "charts",
        "analysis/selection",
        "analysis/cooccurrence",
        "tests/faults/odd_bundles.py",
    ),
)
