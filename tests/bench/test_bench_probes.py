"""The scores of single features against counts of pairs, and the choice of texts."""

import numpy as np
import pytest

from bench import bench_probes
from bench.bench_probes import Probe, auc, described, picked, word_scores
from bench.probe_classes import CLASSES


def test_the_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (30, 5)).astype(np.float32)  # many are equal
    inside = rng.random(30) < 0.4
    for feature, area in enumerate(auc(scores, inside)):
        own = scores[:, feature]
        pairs = [(a > b) + 0.5 * (a == b) for a in own[inside] for b in own[~inside]]
        assert area == pytest.approx(np.mean(pairs))


def test_a_feature_is_reported_on_texts_that_did_not_pick_it() -> None:
    inside = np.array([True, True, False, False] * 2)
    picks = np.arange(8) < 4
    scores = np.zeros((8, 2), np.float32)
    scores[:4, 0] = [1, 1, 0, 0]  # perfect where it is picked, reversed elsewhere
    scores[4:, 0] = [0, 0, 1, 1]
    scores[:, 1] = [1, 0, 0, 0, 1, 1, 0, 0]
    assert picked(scores, inside, picks) == (0, 0.0)


def test_words_are_those_of_enough_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_probes, "LEAST_TEXTS", 2)
    words, has = word_scores(["The cat", "the dog.", "a_cat!", ""])
    assert words == ["cat", "the"]
    assert has.tolist() == [[1, 1], [0, 1], [1, 0], [0, 0]]


def test_a_class_counts_if_its_latent_is_above_both_nulls() -> None:
    def one(own: float, random: float, permuted: float) -> Probe:
        return Probe("f", "m", 400, 7, own, random, "w", 0.6, permuted)

    probes = [one(0.9, 0.8, 0.5), one(0.89, 0.5, 0.5), one(0.95, 0.96, 0.5), one(0.95, 0.5, 0.95)]
    assert "1 of 4 classes" in described(probes)


def test_there_are_twenty_different_classes() -> None:
    assert len({one.file for one in CLASSES}) == len({one.meaning for one in CLASSES}) == 20
