"""Components equal scikit-learn's, a bundle shows their scores, and circles are told apart."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from safetensors.numpy import load_file
from sklearn.decomposition import PCA

from analysis.bundle import Bundle
from analysis.clusters import principal_components as components
from analysis.clusters import reconstruction
from analysis.clusters.circles import Ring, ring
from analysis.clusters.principal_components import principal_components, write_components
from analysis.clusters.reconstruction import reconstruct, sampled
from tests.analysis.conftest import Stored
from tests.planted import planted_sae

SEVEN = np.random.default_rng(3).permutation(7)
"""Which place on the planted circle each of seven latents has."""


def circle(d: int = 48) -> np.ndarray:
    """Seven decoder vectors on a circle in a random plane, unit length, a little noise."""
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((d, 2)))[0]
    angle = 2 * np.pi * SEVEN / 7
    noise = 0.05 * rng.standard_normal((7, d)) / np.sqrt(d)
    return (np.column_stack([np.cos(angle), np.sin(angle)]) @ plane.T + noise).astype(np.float32)


def simplex(classes: int = 7, d: int = 48) -> np.ndarray:
    """Decoder vectors that are orthogonal to one another, of unit length."""
    return np.linalg.qr(np.random.default_rng(1).standard_normal((d, classes)))[0].T.astype("f4")


def one_hot(classes: int, tokens: int = 700, seed: int = 2) -> np.ndarray:
    """One latent on each token, with an activation that varies."""
    rng = np.random.default_rng(seed)
    active = np.zeros((tokens, classes))
    active[np.arange(tokens), rng.integers(0, classes, tokens)] = rng.gamma(8.0, 0.25, tokens)
    return active


def judged(decoder: np.ndarray, plane: tuple[int, int] = (0, 1)) -> Ring:
    active = one_hot(len(decoder))
    found = principal_components(scipy.sparse.csr_matrix(active), decoder)
    scores = active @ found.loadings
    return ring(scores - scores.mean(axis=0), active.argmax(axis=1), found.shares, plane)


def test_a_planted_circle_is_recovered_in_its_exact_order() -> None:
    found = judged(circle())
    assert found.is_circle and found.plane >= 0.8
    around = [int(SEVEN[member]) for member in found.classes]
    step = (around[1] - around[0]) % 7
    assert step in (1, 6)
    assert around == [(around[0] + i * step) % 7 for i in range(7)]
    assert found.sentence.startswith("A circle: the plane has")


@pytest.mark.parametrize("classes", [4, 5, 7, 12])
@pytest.mark.parametrize("plane", [(0, 1), (1, 2), (2, 3), (0, 2)])
def test_a_simplex_is_no_circle_in_any_plane(classes: int, plane: tuple[int, int]) -> None:
    if max(plane) < classes - 1:
        found = judged(simplex(classes), plane)
        assert not found.is_circle
        assert found.plane == pytest.approx(2 / (classes - 1 - (0 not in plane)), abs=0.15)


def test_a_circle_behind_a_common_direction_is_found_behind_the_first_component() -> None:
    common = 3.0 * simplex(1)
    found = judged(circle() + common, (1, 2))
    assert found.is_circle
    assert not judged(circle() + common, (0, 1)).is_circle


def test_a_line_and_a_half_circle_are_no_circles() -> None:
    angle = np.pi * np.arange(7) / 6
    half = np.column_stack([np.cos(angle), np.sin(angle)])
    line = np.column_stack([np.linspace(-1, 1, 7), np.zeros(7)])
    classes = np.repeat(np.arange(7), 50)
    for points in (half, line):
        scores = np.repeat(points, 50, axis=0)
        assert not ring(scores, classes, np.array([0.6, 0.4]), (0, 1)).is_circle


def test_small_classes_are_left_out_and_too_few_are_no_answer() -> None:
    scores = np.random.default_rng(0).standard_normal((104, 2))
    classes = np.repeat([3, 5, 9], [50, 50, 4])
    found = ring(scores, classes, np.array([0.5, 0.5]), (0, 1))
    assert sorted(found.classes.tolist()) == [3, 5] and not found.is_circle
    assert found.sentence.startswith("Too few classes")
    none = ring(scores[:0], classes[:0], np.zeros(2), (0, 1))
    assert not none.is_circle and len(none.classes) == 0


@pytest.mark.parametrize("members, d", [(6, 40), (40, 16)])
def test_components_equal_those_of_scikit_learn(members: int, d: int) -> None:
    rng = np.random.default_rng(4)
    decoder = rng.standard_normal((members, d)).astype(np.float32)
    active = rng.gamma(2.0, 1.0, (300, members)) * (rng.random((300, members)) < 0.3)
    found = principal_components(scipy.sparse.csr_matrix(active), decoder)
    oracle = PCA(svd_solver="full").fit(active @ decoder.astype(np.float64))
    k = min(components.KEPT, members, d)
    assert len(found.shares) == k
    assert np.allclose(found.shares, oracle.explained_variance_ratio_[:k], atol=1e-9)
    theirs = decoder.astype(np.float64) @ oracle.components_[:k].T
    assert np.allclose(np.abs(found.loadings), np.abs(theirs), atol=1e-6)
    largest = np.abs(found.loadings).argmax(axis=0)
    assert (found.loadings[largest, np.arange(k)] > 0).all()


def test_one_member_has_one_component_and_a_constant_none() -> None:
    decoder = np.ones((1, 5), dtype=np.float32)
    active = np.array([[1.0], [2.0], [4.0]])
    one = principal_components(scipy.sparse.csr_matrix(active), decoder)
    assert one.shares.tolist() == pytest.approx([1.0])
    none = principal_components(scipy.sparse.csr_matrix(np.ones((3, 1))), decoder)
    assert len(none.shares) == 0 and none.loadings.shape == (1, 0)


def test_a_sample_is_of_the_asked_size_and_spread_evenly() -> None:
    tokens = np.arange(200_000, dtype=np.uint32)
    chosen = sampled(tokens, 200_000, 10_000)
    assert abs(chosen.sum() - 10_000) < 5 * 100
    parts = chosen.reshape(20, -1).sum(axis=1)
    assert ((parts - 500) ** 2 / 500).sum() < 44  # chi-squared, 20 degrees, p = .001
    assert sampled(tokens, 200_000, 200_000).all()
    assert np.array_equal(chosen[1000:2000], sampled(tokens[1000:2000], 200_000, 10_000))


def dense(bundle: Bundle, latents: np.ndarray) -> np.ndarray:
    """Activations [tokens, latents]."""
    values = np.zeros((bundle.tokens.num_rows, len(latents)))
    for i, latent in enumerate(latents):
        tokens, activations = bundle.activations.of_latent(int(latent))
        values[tokens, i] = activations
    return values


@pytest.mark.parametrize("size", [10**9, 300])
def test_a_bundle_shows_the_scores_of_a_cluster(
    planted_bundle: Bundle, tmp_path: Path, size: int
) -> None:
    decoder = load_file(planted_sae(tmp_path / "sae") / "sae_weights.safetensors")["W_dec"]
    rows = planted_bundle.memberships
    members = rows.filter(pc.equal(rows["cluster"], 0))["latent"].to_numpy()
    values = dense(planted_bundle, members)
    active = np.flatnonzero(values.any(axis=1))
    found = reconstruct(planted_bundle, 0, size)
    assert found.active == len(active)
    assert set(found.tokens) <= set(active)
    if size > len(active):
        assert np.array_equal(found.tokens, active)
    rest = active[sampled(active, len(active), reconstruction.SAMPLE)]
    assert found.rests_on == len(rest)
    assert np.array_equal(found.strongest, members[values[found.tokens].argmax(axis=1)])
    oracle = PCA(svd_solver="full").fit(values[rest] @ decoder[members].astype(np.float64))
    k = len(found.shares)
    assert np.allclose(found.shares, oracle.explained_variance_ratio_[:k], atol=1e-6)
    written = values[found.tokens] @ decoder[members]
    theirs = written @ oracle.components_[:3].T
    theirs -= theirs.mean(axis=0)
    mine = found.scores[:, :3] * np.sign((found.scores[:, :3] * theirs).sum(axis=0))
    assert np.allclose(mine, theirs, atol=2e-3 * np.abs(theirs).max())


def test_blocks_and_batches_change_nothing(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "SAMPLE", 500)
    rng = np.random.default_rng(0)
    W_dec = rng.standard_normal((stored.bits.shape[1], 24)).astype(np.float32)
    of = np.arange(150) % 6
    memberships = pa.table(
        {"latent": np.arange(150, dtype=np.int32), "cluster": of.astype(np.int32)}
    )
    active = [int(stored.bits[:, np.flatnonzero(of == c)].any(axis=1).sum()) for c in range(6)]
    clusters = pa.table({"cluster": np.arange(6, dtype=np.int32), "active_tokens": active})
    written = []
    for name, memory_bytes in (("whole", 1 << 28), ("small", 1 << 14)):
        (tmp_path / name).mkdir()
        write_components(
            stored.activations, W_dec, clusters, memberships, tmp_path / name,
            memory_bytes=memory_bytes,
        )  # fmt: skip
        files = ("cluster_components.parquet", "cluster_loadings.parquet")
        written.append([(tmp_path / name / file).read_bytes() for file in files])
    assert written[0] == written[1]
    rows = pq.read_table(tmp_path / "whole" / "cluster_components.parquet")
    assert set(rows["cluster"].to_pylist()) == set(range(6))
    assert all(0 < n < 700 for n in rows["tokens"].to_pylist())
    bits = pq.read_table(tmp_path / "whole" / "cluster_loadings.parquet")["loadings"]
    assert (bits.combine_chunks().flatten().to_numpy().view(np.uint32) & 0x1FFF == 0).all()


def test_a_cluster_without_components_has_no_scores(planted_bundle: Bundle) -> None:
    found = reconstruct(planted_bundle, 10**6)
    assert len(found.tokens) == 0 and len(found.shares) == 0 and found.active == 0


def test_a_plane_without_the_first_component_says_what_its_share_is_of() -> None:
    scores = np.random.default_rng(0).standard_normal((350, 3))
    classes, shares = np.repeat(np.arange(7), 50), np.array([0.5, 0.3, 0.1])
    without, within = (ring(scores, classes, shares, plane) for plane in ((1, 2), (0, 1)))
    assert without.plane == pytest.approx(0.8)
    assert "0.80 of the variance that component 1 leaves (" in without.sentence
    assert "of the variance (" in within.sentence
