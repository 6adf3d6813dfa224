"""Activations of a pair, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair, read_pair
from charts.pair_activations import joint_activations

A, B = 5, 13


@pytest.fixture(scope="module")
def pair(tiny: Bundle) -> Pair:
    return read_pair(tiny, A, B, threshold=2.0, window=50)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    """Which of the two is active on each kept token [kept, 2]."""
    x = np.zeros((tiny.tokens.num_rows, 2))
    for i, latent in enumerate((A, B)):
        rows, values = tiny.activations.of_latent(latent)
        x[rows, i] = values
    return x[tiny.tokens["kept"].to_numpy(zero_copy_only=False)] > 2.0


def test_the_scatter_has_every_active_token_with_its_group(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    figure = joint_activations(tiny, pair)
    counts = figure.rows.to_pandas()["where"].value_counts()
    assert counts["both"] == active.all(axis=1).sum()
    assert counts[f"only {A}"] == (active[:, 0] & ~active[:, 1]).sum()
    assert counts[f"only {B}"] == (~active[:, 0] & active[:, 1]).sum()
    assert f"{counts.sum():,} of {counts.sum():,} tokens" in str(figure.note)
