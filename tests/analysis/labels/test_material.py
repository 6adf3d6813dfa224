"""The members of each cluster without dense latents."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import Activations
from analysis.labels.material import Material


def test_members_are_sorted_and_without_dense_latents() -> None:
    latents = pa.table({"flag": ["live", "dense", "live", "ultralow", "live"]})
    clusters = pa.table({"cluster": [0, 1, 2], "level": [0, 0, 1]})
    memberships = pa.table(
        {"latent": [4, 0, 1, 3, 0, 1], "level": [0, 0, 0, 0, 1, 1], "cluster": [1, 0, 0, 1, 2, 2]}
    )
    nothing = Activations(Path(), np.zeros(0, np.int64), np.zeros(0, np.int64))
    material = Material(Path(), nothing, latents, clusters, memberships)
    assert material.dense.tolist() == [False, True, False, False, False]
    assert [ids.tolist() for ids in material.specific_members] == [[0], [3, 4], [0]]
