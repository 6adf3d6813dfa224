"""Activations of a pair, against independent counts."""

import numpy as np

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair
from charts.pair_activations import joint_activations
from tests.charts.conftest import A, B


def test_the_scatter_has_every_active_token_with_its_group(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    figure = joint_activations(tiny, pair)
    counts = figure.rows.to_pandas()["where"].value_counts()
    assert counts["both"] == active.all(axis=1).sum()
    assert counts[f"only {A}"] == (active[:, 0] & ~active[:, 1]).sum()
    assert counts[f"only {B}"] == (~active[:, 0] & active[:, 1]).sum()
    assert f"{counts.sum():,} of {counts.sum():,} tokens" in str(figure.note)
