"""The maps against scikit-learn's trustworthiness and brute-force neighbours."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from analysis.cooccurrence.partner_graph import partner_graph
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.umap_embedding import embed, fuzzy_graph, start_positions
from analysis.decoder.umap_map import LatentMap, cooccurrence_map, decoder_map, moved
from tests.analysis.decoder.conftest import (
    GROUPS,
    LEFT_OUT,
    MEMBERS,
    nearest_points,
    nearest_rows,
    shared,
)
from tests.threads import threads


def test_latents_that_are_left_out_have_no_coordinates(
    latent_map: LatentMap, eligible: np.ndarray
) -> None:
    assert np.flatnonzero(~latent_map.placed).tolist() == LEFT_OUT
    assert np.isnan(latent_map.recall[LEFT_OUT]).all()
    assert np.isfinite(latent_map.points).all()


def test_bytes_depend_on_the_seed_and_not_on_the_threads(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, latent_map: LatentMap
) -> None:
    with threads(1):
        again = decoder_map(decoder, graph, eligible, seed=4, epochs=100)
    assert again.x.tobytes() == latent_map.x.tobytes()
    assert again.y.tobytes() == latent_map.y.tobytes()
    np.testing.assert_array_equal(again.agreement, latent_map.agreement)
    other = decoder_map(decoder, graph, eligible, seed=5, epochs=100, seeds=1)
    assert other.x.tobytes() != latent_map.x.tobytes()


def test_trustworthiness_is_scikit_learns(
    decoder: np.ndarray, eligible: np.ndarray, latent_map: LatentMap
) -> None:
    expected = trustworthiness(
        decoder[eligible], latent_map.points, n_neighbors=10, metric="cosine"
    )
    assert latent_map.quality.trustworthiness == pytest.approx(expected, abs=1e-5)


def test_recall_is_the_share_of_the_ten_nearest_rows_that_are_near_on_the_map(
    decoder: np.ndarray, eligible: np.ndarray, latent_map: LatentMap
) -> None:
    expected = shared(nearest_rows(decoder[eligible]), nearest_points(latent_map.points))
    np.testing.assert_allclose(latent_map.recall[eligible], expected, atol=1e-6)
    assert latent_map.quality.knn_recall == pytest.approx(np.mean(expected), abs=1e-6)
    assert (latent_map.quality.latents, latent_map.quality.left_out) == (238, 2)


def test_planted_groups_are_apart_on_the_map(latent_map: LatentMap, eligible: np.ndarray) -> None:
    truth = np.repeat(np.arange(GROUPS), MEMBERS)[eligible]
    assert silhouette_score(latent_map.points, truth) > 0.6
    assert latent_map.quality.trustworthiness is not None
    assert latent_map.quality.trustworthiness > 0.9


def test_maps_have_the_stated_minimal_distance_and_negative_samples(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray
) -> None:
    """min_dist .05 of Bricken et al. 2023, and 25 negative samples, on both maps.

    The map of the decoder has 8 neighbours and edges weighted by the square of the cosine.
    """
    first = decoder_map(decoder, graph, eligible, seed=3, epochs=5, seeds=1)
    fuzzy = fuzzy_graph(graph, eligible, neighbours=8, power=2.0)
    start = start_positions(decoder, fuzzy.latents, 2)
    expected = embed(start, fuzzy, min_dist=0.05, seed=3, epochs=5, samples=25)
    np.testing.assert_array_equal(first.points, expected)
    fuzzy = fuzzy_graph(graph, eligible)
    second = cooccurrence_map(graph, first, seed=3, epochs=5, seeds=1)
    expected = embed(first.points, fuzzy, min_dist=0.05, seed=3, epochs=5, samples=25)
    np.testing.assert_array_equal(second.points, expected)


@pytest.mark.parametrize("latents", [0, 1, 2, 6])
def test_a_handful_of_latents_gets_principal_components(latents: int) -> None:
    W = np.random.default_rng(1).normal(size=(latents, 5)).astype(np.float32)
    eligible = np.ones(latents, dtype=bool)
    latent_map = decoder_map(W, decoder_graph(W, eligible=eligible), eligible)
    assert latent_map.placed.all()
    assert latent_map.quality.trustworthiness is None
    start = start_positions(W, np.arange(latents, dtype=np.int32), 2)
    np.testing.assert_array_equal(np.stack([latent_map.x, latent_map.y], axis=1), start)


def test_duplicated_vectors_do_not_break_the_map() -> None:
    W = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    eligible = np.ones(80, dtype=bool)
    latent_map = decoder_map(W, decoder_graph(W, eligible=eligible), eligible, epochs=20)
    assert latent_map.placed.all()


def test_agreement_is_the_mean_over_pairs_of_seeds(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, latent_map: LatentMap
) -> None:
    maps = [
        nearest_points(
            decoder_map(decoder, graph, eligible, seed=4 + i, epochs=100, seeds=1).points
        )
        for i in range(3)
    ]
    expected = (shared(maps[0], maps[1]) + shared(maps[0], maps[2]) + shared(maps[1], maps[2])) / 3
    np.testing.assert_allclose(latent_map.agreement[eligible], expected, atol=1e-6)
    assert latent_map.quality.agreement == pytest.approx(expected.mean(), abs=1e-6)
    assert np.isnan(latent_map.agreement[LEFT_OUT]).all()


def firing_in_groups(latents: int, groups: int) -> tuple[pa.Table, pa.Table, np.ndarray]:
    """Partner and latent tables of latents that fire by groups, and phi [n, n] by numpy."""
    rng = np.random.default_rng(3)
    topic = rng.integers(groups, size=3_000)
    active = (topic[:, None] == np.arange(latents) % groups) & (rng.random((3_000, latents)) < 0.6)
    active[:, 0] = False
    joint = active.T.astype(np.int64) @ active
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = np.nan_to_num(np.corrcoef(active.T))
    np.fill_diagonal(phi, 0)
    first, second = np.nonzero((joint > 0) & ~np.eye(latents, dtype=bool))
    partners = pa.table(
        {
            "latent": first.astype(np.int32),
            "partner": second.astype(np.int32),
            "joint_tokens": joint[first, second],
        }
    )
    return partners, pa.table({"active_tokens": np.diag(joint)}), phi


def test_latents_that_fire_together_are_close_and_moved_measures_the_change(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, latent_map: LatentMap
) -> None:
    partners, latents, _ = firing_in_groups(len(decoder), 6)
    together = cooccurrence_map(
        partner_graph(partners, latents, 3_000), latent_map, seed=1, epochs=200
    )
    on_it = eligible.copy()
    on_it[0] = False
    np.testing.assert_array_equal(together.placed, on_it)
    groups = (np.arange(len(decoder)) % 6)[on_it]
    assert silhouette_score(together.points, groups) > 0.5
    assert together.quality.trustworthiness is None
    others = [
        cooccurrence_map(
            partner_graph(partners, latents, 3_000), latent_map, seed=seed, epochs=200, seeds=1
        )
        for seed in (2, 3)
    ]
    near = [nearest_points(one.points) for one in (together, *others)]
    agreement = np.mean([shared(a, b) for a, b in combinations(near, 2)], axis=0)
    np.testing.assert_allclose(together.agreement[on_it], agreement, atol=1e-6)
    assert together.quality.agreement == pytest.approx(agreement.mean(), abs=1e-6)
    assert others[0].quality.agreement is None
    expected = 1 - shared(
        nearest_points(np.column_stack([latent_map.x, latent_map.y])[on_it]),
        nearest_points(together.points),
    )
    measured = moved(latent_map, together)
    np.testing.assert_allclose(measured[on_it], expected, atol=1e-6)
    assert np.isnan(measured[~on_it]).all()
    assert np.nanmax(moved(latent_map, latent_map)) == 0
