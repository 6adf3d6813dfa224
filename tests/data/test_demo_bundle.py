"""The shipped bundle equals a build from the shipped model, SAE and corpus."""

from pathlib import Path

import numpy as np
import pytest

from analysis.build import build_bundle
from analysis.bundle import Bundle, Parameters, open_bundle
from analysis.harvest.models import DEMO_MODEL, model_folder
from analysis.saes import load_sae
from analysis.settings import BuildRequest
from tests.conftest import DEMO_BUNDLE, ROOT

SAE = ROOT / "data" / "sae" / "smollm2-135m-blocks.12.hook_resid_post"
CORPUS = ROOT / "data" / "corpus" / "demo.parquet"
TOKENS = 1_500

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not model_folder(DEMO_MODEL).is_dir(), reason="make model converts it"),
]


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return open_bundle(DEMO_BUNDLE)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    request = BuildRequest(
        sae=str(SAE),
        out=tmp_path_factory.mktemp("demo") / "small",
        model=DEMO_MODEL,
        corpus=CORPUS,
        parameters=Parameters(max_tokens=TOKENS, epochs=10, null_draws=1),
    )
    return build_bundle(request)


def test_the_same_tokens_are_kept(shipped: Bundle, rebuilt: Bundle) -> None:
    rows = rebuilt.tokens.num_rows
    for column in ("document", "position", "token", "kept"):
        again = rebuilt.tokens[column].to_pylist()
        assert again == shipped.tokens[column].slice(0, rows).to_pylist()
    # Sinks by norm reduce the number of requested tokens.
    assert TOKENS - 20 <= rebuilt.manifest.tokens <= TOKENS
    assert rebuilt.manifest.sae.content_hash == shipped.manifest.sae.content_hash


def test_the_same_latents_are_active(shipped: Bundle, rebuilt: Bundle) -> None:
    """Up to changes of the k-th latent by bfloat16 rounding on another processor."""
    rows = rebuilt.tokens.num_rows
    alike = total = 0
    for bundle_rows in zip(_active(shipped, rows), _active(rebuilt, rows), strict=True):
        alike += len(np.intersect1d(*bundle_rows))
        total += len(bundle_rows[0])
    assert total == 32 * rebuilt.manifest.tokens
    assert alike / total > 0.97


def _active(bundle: Bundle, rows: int) -> list[np.ndarray]:
    latents, counts = bundle.activations.latents_of_tokens(0, rows)
    return np.split(latents, np.cumsum(counts)[:-1])


def test_the_shipped_bundle_meets_its_targets(shipped: Bundle) -> None:
    check = shipped.manifest.self_check
    assert check.explained_variance is not None
    assert check.explained_variance >= 0.80
    assert check.l0 == 32
    flags = shipped.latents["flag"].to_pylist()
    assert flags.count("dead") < 0.02 * len(flags)
    assert shipped.manifest.sae.content_hash == load_sae(SAE).content_hash


def test_the_demo_is_small_enough_for_the_repository() -> None:
    parts = [p for p in (ROOT / "data").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(Path(p).stat().st_size for p in parts) < 60e6
