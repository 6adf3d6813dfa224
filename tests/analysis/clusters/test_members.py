"""Members of clusters against a loop over the rows."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.clusters.members import members_of_clusters


@pytest.mark.parametrize("seed", range(3))
def test_members_are_those_of_the_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    latents = np.sort(random.integers(0, 50, 80)).astype(np.int32)
    clusters = random.choice([0, 2, 3, 5], 80).astype(np.int32)  # 1, 4 and 6 have no members
    rows = pa.table({"latent": latents, "cluster": clusters})
    members = members_of_clusters(rows, 7)
    assert [one.tolist() for one in members] == [
        [latent for latent, own in zip(latents, clusters, strict=True) if own == i]
        for i in range(7)
    ]


def test_no_clusters() -> None:
    rows = pa.table({"latent": pa.array([], pa.int32()), "cluster": pa.array([], pa.int32())})
    assert members_of_clusters(rows, 0) == []
    assert [one.tolist() for one in members_of_clusters(rows, 2)] == [[], []]
