"""UMAP's graph, start and embedding against umap-learn and a plain singular value decomposition."""

from pathlib import Path

import numpy as np
import pytest
from umap.umap_ import compute_membership_strengths, fuzzy_simplicial_set, smooth_knn_dist

from analysis.decoder import umap_embedding as module
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.map_quality import trustworthiness
from analysis.decoder.umap_embedding import (
    COSINE_POWER,
    NEIGHBOURS,
    embed,
    fuzzy_graph,
    jittered,
    start_positions,
)
from analysis.decoder.umap_map import MIN_DIST, SAMPLES
from tests.analysis.decoder.conftest import LEFT_OUT, planted
from tests.oracles.umap_reference import reference_embedding
from tests.threads import COUNTS, threads


@pytest.mark.parametrize(("neighbours", "power"), [(15, 0.75), (8, 2.0)])
def test_edges_are_umap_learns_times_a_power_of_their_cosine(
    decoder: np.ndarray,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    neighbours: int,
    power: float,
) -> None:
    fuzzy = fuzzy_graph(graph, eligible, neighbours=neighbours, power=power)
    assert np.setdiff1d(np.arange(len(decoder)), fuzzy.latents).tolist() == LEFT_OUT
    unit = decoder[fuzzy.latents].astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, 1)
    random = np.random.RandomState(0)
    reference, _, _ = fuzzy_simplicial_set(1 - cosines, neighbours, random, "precomputed")
    expected = reference.toarray() * np.maximum(cosines, 0) ** power
    np.testing.assert_allclose(fuzzy.weights.toarray(), expected, atol=2e-4)
    assert fuzzy.neighbours.shape[1] == graph.k


def test_the_defaults_are_those_of_the_clusters() -> None:
    assert (NEIGHBOURS, COSINE_POWER) == (15, 0.75)


def test_a_missing_neighbour_counts_as_far_away_as_the_opposite_vector() -> None:
    """The distance 1 - cosine of opposite vectors is 2."""
    rng = np.random.default_rng(2)
    F, k = 40, 14
    neighbours = (np.arange(F)[:, None] + np.arange(1, k + 1)).astype(np.int32) % F
    cosines = -np.sort(-rng.uniform(0.1, 0.9, (F, k)), axis=1).astype(np.float32)
    missing = np.arange(k) >= rng.integers(3, k + 1, F)[:, None]
    neighbours[missing], cosines[missing] = -1, np.nan
    fuzzy = fuzzy_graph(NeighbourGraph(neighbours, cosines, "", 1.0), np.ones(F, dtype=bool))
    distances = np.where(missing, 2.0, 1 - cosines)
    reference, _, _ = fuzzy_simplicial_set(
        np.empty((F, 0), np.float32),
        15,
        np.random.RandomState(0),
        "cosine",
        knn_indices=np.column_stack([np.arange(F, dtype=np.int32), neighbours]),
        knn_dists=np.column_stack([np.zeros(F), distances]).astype(np.float32),
    )
    edges = np.zeros((F, F))
    rows, places = np.nonzero(~missing)
    edges[rows, neighbours[rows, places]] = cosines[rows, places]
    expected = reference.toarray() * np.maximum(edges, edges.T) ** 0.75
    assert missing.any(axis=1).sum() > F / 2
    np.testing.assert_allclose(fuzzy.weights.toarray(), expected, atol=1e-6)


def test_neighbours_are_rows_of_the_graph(graph: NeighbourGraph, eligible: np.ndarray) -> None:
    fuzzy = fuzzy_graph(graph, eligible)
    np.testing.assert_array_equal(fuzzy.latents[fuzzy.neighbours], graph.neighbours[fuzzy.latents])


