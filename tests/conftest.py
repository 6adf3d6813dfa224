"""Fixtures: a planted world and its bundle, built once per test process by the pipeline."""

import os
from pathlib import Path

import hypothesis
import pytest

# Before numba is imported: tests of thread counts need a pool of four on any machine.
os.environ["NUMBA_NUM_THREADS"] = "4"

from analysis.build import build_bundle
from analysis.bundle import Bundle, Parameters
from analysis.settings import BuildRequest
from charts.core import cache
from tests.planted import Planted, planted_activations, planted_sae

# No test depends on the speed of the machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
DEMO_BUNDLE = ROOT / "data" / "demo"


@pytest.fixture(autouse=True)
def _no_cached_figures() -> None:
    """A test that changes a constant of a chart must not get the figure of another test."""
    cache.clear()


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Activations and tokens with known structure."""
    return planted_activations(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def planted_bundle(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of the planted world."""
    folder = tmp_path_factory.mktemp("bundles")
    sae = planted_sae(folder / "sae")
    request = BuildRequest(
        sae=str(sae),
        out=folder / "planted",
        activations=planted.activations,
        parameters=Parameters(seed=3, null_draws=5),
    )
    return build_bundle(request)
