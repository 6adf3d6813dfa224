"""The map against scikit-learn's trustworthiness and a brute-force recall."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from analysis import layout as layout_module
from analysis.layout import Layout, layout, principal_components
from analysis.neighbours import NeighbourGraph, decoder_graph

LEFT_OUT = [3, 77]


def planted(groups: int, members: int, d: int, noise: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(groups, d)), members, axis=0)
    return (centres + noise * rng.normal(size=centres.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def decoder() -> np.ndarray:
    return planted(8, 30, 32, 0.7)


@pytest.fixture(scope="module")
def eligible(decoder: np.ndarray) -> np.ndarray:
    mask = np.ones(len(decoder), dtype=bool)
    mask[LEFT_OUT] = False
    return mask


@pytest.fixture(scope="module")
def graph(decoder: np.ndarray, eligible: np.ndarray) -> NeighbourGraph:
    return decoder_graph(decoder, eligible=eligible)


@pytest.fixture(scope="module")
def drawn(decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray) -> Layout:
    return layout(decoder, graph, eligible, seed=4, epochs=100)


def points(drawn: Layout, mask: np.ndarray) -> np.ndarray:
    return np.stack([drawn.x, drawn.y], axis=1)[mask]


def test_latents_left_out_have_no_place(drawn: Layout, eligible: np.ndarray) -> None:
    assert np.flatnonzero(~drawn.placed).tolist() == LEFT_OUT
    assert np.isnan(drawn.recall[LEFT_OUT]).all()
    assert np.isfinite(points(drawn, eligible)).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, drawn: Layout
) -> None:
    again = layout(decoder, graph, eligible, seed=4, epochs=100)
    assert again.x.tobytes() == drawn.x.tobytes()
    assert again.y.tobytes() == drawn.y.tobytes()
    other = layout(decoder, graph, eligible, seed=5, epochs=100)
    assert other.x.tobytes() != drawn.x.tobytes()


def test_trustworthiness_is_scikit_learns(
    decoder: np.ndarray, eligible: np.ndarray, drawn: Layout
) -> None:
    expected = trustworthiness(
        decoder[eligible], points(drawn, eligible), n_neighbors=10, metric="cosine"
    )
    assert drawn.trustworthiness == pytest.approx(expected, abs=1e-5)


def test_sampled_trustworthiness_is_near_the_whole(
    decoder: np.ndarray,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    drawn: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout_module, "TRUST_SAMPLE", 120)
    sampled = layout(decoder, graph, eligible, seed=4, epochs=100).trustworthiness
    assert sampled is not None
    assert drawn.trustworthiness is not None
    assert sampled != drawn.trustworthiness
    assert sampled == pytest.approx(drawn.trustworthiness, abs=0.02)


def test_recall_is_the_share_of_common_neighbours(
    decoder: np.ndarray, eligible: np.ndarray, drawn: Layout
) -> None:
    unit = decoder[eligible] / np.linalg.norm(decoder[eligible], axis=1, keepdims=True)
    flat = points(drawn, eligible).astype(np.float64)
    apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    cosines = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    np.fill_diagonal(cosines, -np.inf)
    expected = [
        len(set(np.argsort(a)[:10]) & set(np.argsort(-c)[:10])) / 10
        for a, c in zip(apart, cosines, strict=True)
    ]
    np.testing.assert_allclose(drawn.recall[eligible], expected, atol=1e-6)
    assert drawn.knn_recall == pytest.approx(np.mean(expected), abs=1e-6)


def test_planted_groups_are_apart_on_the_map(drawn: Layout, eligible: np.ndarray) -> None:
    truth = np.repeat(np.arange(8), 30)[eligible]
    assert silhouette_score(points(drawn, eligible), truth) > 0.6
    assert drawn.trustworthiness is not None
    assert drawn.trustworthiness > 0.9


@pytest.mark.parametrize("latents", [0, 1, 2, 6])
def test_a_handful_of_latents_gets_principal_components(latents: int) -> None:
    W = np.random.default_rng(1).normal(size=(latents, 5)).astype(np.float32)
    eligible = np.ones(latents, dtype=bool)
    drawn = layout(W, decoder_graph(W, eligible=eligible), eligible)
    assert drawn.placed.all()
    assert drawn.trustworthiness is None
    start = principal_components(W, np.arange(latents), 2)
    np.testing.assert_array_equal(np.stack([drawn.x, drawn.y], axis=1), start)


def test_duplicated_vectors_do_not_break_the_map() -> None:
    W = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    eligible = np.ones(80, dtype=bool)
    drawn = layout(W, decoder_graph(W, eligible=eligible), eligible, epochs=20)
    assert drawn.placed.all()


def test_principal_components_are_those_of_the_unit_rows() -> None:
    W = planted(3, 20, 10, 0.5)
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    found = principal_components(W, np.arange(len(W)), 2)
    np.testing.assert_allclose(np.abs(found), np.abs(u[:, :2] * s[:2]), atol=2e-5)