def test_latents_without_a_neighbour_are_left_out() -> None:
    W = np.random.default_rng(3).normal(size=(40, 6)).astype(np.float32)
    W[5] = 0
    everyone = np.ones(40, dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    assert fuzzy.latents.tolist() == [i for i in range(40) if i != 5]


def test_the_start_is_the_first_principal_components_of_the_unit_rows() -> None:
    W = planted(3, 20, 10, 0.5)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    u, s, axes = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    signs = np.sign([axis[np.abs(axis).argmax()] for axis in axes[:2]])
    expected = u[:, :2] * s[:2] * signs
    start = start_positions(W, np.arange(len(W), dtype=np.int32), 2)
    np.testing.assert_allclose(start, expected, atol=2e-5)


def test_axes_come_from_an_even_sample_of_many_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    W = planted(3, 20, 10, 0.5)
    monkeypatch.setattr(module, "AXES_SAMPLE", 25)
    monkeypatch.setattr(module, "BLOCK", 7)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    sample = unit[::3]
    _, _, axes = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)
    expected = (unit - sample.mean(axis=0)) @ axes[:2].T
    start = start_positions(W, np.arange(len(W), dtype=np.int32), 2)
    np.testing.assert_allclose(np.abs(start), np.abs(expected), atol=3e-5)


def test_components_that_do_not_exist_are_zero() -> None:
    W = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    start = start_positions(W, np.arange(20, dtype=np.int32), 5)
    assert start.shape == (20, 5)
    assert (start[:, 2:] == 0).all()


def test_no_byte_of_the_start_depends_on_the_threads() -> None:
    W = np.random.default_rng(4).standard_normal((5_000, 48), dtype=np.float32)
    seen = set()
    for count in COUNTS:
        with threads(count):
            seen.add(start_positions(W, np.arange(len(W), dtype=np.int32), 5).tobytes())
    assert len(seen) == 1


def test_the_jitter_is_relative_to_the_largest_coordinate() -> None:
    start = np.zeros((4_000, 2), dtype=np.float32)
    start[0, 1] = -50
    noise = jittered(start, 0.1, np.random.RandomState(0)) - start
    assert noise.std() == pytest.approx(5, rel=0.05)
    assert jittered(start * 0, 0.1, np.random.RandomState(0)).std() > 0


def test_the_map_is_as_trustworthy_as_umap_learns(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray
) -> None:
    fuzzy = fuzzy_graph(graph, eligible)
    start = start_positions(decoder, fuzzy.latents, 2)
    points = embed(start, fuzzy, min_dist=MIN_DIST, seed=0, samples=SAMPLES)
    reference = reference_embedding(start, fuzzy, min_dist=MIN_DIST, seed=0)
    ours, theirs = (trustworthiness(decoder, fuzzy.latents, p, 0) for p in (points, reference))
    assert ours is not None
    assert theirs is not None
    assert ours >= theirs - 0.01


@pytest.mark.parametrize(("latents", "epochs"), [(20, 1_000), (21, 500)])
def test_many_latents_get_fewer_epochs(
    latents: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 21)
    W = planted(3, 7, 10, 0.5)[:latents]
    everyone = np.ones(latents, dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 2)
    default = embed(start, fuzzy, min_dist=0.1, seed=0)
    stated = embed(start, fuzzy, min_dist=0.1, seed=0, epochs=epochs, jitter=1e-4, samples=10)
    assert default.tobytes() == stated.tobytes()


@pytest.mark.parametrize(("latents", "epochs"), [(49_999, 1_000), (50_000, 500)])
def test_50000_latents_are_many(
    latents: int,
    epochs: int,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[object] = []
    monkeypatch.setattr(module, "optimise", lambda *_, **settings: given.append(settings))
    embed(np.ones((latents, 2), np.float32), fuzzy_graph(graph, eligible), min_dist=0.1, seed=6)
    assert given == [{"epochs": epochs, "seed": 6, "samples": 10}]


def test_few_latents_keep_their_initial_positions() -> None:
    W = planted(1, 15, 6, 0.5)
    everyone = np.ones(15, dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 2)
    np.testing.assert_array_equal(embed(start, fuzzy, min_dist=0.1, seed=0), start)
    more = np.vstack([W, W[:1] + 0.5])
    everyone = np.ones(16, dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(more, eligible=everyone), everyone)
    start = start_positions(more, fuzzy.latents, 2)
    assert (embed(start, fuzzy, min_dist=0.1, seed=0, epochs=5) != start).all()


def test_what_umap_learn_compiles_is_kept(graph: NeighbourGraph, eligible: np.ndarray) -> None:
    fuzzy_graph(graph, eligible)
    for kernel in (smooth_knn_dist, compute_membership_strengths):
        stats = kernel.stats
        assert sum(stats.cache_hits.values()) + sum(stats.cache_misses.values()) > 0
        assert any(Path(stats.cache_path).glob(f"*{kernel.__name__}*.nbi"))
