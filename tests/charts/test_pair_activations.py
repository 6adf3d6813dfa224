"""Activations of a pair, against independent counts."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair, joint_sample, read_pair
from charts import pair_activations
from charts.pair_activations import joint_activations
from tests.charts.conftest import A, B
from tests.charts.drawn import marks


def test_the_scatter_has_every_active_token_with_its_group(
    tiny: Bundle, pair: Pair, active: np.ndarray
) -> None:
    figure = joint_activations(tiny, pair)
    counts = figure.rows.to_pandas()["where"].value_counts()
    assert counts["both"] == active.all(axis=1).sum()
    assert counts[f"only {A}"] == (active[:, 0] & ~active[:, 1]).sum()
    assert counts[f"only {B}"] == (~active[:, 0] & active[:, 1]).sum()
    assert f"{counts.sum():,} of {counts.sum():,} tokens" in str(figure.note)
    assert f"both fire on {counts['both']}." in str(figure.note)


def test_an_activation_of_exactly_the_threshold_does_not_count(tiny: Bundle) -> None:
    values = [np.sort(tiny.activations.of_latent(latent)[1]) for latent in (A, B)]
    threshold = float(values[0][len(values[0]) // 2])
    pair = read_pair(tiny, A, B, threshold=threshold)
    assert threshold in pair.values.a
    for row in joint_activations(tiny, pair).rows.to_pylist():
        fires = row["a"] > threshold, row["b"] > threshold
        assert fires != (False, False)
        names = {(True, True): "both", (True, False): f"only {A}", (False, True): f"only {B}"}
        assert row["where"] == names[fires]


def test_a_sample_is_drawn_with_the_seed_of_the_bundle_and_called_random(
    tiny: Bundle, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "random sample" not in str(joint_activations(tiny, pair).note)
    monkeypatch.setattr(
        pair_activations, "joint_sample", lambda pair, seed=0: joint_sample(pair, 20, seed)
    )
    settings = tiny.manifest.parameters.model_copy(update={"seed": 5})
    seeded = replace(tiny, manifest=tiny.manifest.model_copy(update={"parameters": settings}))
    figure = joint_activations(seeded, pair)
    assert figure.rows["token"].equals(joint_sample(pair, 20, 5)["token"])
    assert not figure.rows["token"].equals(joint_sample(pair, 20, 0)["token"])
    assert "20 of" in str(figure.note) and "a random sample" in str(figure.note)


def test_the_activation_of_a_is_across_and_that_of_b_is_up(tiny: Bundle, pair: Pair) -> None:
    assert marks(joint_activations(tiny, pair)) == [
        "circle: opacity 0.5, x a, y b, color where",
    ]
