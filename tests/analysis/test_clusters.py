"""Planted hierarchies are found, noise is distrusted, agreement equals scikit-learn's."""

import numpy as np
import pyarrow.compute as pc
import pytest
from sklearn.metrics import adjusted_rand_score

from analysis.bundle import TABLES
from analysis.clusters import Clustering, agreement, cluster, cluster_stability, place
from analysis.neighbours import decoder_graph

GROUPS, MEMBERS, D = 20, 15, 64


def planted() -> np.ndarray:
    """Twenty groups of fifteen, in four families of five: within-cosine about .5."""
    rng = np.random.default_rng(0)
    families = np.repeat(rng.normal(size=(4, D)), 5, axis=0)
    centres = np.repeat(0.8 * families + rng.normal(size=(GROUPS, D)), MEMBERS, axis=0)
    return (centres + 1.1 * rng.normal(size=centres.shape)).astype(np.float32)


def clustered(W: np.ndarray, eligible: np.ndarray | None = None, seed: int = 0) -> Clustering:
    mask = np.ones(len(W), dtype=bool) if eligible is None else eligible
    return cluster(W, decoder_graph(W, eligible=mask), mask, seed=seed)


@pytest.fixture(scope="module")
def found() -> Clustering:
    return clustered(planted())


def test_planted_groups_are_recovered(found: Clustering) -> None:
    truth = np.repeat(np.arange(GROUPS), MEMBERS)
    assert adjusted_rand_score(truth, found.finest) >= 0.95
    assert found.levels[0].stability >= 0.95
    rows = found.clusters.filter(pc.equal(found.clusters["level"], 0))
    assert np.median(rows["stability"].to_numpy()) >= 0.95


def test_the_tables_agree_with_each_other(found: Clustering) -> None:
    memberships = found.memberships.to_pandas()
    clusters = found.clusters.to_pandas()
    assert found.memberships.schema == TABLES["memberships"]
    assert memberships["latent"].is_monotonic_increasing
    assert clusters["cluster"].tolist() == list(range(len(clusters)))
    sizes = memberships.groupby("cluster").size()
    assert clusters["size"].tolist() == sizes.tolist()
    assert not memberships.duplicated(["latent", "level"]).any()
    for level in found.levels:
        rows = clusters[clusters["level"] == level.level]
        assert level.clusters == len(rows)
        assert level.noise == GROUPS * MEMBERS - rows["size"].sum()
        assert rows["size"].is_monotonic_decreasing
    fine = memberships[memberships["level"] == 0].set_index("latent")["cluster"]
    assert (found.finest[fine.index] == fine).all()
    assert (found.finest >= 0).sum() == len(fine)


def test_a_parent_holds_half_of_its_children_one_level_up(found: Clustering) -> None:
    members = found.memberships.to_pandas().groupby("cluster")["latent"].apply(set)
    clusters = found.clusters.to_pandas().set_index("cluster")
    parents = clusters["parent"].dropna().astype(int)
    for child, parent in parents.items():
        assert clusters.loc[parent, "level"] == clusters.loc[child, "level"] + 1
        assert 2 * len(members[child] & members[parent]) >= len(members[child])
    top = clusters["level"].max()
    assert clusters.loc[clusters["level"] == top, "parent"].isna().all()


def test_pure_noise_is_not_believed() -> None:
    W = np.random.default_rng(1).normal(size=(400, D)).astype(np.float32)
    found = clustered(W)
    assert found.levels[0].stability < 0.5
    assert len(found.levels) == 1


def test_latents_left_out_are_in_no_cluster_and_not_noise() -> None:
    W = planted()
    eligible = np.ones(len(W), dtype=bool)
    eligible[::10] = False
    found = clustered(W, eligible)
    assert (found.finest[~eligible] == -1).all()
    level = found.levels[0]
    assert level.noise + (found.finest >= 0).sum() == eligible.sum()


def test_the_same_seed_gives_the_same_clusters(found: Clustering) -> None:
    again = clustered(planted())
    assert again.finest.tobytes() == found.finest.tobytes()
    assert again.clusters.equals(found.clusters)


@pytest.mark.parametrize("latents", [0, 1, 12])
def test_too_few_latents_have_no_clusters(latents: int) -> None:
    W = np.random.default_rng(2).normal(size=(latents, 6)).astype(np.float32)
    found = clustered(W)
    assert found.clusters.num_rows == 0
    assert found.memberships.num_rows == 0
    assert found.levels[0].noise == latents


def test_agreement_is_the_adjusted_rand_index_with_noise_as_singletons() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.integers(-1, 6, 300), rng.integers(-1, 4, 300)
    second[:150] = first[:150]

    def singletons(labels: np.ndarray) -> np.ndarray:
        labels = labels.copy()
        labels[labels < 0] = 1_000 + np.arange((labels < 0).sum())
        return labels

    expected = adjusted_rand_score(singletons(first), singletons(second))
    assert agreement(first, second) == pytest.approx(expected, abs=1e-12)
    assert agreement(first, first) == pytest.approx(1.0)
    assert agreement(np.full(9, -1), np.full(9, -1)) == 0.0


def test_cluster_stability_is_the_best_jaccard_overlap() -> None:
    labels = np.array([0, 0, 0, 1, 1, -1])
    others = [np.array([5, 5, 1, 1, 1, 1]), np.array([-1, -1, -1, -1, -1, -1])]
    expected = [np.mean([2 / 3, 0]), np.mean([2 / 4, 0])]
    np.testing.assert_allclose(cluster_stability(labels, others), expected)


def test_a_cluster_stands_at_the_median_of_its_members(found: Clustering) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, GROUPS * MEMBERS)).astype(np.float32)
    placed = place(found.clusters, found.memberships, x, y)
    for row in (0, placed.num_rows - 1):
        members = found.memberships.filter(pc.equal(found.memberships["cluster"], row))["latent"]
        assert placed["x"][row].as_py() == pytest.approx(np.median(x[members.to_numpy()]))
        assert placed["y"][row].as_py() == pytest.approx(np.median(y[members.to_numpy()]))
