"""The Python API, resolved on first use."""

import subprocess
import sys
from pathlib import Path

import pytest

import analysis

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "tests" / "bundles" / "schema-2"


def run(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_opening_a_bundle_imports_no_torch() -> None:
    loaded = "import sys; print(sorted({'torch', 'transformers', 'umap'} & sys.modules.keys()))"
    use = (
        "from analysis import BuildRequest, open_bundle\n"
        f"bundle = open_bundle({str(BUNDLE)!r})\n"
        "bundle.latents, bundle.partners.of(3), bundle.activations.of_latent(3)\n"
    )
    assert run(f"import analysis\n{loaded}") == "[]"
    assert run(f"import analysis.__main__\n{loaded}") == "[]"
    assert run(use + loaded) == "[]"
    assert run(f"from analysis import load_sae\n{loaded}").startswith("['torch'")


@pytest.mark.parametrize("name", analysis.__all__)
def test_every_name_of_the_api_is_there(name: str) -> None:
    value = getattr(analysis, name)
    assert value.__name__ == name and value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'open_bundles'"):
        analysis.open_bundles  # noqa: B018


def test_a_bundle_is_opened_by_its_path() -> None:
    bundle = analysis.open_bundle(str(BUNDLE))
    assert bundle.manifest.tokens == bundle.tokens.num_rows == 1_440


def test_numba_does_not_bring_its_own_openmp() -> None:
    code = "import analysis, os; print(os.environ['NUMBA_THREADING_LAYER'])"
    assert run(code) == "workqueue"
