"""Components equal scikit-learn's, and a bundle gives the scores of a cluster's tokens."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import scipy.sparse
from safetensors.numpy import load_file
from sklearn.decomposition import PCA

from analysis.bundle import Activations, Bundle, write_table
from analysis.clusters import principal_components as module
from analysis.clusters.principal_components import (
    principal_components,
    reconstruct,
    sampled,
    sampled_entries,
)
from tests.planted import planted_sae


@pytest.mark.parametrize("members, d", [(6, 40), (40, 16)])
def test_components_equal_those_of_scikit_learn(members: int, d: int) -> None:
    rng = np.random.default_rng(4)
    decoder = rng.standard_normal((members, d)).astype(np.float32)
    active = rng.gamma(2.0, 1.0, (300, members)) * (rng.random((300, members)) < 0.3)
    found = principal_components(scipy.sparse.csr_matrix(active), decoder)
    oracle = PCA(svd_solver="full").fit(active @ decoder.astype(np.float64))
    k = min(module.KEPT, members, d)
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


def test_a_sample_has_the_requested_size_and_is_spread_evenly() -> None:
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
def test_a_bundle_gives_the_scores_of_a_cluster(
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
    rest = active[sampled(active, len(active), module.SAMPLE)]
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


def test_a_cluster_without_components_has_no_scores(planted_bundle: Bundle) -> None:
    found = reconstruct(planted_bundle, 10**6)
    assert len(found.tokens) == 0 and len(found.shares) == 0 and found.active == 0


def test_at_most_eight_components_and_none_of_rounding_error() -> None:
    rng = np.random.default_rng(6)
    decoder = rng.standard_normal((12, 20)).astype(np.float32)
    active = scipy.sparse.csr_matrix(rng.gamma(2.0, 1.0, (400, 12)))
    assert len(principal_components(active, decoder).shares) == 8
    flat = decoder.copy()
    flat[3:] = flat[0]
    assert len(principal_components(active, flat).shares) == 3
    # A component of 1e-5 of the variance is stored, one of 1e-7 is not.
    for size, count in ((3e-3, 2), (3e-4, 1)):
        two = np.array([[1, 0], [0, size]], dtype=np.float32)
        one_each = scipy.sparse.csr_matrix(rng.gamma(2.0, 1.0, (4_000, 2)))
        assert len(principal_components(one_each, two).shares) == count


def test_a_sample_of_all_tokens_is_whole() -> None:
    tokens = np.arange(100, dtype=np.uint32)
    assert sampled(tokens, 100, 100).all()
    assert sampled(tokens, 100, 200).all()
    assert not sampled(tokens, 101, 50).all()


def test_sampled_entries_are_the_activations_of_the_members(planted_bundle: Bundle) -> None:
    members = np.array([0, 3, 7], dtype=np.int32)
    values = dense(planted_bundle, members)
    active = int(values.any(axis=1).sum())
    entries = sampled_entries(planted_bundle.activations, members, active, active // 3)
    again = np.zeros_like(values)
    again[entries.tokens, entries.members] = entries.activations
    in_sample = sampled(np.arange(len(values)), active, active // 3)
    np.testing.assert_array_equal(again, values * in_sample[:, None])


def test_scores_are_centred_and_tokens_ascend(planted_bundle: Bundle) -> None:
    scores = reconstruct(planted_bundle, 0, 10**9)
    np.testing.assert_allclose(scores.scores.mean(axis=0), 0, atol=1e-9)
    assert (np.diff(scores.tokens) > 0).all()


def test_the_strongest_member_of_a_tie_is_the_smaller_one(tmp_path: Path) -> None:
    # Token 4: members 5 and 7 tie. Token 9: all tie. Token 11: member 7 is the strongest.
    rows = np.array([9, 11, 4, 9, 4, 9, 11], dtype=np.uint32)
    values = np.array([2.0, 1.0, 3.0, 2.0, 3.0, 2.0, 4.0], dtype=np.float32)
    write_table(tmp_path, "activations_by_latent", pa.table({"token": rows, "activation": values}))
    counts = [0, 0, 2, 0, 0, 2, 0, 3]
    bundle = SimpleNamespace(
        activations=Activations(tmp_path, np.cumsum(counts), np.zeros(12, dtype=np.int64)),
        clusters=pa.table({"cluster": [0], "active_tokens": [3]}),
        cluster_components=pa.table({"cluster": [0], "share": [1.0], "tokens": [3]}),
        cluster_loadings=pa.table(
            {
                "cluster": [0, 0, 0],
                "latent": pa.array([2, 5, 7], pa.int32()),
                "loadings": [[1.0], [1.0], [1.0]],
            }
        ),
    )
    found = reconstruct(bundle, 0)  # type: ignore[arg-type]
    assert found.tokens.tolist() == [4, 9, 11]
    assert found.strongest.tolist() == [5, 2, 7]
    assert found.scores[:, 0].tolist() == pytest.approx([1 / 3, 1 / 3, -2 / 3])
