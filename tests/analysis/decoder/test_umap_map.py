"""The maps against umap-learn, scikit-learn's trustworthiness and brute-force neighbours."""

import numba
import numpy as np
import pyarrow as pa
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from analysis.bundle import MapQuality
from analysis.cooccurrence.partner_graph import partner_graph
from analysis.decoder import umap_map as layout_module
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.map_quality import quality_sentence
from analysis.decoder.umap_map import (
    Layout,
    layout,
    layout_by_cooccurrence,
    moved,
    principal_components,
)

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


def test_no_byte_depends_on_the_threads_and_all_on_the_seed(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, drawn: Layout
) -> None:
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    again = layout(decoder, graph, eligible, seed=4, epochs=100)
    numba.set_num_threads(threads)
    assert again.x.tobytes() == drawn.x.tobytes()
    assert again.y.tobytes() == drawn.y.tobytes()
    np.testing.assert_array_equal(again.agreement, drawn.agreement)
    other = layout(decoder, graph, eligible, seed=5, epochs=100, seeds=1)
    assert other.x.tobytes() != drawn.x.tobytes()


def test_trustworthiness_is_scikit_learns(
    decoder: np.ndarray, eligible: np.ndarray, drawn: Layout
) -> None:
    expected = trustworthiness(
        decoder[eligible], points(drawn, eligible), n_neighbors=10, metric="cosine"
    )
    assert drawn.quality.trustworthiness == pytest.approx(expected, abs=1e-5)


def test_sampled_trustworthiness_is_near_the_whole(
    decoder: np.ndarray,
    graph: NeighbourGraph,
    eligible: np.ndarray,
    drawn: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout_module, "TRUST_SAMPLE", (120, 120))
    sampled = layout(decoder, graph, eligible, seed=4, epochs=100, seeds=1).quality.trustworthiness
    assert sampled is not None
    assert drawn.quality.trustworthiness is not None
    assert sampled != drawn.quality.trustworthiness
    assert sampled == pytest.approx(drawn.quality.trustworthiness, abs=0.02)


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
    assert drawn.quality.knn_recall == pytest.approx(np.mean(expected), abs=1e-6)


def test_planted_groups_are_apart_on_the_map(drawn: Layout, eligible: np.ndarray) -> None:
    truth = np.repeat(np.arange(8), 30)[eligible]
    assert silhouette_score(points(drawn, eligible), truth) > 0.6
    assert drawn.quality.trustworthiness is not None
    assert drawn.quality.trustworthiness > 0.9


@pytest.mark.parametrize("latents", [0, 1, 2, 6])
def test_a_handful_of_latents_gets_principal_components(latents: int) -> None:
    W = np.random.default_rng(1).normal(size=(latents, 5)).astype(np.float32)
    eligible = np.ones(latents, dtype=bool)
    drawn = layout(W, decoder_graph(W, eligible=eligible), eligible)
    assert drawn.placed.all()
    assert drawn.quality.trustworthiness is None
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


def nearest(points: np.ndarray, k: int = 10) -> list[set[int]]:
    flat = points.astype(np.float64)
    apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return [set(row[:k].tolist()) for row in np.argsort(apart, axis=1)]


def shared(first: list[set[int]], second: list[set[int]]) -> np.ndarray:
    return np.array([len(a & b) / 10 for a, b in zip(first, second, strict=True)])


def test_the_map_is_as_trustworthy_as_umap_learns(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray
) -> None:
    ours, reference = (
        layout(decoder, graph, eligible, seeds=1, reference=by_umap).quality
        for by_umap in (False, True)
    )
    assert ours.trustworthiness is not None
    assert reference.trustworthiness is not None
    assert ours.trustworthiness >= reference.trustworthiness - 0.01


def test_agreement_is_the_mean_over_pairs_of_seeds(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, drawn: Layout
) -> None:
    maps = [
        nearest(layout(decoder, graph, eligible, seed=4 + i, epochs=100, seeds=1).points)
        for i in range(3)
    ]
    expected = (shared(maps[0], maps[1]) + shared(maps[0], maps[2]) + shared(maps[1], maps[2])) / 3
    np.testing.assert_allclose(drawn.agreement[eligible], expected, atol=1e-6)
    assert drawn.quality.agreement == pytest.approx(expected.mean(), abs=1e-6)
    assert np.isnan(drawn.agreement[LEFT_OUT]).all()


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


def test_the_partner_graph_holds_the_strongest_by_phi() -> None:
    partners, latents, phi = firing_in_groups(60, 4)
    graph = partner_graph(partners, latents, 3_000, k=5)
    assert (graph.neighbours[0] == -1).all()
    for i in range(1, 60):
        expected = np.argsort(-phi[i], kind="stable")[:5]
        np.testing.assert_allclose(graph.cosines[i], phi[i][expected], atol=1e-6)


def test_what_fires_together_lies_together_and_what_moves_is_told(
    decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray, drawn: Layout
) -> None:
    partners, latents, _ = firing_in_groups(len(decoder), 6)
    together = layout_by_cooccurrence(
        partner_graph(partners, latents, 3_000), drawn, seed=1, epochs=200
    )
    on_it = eligible.copy()
    on_it[0] = False
    np.testing.assert_array_equal(together.placed, on_it)
    groups = (np.arange(len(decoder)) % 6)[on_it]
    assert silhouette_score(together.points, groups) > 0.5
    assert together.quality.trustworthiness is None
    expected = 1 - shared(
        nearest(np.column_stack([drawn.x, drawn.y])[on_it]), nearest(together.points)
    )
    measured = moved(drawn, together)
    np.testing.assert_allclose(measured[on_it], expected, atol=1e-6)
    assert np.isnan(measured[~on_it]).all()
    assert np.nanmax(moved(drawn, drawn)) == 0


@pytest.mark.parametrize(
    ("recall", "agreement", "expected"),
    [
        (0.7, 0.8, "can mostly be believed: 70 %"),
        (0.4, 0.8, "Read regions"),
        (0.06, 0.1, "another seed puts"),
        (None, None, "Too few latents"),
    ],
)
def test_the_sentence_says_what_may_be_read(
    recall: float | None, agreement: float | None, expected: str
) -> None:
    quality = MapQuality(
        trustworthiness=0.95,
        knn_recall=recall,
        latents=100,
        left_out=0,
        graph="exact",
        agreement=agreement,
    )
    assert expected in quality_sentence(quality)
    weak = quality.model_copy(update={"trustworthiness": 0.8})
    assert ("not alike" in quality_sentence(weak)) == (recall is not None)
