"""Damaged bundles on all pages: no traceback, and nothing changed is shown without a word.

The pages run as in a server, without a browser, and so do the requests of the map. A page passes if
it shows an error that names the bundle or one of its files, or if it shows exactly what it shows of
the undamaged bundle. A bundle without checksums may show other values where single bytes were
changed; it says that it has none.
"""

import json
import os
import re
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from analysis.build import build_bundle
from analysis.bundle import MANIFEST, TABLES, Parameters, folder_identity, open_bundle
from analysis.serve import BUNDLES
from analysis.settings import BuildRequest
from charts.core import cache
from pages.widgets.bundles import OPEN
from tests.faults.damages import (
    DAMAGES,
    Damage,
    change_manifest,
    fewer_rows,
    flip_page,
    hostile_manifest,
    huge_tokens,
    zero,
)
from tests.faults.map_requests import OF_A_PAGE, ROUTES, address
from tests.faults.trial import Case, FaultError, Outcome, Trial
from tests.planted import planted_activations, planted_sae

ROOT = Path(__file__).parents[2]
PAGES = ("overview", "map", "clusters", "cooccurrence", "pair", "latent")
OLDER = ROOT / "tests" / "bundles" / "schema-2"
"""A bundle without checksums."""
MOST_BYTES = 1e9
"""Memory above what the process has before the case."""
MOST_SECONDS = 3.0
"""CPU time of one page."""
_CHECKSUMS = re.compile(r"\| Checksums \| [^|]*\|")
SILENT: tuple[Damage, ...] = (flip_page, zero, change_manifest, fewer_rows)
"""Damages that a bundle without checksums, or of which no row counts are stated, cannot always
notice."""


def prepare(folder: Path) -> None:
    """Build the bundle of a small planted world, with checksums."""
    world = planted_activations(folder / "world", documents=12, document_tokens=120, seed=3)
    sae = str(planted_sae(folder / "sae"))
    request = BuildRequest(
        sae=sae,
        out=folder / "mine",
        activations=world.activations,
        parameters=Parameters(null_draws=1),
    )
    build_bundle(request)


def run(case: Case) -> Outcome:
    """Damage a copy of a bundle and open it on all pages."""
    damage = DAMAGES[case.number % len(DAMAGES)]
    older = case.number // len(DAMAGES) % 3 == 0
    source = OLDER if older else case.shared / "mine"
    bundle_id = open_bundle(source).manifest.bundle_id
    folder = Path(shutil.copytree(source, case.folder / "mine"))
    expected = _whole(source, bundle_id, case.folder)
    done = damage(folder, case.random())
    link = _link(folder, bundle_id)
    memory = _resident()
    with _peak() as peak:
        pages = _shown(case.folder, link)
    used = max(peak() - memory, 0)
    if used > MOST_BYTES:
        raise FaultError(f"{done}: takes {used / 1e9:.1f} GB above normal")
    # A manifest that is valid and signed is another bundle, which may be shown.
    # A long token is cut with a mark, and so shown otherwise.
    may_differ = damage in (hostile_manifest, huge_tokens) or (older and damage in SILENT)
    differ = 0
    for name, page in pages.items():
        what = f"{done}; the page {name} of a bundle {'without' if older else 'with'} checksums"
        _check(page, what, case.folder)
        content = page.content.replace(link, bundle_id).replace(link[:8], bundle_id[:8])
        if not page.error and content != expected[name]:
            differ += 1
            if not may_differ:
                raise FaultError(f"{what} shows other content without a word")
    shown = sum(not page.error for page in pages.values())
    note = {0: "named on every page", len(pages): "shows what it does undamaged"}.get(
        shown, "named where it is shown"
    )
    slowest = max(page.seconds for page in pages.values())
    return Outcome(
        f"{damage.__name__}: {'shows other values' if differ else note}",
        {"page_cpu_seconds": slowest, "memory_gb": used / 1e9},
    )


@dataclass(frozen=True)
class Shown:
    """What one page shows, or what the answer to a request of the map is."""

    error: str
    content: str
    seconds: float
    """CPU time."""


