"""Counts of clusters equal a dense brute force, in any tiling."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES
from analysis.clusters import activity as module
from analysis.clusters.activity import ClusterActivity, cluster_activity
from tests.analysis.conftest import Stored
from tests.analysis.cooccurrence.dense import gram_of

SIZES = (23, 6)
"""Clusters of the two levels; the finer one leaves every fifth latent out."""


def two_levels(n_latents: int) -> tuple[pa.Table, pa.Table, np.ndarray]:
    """clusters, memberships, and the cluster [levels, latents] of every latent, -1 for none."""
    rng = np.random.default_rng(5)
    fine = rng.integers(0, SIZES[0], n_latents)
    fine[::5] = -1
    coarse = SIZES[0] + rng.integers(0, SIZES[1], n_latents)
    of = np.stack([fine, coarse])
    levels = np.repeat([0, 1], SIZES).astype(np.int8)
    clusters = pa.table(
        {
            "cluster": np.arange(sum(SIZES), dtype=np.int32),
            "space": pa.array(["decoder"] * sum(SIZES)).dictionary_encode(),
            "level": levels,
        }
    )
    latents, level = np.nonzero(of.T >= 0)
    memberships = pa.table(
        {
            "latent": latents.astype(np.int32),
            "level": level.astype(np.int8),
            "cluster": of[level, latents].astype(np.int32),
        }
    )
    return clusters, memberships, of


def counted(stored: Stored, memory_bytes: int = 1 << 20) -> ClusterActivity:
    clusters, memberships, _ = two_levels(stored.bits.shape[1])
    return cluster_activity(
        stored.activations,
        stored.kept,
        clusters,
        memberships,
        len(stored.bits),
        memory_bytes=memory_bytes,
    )


def dense(stored: Stored) -> np.ndarray:
    """Whether each cluster is active on each token [tokens, clusters]."""
    _, _, of = two_levels(stored.bits.shape[1])
    columns = [(stored.bits[:, (of == c).any(axis=0)] > 0).any(axis=1) for c in range(sum(SIZES))]
    return np.stack(columns, axis=1)


def test_margins_equal_a_dense_count(stored: Stored) -> None:
    found, active = counted(stored).clusters, dense(stored)
    assert found["active_tokens"].to_pylist() == active.sum(axis=0).tolist()
    document = stored.kept.documents_of(np.arange(len(active)))
    documents = [len(np.unique(document[column])) for column in active.T]
    assert found["active_documents"].to_pylist() == documents
    _, _, of = two_levels(stored.bits.shape[1])
    density = stored.bits.mean(axis=0)
    means = [density[(of == c).any(axis=0)].mean() for c in range(sum(SIZES))]
    assert np.allclose(found["mean_density"].to_numpy(), means, rtol=1e-6)
    assert [found.schema.field(n) for n in found.column_names] == [
        TABLES["clusters"].field(n) for n in found.column_names
    ]


def test_joint_tokens_equal_a_dense_product(stored: Stored) -> None:
    pairs, joint = counted(stored).pairs, gram_of(dense(stored))
    level = np.repeat([0, 1], SIZES)
    wanted = {
        (a, b): int(joint[a, b])
        for a in range(sum(SIZES))
        for b in range(a + 1, sum(SIZES))
        if level[a] == level[b] and joint[a, b]
    }
    rows = zip(*(pairs[name].to_pylist() for name in pairs.column_names), strict=True)
    found = {(a, b): (own, n) for _, own, a, b, n in rows}
    assert len(found) == pairs.num_rows
    assert {pair: n for pair, (_, n) in found.items()} == wanted
    assert all(level[a] == own for (a, _), (own, _) in found.items())


def test_memory_shapes_the_work_and_not_the_counts(stored: Stored) -> None:
    whole, tiled = counted(stored), counted(stored, memory_bytes=8 * SIZES[0] * 3)
    assert whole.pairs.equals(tiled.pairs) and whole.clusters.equals(tiled.clusters)


@pytest.mark.parametrize("memory_bytes", [1 << 20, 8 * SIZES[0] * 3])
def test_many_clusters_keep_the_strongest_pairs_of_either(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, memory_bytes: int
) -> None:
    monkeypatch.setattr(module, "EVERY_PAIR_UP_TO", 10)
    monkeypatch.setattr(module, "PARTNERS_KEPT", 3)
    pairs = counted(stored, memory_bytes).pairs.to_pandas().query("level == 0")
    active = dense(stored)[:, : SIZES[0]].astype(np.float64)
    phi = np.asarray(np.corrcoef(active.T))
    joint = active.T @ active
    np.fill_diagonal(joint, 0)
    wanted = set()
    for a in range(SIZES[0]):
        order = [b for b in np.argsort(-phi[a], kind="stable") if joint[a, b]][:3]
        wanted |= {(min(a, int(b)), max(a, int(b))) for b in order}
    assert set(zip(pairs["cluster"], pairs["other"], strict=True)) == wanted


def test_a_level_with_as_many_clusters_as_the_limit_keeps_every_pair(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = np.count_nonzero(np.triu(gram_of(dense(stored)[:, : SIZES[0]]), 1))
    monkeypatch.setattr(module, "PARTNERS_KEPT", 1)
    for limit, keeps_all in ((SIZES[0], True), (SIZES[0] - 1, False)):
        monkeypatch.setattr(module, "EVERY_PAIR_UP_TO", limit)
        level = counted(stored).pairs["level"].to_numpy()
        assert ((level == 0).sum() == every) == keeps_all


def test_no_clusters_no_rows(stored: Stored) -> None:
    clusters, memberships, _ = two_levels(stored.bits.shape[1])
    found = cluster_activity(
        stored.activations, stored.kept, clusters.slice(0, 0), memberships.slice(0, 0), 1
    )
    assert found.clusters.num_rows == found.pairs.num_rows == 0


def test_of_equally_strong_pairs_of_a_cluster_those_with_the_smaller_ids_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cluster 1 is as often active with 0, 2, 4 and 5, and more often with 3."""
    assert module.PARTNERS_KEPT == 100
    monkeypatch.setattr(module, "EVERY_PAIR_UP_TO", 5)
    monkeypatch.setattr(module, "PARTNERS_KEPT", 3)
    row = np.array([[5, 20, 5, 9, 5, 5]])
    a, b, joint = module._kept_pairs(row, 1, np.full(6, 20), 1_000)
    assert list(zip(a.tolist(), b.tolist(), joint.tolist(), strict=True)) == [
        (0, 1, 5),
        (1, 2, 5),
        (1, 3, 9),
    ]
