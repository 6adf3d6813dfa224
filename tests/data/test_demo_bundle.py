"""The shipped bundle is that of the shipped model, SAE and corpus."""

from pathlib import Path

import numpy as np
import pytest

from analysis import build
from analysis.bundle import Activations, Bundle, Parameters, open_bundle
from analysis.harvest.models import DEMO_MODEL, model_folder
from analysis.labels.requested import LabelSources
from analysis.pipeline.artifacts import TOKENS
from analysis.pipeline.building import Building, run_steps
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.workers import LocalWorkers
from analysis.runtime.working_folder import StepRecord, open_working_folder
from analysis.saes import load_sae
from analysis.settings import BuildRequest
from tests.conftest import DEMO_BUNDLE, ROOT

SAE = ROOT / "data" / "sae" / "smollm2-135m-blocks.8.hook_resid_post"
CORPUS = ROOT / "data" / "corpus" / "demo.parquet"
MOST_TOKENS = 1_500

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not model_folder(DEMO_MODEL).is_dir(), reason="make model converts it"),
]


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(DEMO_BUNDLE)


@pytest.fixture(scope="module")
def harvested(tmp_path_factory: pytest.TempPathFactory) -> Building:
    """The first tokens, harvested and stored again; other tests compare the steps behind them."""
    request = BuildRequest(
        sae=str(SAE),
        out=tmp_path_factory.mktemp("demo") / "small",
        model=DEMO_MODEL,
        corpus=CORPUS,
        parameters=Parameters(max_tokens=MOST_TOKENS, sink_norm_ratio=10.0),
    )
    sae = load_sae(SAE)
    source = build._open_source(request, sae)
    work = open_working_folder(request.out, StepRecord())
    made = Building(sae, source.parameters, LabelSources(), MEMORY_BYTES, LocalWorkers(), work)
    run_steps(made, build.source_steps(source)[:2])
    return made


def test_the_same_tokens_are_kept(shipped: Bundle, harvested: Building) -> None:
    tokens = harvested.read(TOKENS)
    for column in ("document", "position", "token", "kept"):
        again = tokens[column].to_pylist()
        assert again == shipped.tokens[column].slice(0, tokens.num_rows).to_pylist()
    # Sinks by norm reduce the number of requested tokens.
    assert MOST_TOKENS - 20 <= harvested.n_tokens <= MOST_TOKENS


def test_the_same_latents_are_active(shipped: Bundle, harvested: Building) -> None:
    """Up to changes of the k-th latent by bfloat16 rounding on another processor."""
    rows = harvested.kept.rows
    both = (_active(one, rows) for one in (shipped.activations, harvested.activations))
    alike = total = 0
    for latents in zip(*both, strict=True):
        alike += len(np.intersect1d(*latents))
        total += len(latents[0])
    assert total == 32 * harvested.n_tokens
    assert alike / total > 0.97


def _active(activations: Activations, rows: int) -> list[np.ndarray]:
    latents, counts = activations.latents_of_tokens(0, rows)
    return np.split(latents, np.cumsum(counts)[:-1])


def test_the_shipped_bundle_meets_its_targets(shipped: Bundle) -> None:
    check = shipped.manifest.self_check
    assert check.explained_variance is not None
    assert check.explained_variance >= 0.85
    assert check.l0 == 32
    flags = shipped.latents["flag"].to_pylist()
    assert flags.count("dead") < 0.01 * len(flags)
    assert shipped.manifest.sae.content_hash == load_sae(SAE).content_hash


def test_the_demo_is_small_enough_for_the_repository() -> None:
    parts = [p for p in (ROOT / "data").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(Path(p).stat().st_size for p in parts) < 80e6
