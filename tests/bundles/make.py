"""Build the small bundle of the current schema version into `tests/bundles/schema-N`.

    python -m tests.bundles.make

Run it once, with the last commit of a schema version, before the version is raised.
"""

import tempfile
from pathlib import Path

from analysis.build import build_bundle
from analysis.bundle import SCHEMA_VERSION, Parameters
from analysis.settings import BuildRequest
from tests.planted import planted_activations, planted_sae

HERE = Path(__file__).parent
DOCUMENTS, DOCUMENT_TOKENS, SEED = 12, 120, 3


def main() -> None:
    """A planted world of 1,440 tokens, 200 latents and contexts of 9 tokens."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        planted = planted_activations(
            folder, documents=DOCUMENTS, document_tokens=DOCUMENT_TOKENS, seed=SEED
        )
        request = BuildRequest(
            sae=str(planted_sae(folder / "planted-sae")),
            out=HERE / f"schema-{SCHEMA_VERSION}",
            activations=planted.activations,
            parameters=Parameters(seed=SEED, context_tokens=9, contexts_per_kind=3, null_draws=9),
        )
        build_bundle(request)


if __name__ == "__main__":
    main()
