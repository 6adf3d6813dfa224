"""The Overview shows the health of the SAE, as counted from the tables with NumPy."""

import numpy as np

from analysis.bundle import Bundle
from tests.pages.conftest import Open, texts
from tests.planted import DEAD, DENSE, LATENTS


def test_the_numbers_of_the_planted_bundle(open_page: Open, planted_bundle: Bundle) -> None:
    app = open_page("overview")
    shown = {metric.label: metric.value for metric in app.metric}
    active = planted_bundle.latents["active_tokens"].to_numpy()
    tokens = planted_bundle.documents["tokens"].to_numpy().sum()
    assert tokens == 60 * 333 and (active == 0).sum() == len(DEAD)
    assert (active > 0.1 * tokens).sum() == len(DENSE)
    assert shown == {
        "Latents": str(LATENTS),
        "Kept tokens": "19,980",
        "Documents": "60",
        "L0": f"{active.sum() / tokens:.3g}",
        "Explained variance": "–",
        "Dead": str(len(DEAD)),
        "Dense": str(np.count_nonzero(active > 0.1 * tokens)),
    }
    assert not app.warning


def test_the_overview_says_how_the_bundle_was_made(open_page: Open, planted_bundle: Bundle) -> None:
    text = texts(open_page("overview"))
    assert planted_bundle.manifest.bundle_id in text
    assert "Is this SAE healthy?" in text