def _check(page: Shown, what: str, folder: Path) -> None:
    """Raise FaultError if a page fails, names no damage, shows a path or takes too long."""
    if "Something went wrong" in page.error or "Traceback" in page.error:
        raise FaultError(f"{what} fails: {page.error}")
    if page.error and not _names_damage(page.error):
        raise FaultError(f"{what} does not name it: {page.error}")
    if str(folder) in page.error:
        raise FaultError(f"{what} shows a path: {page.error}")
    if page.seconds > MOST_SECONDS:
        raise FaultError(f"{what} takes {page.seconds:.1f} s of CPU time")


def _link(folder: Path, bundle_id: str) -> str:
    """The id in the link to a damaged bundle: a bundle that was sealed again has another."""
    try:
        stated = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["bundle_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return bundle_id
    return stated if isinstance(stated, str) and stated else bundle_id


def _names_damage(error: str) -> bool:
    names = ("mine", MANIFEST, "cannot be read", "no such bundle", *TABLES)
    return any(name in error for name in names)


_KNOWN: dict[str, dict[str, str]] = {}


def _whole(source: Path, bundle_id: str, folder: Path) -> dict[str, str]:
    """What the pages show of the undamaged bundle."""
    if bundle_id not in _KNOWN:
        pages = _shown(folder, bundle_id)
        broken = {name: page.error for name, page in pages.items() if page.error}
        if broken:
            raise RuntimeError(f"The undamaged bundle {source} is refused: {broken}")
        _KNOWN[bundle_id] = {name: page.content for name, page in pages.items()}
    return _KNOWN[bundle_id]


def _shown(folder: Path, bundle_id: str) -> dict[str, Shown]:
    """What every page shows and the map gets, in a fresh server."""
    os.environ[BUNDLES] = str(folder)
    st.cache_data.clear()
    st.cache_resource.clear()
    OPEN.clear()
    cache.clear()
    return _pages(bundle_id) | _answers(bundle_id, folder_identity(folder / "mine"))


def _pages(bundle_id: str) -> dict[str, Shown]:
    pages: dict[str, Shown] = {}
    for page in PAGES:
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=120)
        app.query_params["bundle"] = bundle_id
        began = time.process_time()
        app.switch_page(f"pages/{page}.py").run()
        took = time.process_time() - began
        tracebacks = [f"Traceback: {entry.message}" for entry in app.exception]
        errors = [entry.value.replace("\\", "") for entry in app.error]
        pages[page] = Shown(" ".join([*tracebacks, *errors]), _content(app), took)
    return pages


def _answers(bundle_id: str, identity: str) -> dict[str, Shown]:
    client = TestClient(Starlette(routes=ROUTES))
    answers: dict[str, Shown] = {}
    for rest in OF_A_PAGE:
        began = time.process_time()
        answer = client.get(address(bundle_id, identity, rest))
        took = time.process_time() - began
        content = answer.content.decode("latin-1")
        refused = answer.status_code != 200
        answers[rest] = Shown(content if refused else "", "" if refused else content, took)
    return answers


def _content(app: AppTest) -> str:
    """Everything that a page shows, as one text; without the row about checksums."""
    parts = [
        f"{type(element).__name__}: {element.proto}"
        for kind in ("title", "markdown", "caption", "metric", "dataframe", "vega_lite_chart")
        for element in app.get(kind)
        if hasattr(element, "proto")
    ]
    return _CHECKSUMS.sub("", "\n".join(parts))


def _resident() -> float:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())


@contextmanager
def _peak() -> Iterator["_Peak"]:
    """The largest memory of this process since the block began."""
    Path("/proc/self/clear_refs").write_text("5")
    yield _Peak()


class _Peak:
    def __call__(self) -> float:
        """Bytes."""
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM:")]
        return float(line.split()[1]) * 1024


TRIAL = Trial(
    "damaged_bundles",
    300,
    run,
    prepare,
    covers=(
        "analysis",
        "charts",
        "pages",
        "tests/faults/damages.py",
        "tests/faults/map_requests.py",
    ),
)
