"""Imported by the fork server: everything that a build compiles, so that its forks start at once.

A process that has started threads must not be forked, so this one computes on a single thread, and
its forks do too.
"""

import os
import tempfile
from pathlib import Path


def warm() -> None:
    """Build a small bundle of activations, and one of a model and a corpus."""
    # Before numba is imported.
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # numba's only one that survives a fork
    from analysis.build import build_bundle  # noqa: PLC0415
    from analysis.bundle import Parameters  # noqa: PLC0415
    from analysis.settings import BuildRequest  # noqa: PLC0415
    from tests.faults.builds import write_text_input  # noqa: PLC0415
    from tests.planted import planted_activations, planted_sae  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="clearwater-warm-") as temporary:
        folder = Path(temporary)
        activations = planted_activations(folder, documents=12, document_tokens=100).activations
        sae = str(planted_sae(folder / "sae"))
        few = Parameters(null_draws=1)
        out = folder / "warm"
        build_bundle(BuildRequest(sae=sae, out=out, activations=activations, parameters=few))
        write_text_input(folder)
        text_sae, model = str(folder / "text-sae"), str(folder / "model")
        corpus = folder / "corpus.jsonl"
        out = folder / "text"
        build_bundle(
            BuildRequest(sae=text_sae, out=out, model=model, corpus=corpus, parameters=few)
        )


warm()
