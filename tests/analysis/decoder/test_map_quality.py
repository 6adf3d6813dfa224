"""Trustworthiness equals scikit-learn's; recall and agreement equal brute force."""

import numpy as np
import pytest
from sklearn import manifold

from analysis.decoder import map_quality as module
from analysis.decoder.map_quality import (
    QUALITY_NEIGHBOURS,
    knn_recall,
    map_neighbours,
    shared_fraction,
    trustworthiness,
)
from tests.analysis.decoder.conftest import nearest_points, planted
from tests.threads import COUNTS, threads


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)


def test_map_neighbours_equal_brute_force() -> None:
    flat = points(200)
    rows = np.arange(0, 200, 7)
    near = map_neighbours(flat, rows, 10)
    truth = nearest_points(flat)
    assert [set(row) for row in near.tolist()] == [truth[i] for i in rows]


def test_a_point_is_never_its_own_neighbour_even_if_points_coincide() -> None:
    flat = np.zeros((40, 2), dtype=np.float32)
    near = map_neighbours(flat, np.arange(40), 10)
    assert near.shape == (40, 10)
    assert not (near == np.arange(40)[:, None]).any()


def test_shares_are_of_the_first_row() -> None:
    first = np.array([[1, 2, 3, 4], [1, 2, 3, 4]])
    second = np.array([[4, 9, 1], [5, 6, 7]])
    assert shared_fraction(first, second).tolist() == [0.5, 0]


def test_recall_counts_the_k_nearest_that_exist() -> None:
    near = np.array([[1, 2], [3, 4], [5, 6]])
    neighbours = np.array([[2, 1, 0], [3, -1, -1], [-1, -1, -1]], dtype=np.int32)
    np.testing.assert_array_equal(
        knn_recall(near, neighbours), np.array([1, 1, np.nan], np.float32)
    )
    # The third neighbour is beyond the k of the map.
    later = np.array([[9, 8, 1], [9, 3, 4], [9, 8, 5]], dtype=np.int32)
    np.testing.assert_array_equal(knn_recall(near, later), np.array([0, 0.5, 0], np.float32))
    assert np.isnan(knn_recall(near, neighbours[:, :0])).all()


# Two cosines that differ by less than the rounding count as equal: 1e-5 for each such pair.
@pytest.mark.parametrize("spread", [0.1, 1.0, 10.0])
def test_trustworthiness_equals_scikit_learns(spread: float) -> None:
    W = planted(6, 20, 16, 0.8)
    flat = (W[:, :2] + spread * points(120)).astype(np.float32)
    latents = np.arange(120)
    expected = manifold.trustworthiness(W, flat, n_neighbors=10, metric="cosine")
    assert trustworthiness(W, latents, flat, 0) == pytest.approx(expected, abs=3e-5)
    assert QUALITY_NEIGHBOURS == 10


def test_trustworthiness_is_of_the_latents_on_the_map() -> None:
    W = planted(6, 20, 16, 0.8)
    latents = np.arange(0, 120, 2)
    flat = points(60)
    expected = manifold.trustworthiness(W[latents], flat, n_neighbors=10, metric="cosine")
    assert trustworthiness(W, latents, flat, 0) == pytest.approx(expected, abs=3e-5)


def test_equal_vectors_do_not_count_as_nearer() -> None:
    W = np.repeat(planted(1, 5, 16, 0.8), 24, axis=0)
    flat = W[:, :2] + 1e-3 * points(120)
    assert trustworthiness(W, np.arange(120), flat, 0) == 1.0


def test_a_sample_estimates_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    W = planted(6, 50, 16, 0.8)
    flat, latents = (W[:, :2] + points(300)).astype(np.float32), np.arange(300)
    whole = trustworthiness(W, latents, flat, 0)
    monkeypatch.setattr(module, "TRUST_SAMPLE", (150, 150))
    sampled = [trustworthiness(W, latents, flat, seed) for seed in range(4)]
    assert len({whole, *sampled}) == 5
    assert np.mean(np.array(sampled, float)) == pytest.approx(whole, abs=0.01)


@pytest.mark.parametrize(("cosines", "rows"), [(1, 30), (300 * 45, 45), (10**9, 60)])
def test_the_sample_costs_a_bounded_number_of_cosines(
    cosines: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    W = planted(6, 50, 16, 0.8)
    monkeypatch.setattr(module, "TRUST_SAMPLE", (30, 60))
    monkeypatch.setattr(module, "TRUST_COSINES", cosines)
    sampled: list[int] = []

    def counted(points: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
        sampled.append(len(rows))
        return map_neighbours(points, rows, k)

    monkeypatch.setattr(module, "map_neighbours", counted)
    trustworthiness(W, np.arange(300), points(300), 0)
    assert sampled == [rows]


def test_neither_blocks_nor_threads_change_trustworthiness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    W = planted(6, 20, 16, 0.8)
    flat, latents = points(120), np.arange(120)
    seen = {trustworthiness(W, latents, flat, 0)}
    monkeypatch.setattr(module, "BLOCK_COSINES", 120 * 13)
    for count in COUNTS:
        with threads(count):
            seen.add(trustworthiness(W, latents, flat, 0))
    assert len(seen) == 1


def test_twenty_latents_are_too_few() -> None:
    W = planted(1, 21, 16, 0.8)
    assert trustworthiness(W, np.arange(20), points(20), 0) is None
    assert trustworthiness(W, np.arange(21), points(21), 0) is not None


@pytest.mark.parametrize(
    ("latents", "rows"), [(2_048, 2_048), (3_000, 2_048), (40_000, 1_677), (100_000, 1_024)]
)
def test_from_1024_to_2048_latents_are_sampled(
    latents: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2^26 cosines, as far as these bounds allow: 2^26 / 40,000 = 1,677."""

    class SampledError(Exception):
        pass

    def counted(points: np.ndarray, sample: np.ndarray, k: int) -> np.ndarray:
        assert (len(sample), len(np.unique(sample)), k) == (rows, rows, 10)
        raise SampledError

    monkeypatch.setattr(module, "map_neighbours", counted)
    flat = points(latents)
    with pytest.raises(SampledError):
        trustworthiness(flat, np.arange(latents), flat, 0)
