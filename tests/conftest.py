"""Fixtures: a planted world, and its bundle, built once for all test processes by the pipeline."""

import gc
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock

# Before numba is imported: tests of thread counts need a pool of four on any machine.
os.environ["NUMBA_NUM_THREADS"] = "4"
# Before numpy and torch are imported. Threads that wait for one another in a loop take the time of
# other processes: with numpy four times what it computes itself, with torch twice. Tests of thread
# counts set their own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from analysis.build import build_bundle
from analysis.bundle import Bundle, Parameters, open_bundle
from analysis.serve.structured_log import LAST_ERRORS
from analysis.serve.structured_log import ROOT as LOG
from analysis.settings import BuildRequest
from charts.core import cache
from tests.planted import Planted, planted_activations, planted_sae
from tests.schedule import LongestFirst, rank

# No test depends on the speed of the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Modules and collected tests stay until the end. To look for garbage among them costs a tenth of
# the time of the tests, so this waits until they are collected, and then leaves them out.
gc.disable()

ROOT = Path(__file__).parent.parent
DEMO_BUNDLE = ROOT / "data" / "demo"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest."""
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_collection_finish() -> None:
    """Look for garbage among the objects that tests make, not among those that are there now."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst:
    """Distribute the tests to processes by `tests/schedule.py`."""
    return LongestFirst(config, log)


@pytest.fixture(autouse=True, scope="session")
def _own_notes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the notes of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("notes")
    os.environ["CLEARWATER_NOTES"] = f"sqlite:///{folder / 'notes.sqlite'}"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A test that starts the log of a server leaves neither it nor errors to the next test."""
    logger = logging.getLogger(LOG)
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before
    LAST_ERRORS.clear()


@pytest.fixture(autouse=True)
def _no_cached_figures() -> None:
    """A test that changes a constant of a chart must not get the figure of another test."""
    cache.clear()


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Activations and tokens with known structure."""
    return planted_activations(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def planted_bundle(
    planted: Planted, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Bundle:
    """The bundle of the planted world."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):
        folder = folder.parent  # of all processes; the first that comes builds the bundle
    out = folder / "bundles" / "planted"
    with FileLock(folder / "bundles.lock"):
        if not out.exists():
            sae = planted_sae(folder / "bundles" / "sae")
            request = BuildRequest(
                sae=str(sae),
                out=out,
                activations=planted.activations,
                parameters=Parameters(seed=3, null_draws=5),
            )
            build_bundle(request)
    return open_bundle(out)
