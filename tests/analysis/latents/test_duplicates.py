"""Groups of duplicates follow chains."""

import numpy as np

from analysis.latents.duplicates import duplicate_groups


def test_chains_of_duplicates_are_one_group() -> None:
    pairs = np.array([[3, 5], [1, 3], [2, 6]])
    assert duplicate_groups(7, pairs).tolist() == [0, 1, 2, 1, 3, 1, 2]


def test_without_duplicates_every_latent_is_alone() -> None:
    assert duplicate_groups(3, np.empty((0, 2), dtype=np.int64)).tolist() == [0, 1, 2]
