"""Planted hierarchies are found, noise is distrusted, agreement equals scikit-learn's."""

import numba
import numpy as np
import pyarrow.compute as pc
import pytest
import scipy.sparse
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from analysis.bundle import TABLES
from analysis.clusters.hierarchy import (
    APART,
    Clustering,
    agreement,
    cluster,
    cluster_stability,
    place,
    resampled,
    spanning_tree,
)
from analysis.clusters.trust import WEAK
from analysis.decoder.graph import decoder_graph
from analysis.decoder.umap_map import fuzzy_graph

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
    assert np.median(rows["bootstrap"].to_numpy()) >= 0.9


def test_planted_families_are_the_next_level(found: Clustering) -> None:
    rows = found.memberships.filter(pc.equal(found.memberships["level"], 1))
    families = rows["latent"].to_numpy() // (5 * MEMBERS)
    assert rows.num_rows >= 0.9 * GROUPS * MEMBERS
    assert adjusted_rand_score(families, rows["cluster"].to_numpy()) >= 0.9
    assert found.levels[1].stability >= 0.8


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


@pytest.mark.parametrize("width", [48, 256])
def test_pure_noise_is_not_believed(width: int) -> None:
    W = np.random.default_rng(1).normal(size=(1_000, width)).astype(np.float32)
    found = clustered(W)
    assert found.levels[0].stability < WEAK
    assert len(found.levels) == 1
    assert (found.clusters["bootstrap"].to_numpy() < WEAK).mean() > 0.9


def test_latents_left_out_are_in_no_cluster_and_not_noise() -> None:
    W = planted()
    eligible = np.ones(len(W), dtype=bool)
    eligible[::10] = False
    found = clustered(W, eligible)
    assert (found.finest[~eligible] == -1).all()
    level = found.levels[0]
    assert level.noise + (found.finest >= 0).sum() == eligible.sum()


def test_no_byte_depends_on_the_threads(found: Clustering) -> None:
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    again = clustered(planted())
    numba.set_num_threads(threads)
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


@pytest.mark.parametrize("isotropic", [0, 1_000])
def test_loose_groups_are_found_among_isotropic_latents(isotropic: int) -> None:
    """Forty groups of 25 with a cosine of .25 to .6 inside; what is weak counts as noise."""
    rng = np.random.default_rng(5)

    def unit(rows: int) -> np.ndarray:
        drawn = rng.normal(size=(rows, 256))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    truth = np.repeat(np.arange(40), 25)
    cosine = rng.uniform(0.25, 0.6, 40)[truth, None]
    members = np.sqrt(cosine) * unit(40)[truth] + np.sqrt(1 - cosine) * unit(1_000)
    found = clustered(np.vstack([members, unit(isotropic)]).astype(np.float32))
    assert adjusted_rand_score(truth, found.finest[:1_000]) >= 0.95
    clusters = found.clusters.to_pandas().set_index("cluster")
    planted_ones = np.unique(found.finest[:1_000][found.finest[:1_000] >= 0])
    real = [i for i in planted_ones if 2 * (found.finest[:1_000] == i).sum() > clusters["size"][i]]
    assert clusters.loc[real, "stability"].median() >= 0.95
    assert clusters.loc[real, "bootstrap"].median() >= 0.8
    noise = clusters[(clusters["level"] == 0) & ~clusters.index.isin(real)]
    assert (np.minimum(noise["stability"], noise["bootstrap"]) < WEAK).mean() >= 0.5 or noise.empty


def test_the_spanning_tree_is_that_of_mutual_reachability() -> None:
    """On the complete graph: the same weights as by Prim's algorithm on the whole matrix."""
    points = np.random.default_rng(6).normal(size=(60, 4))
    apart = cdist(points, points)
    core = np.sort(apart, axis=1)[:, 5]
    reach = np.maximum(apart, np.maximum(core[:, None], core[None]))
    inside, weights = np.zeros(60, dtype=bool), []
    inside[0] = True
    while not inside.all():
        crossing = np.where(inside[:, None] & ~inside[None], reach, np.inf)
        weights.append(crossing.min())
        inside[np.unravel_index(crossing.argmin(), crossing.shape)[1]] = True
    whole = scipy.sparse.csr_matrix(1.0 - np.eye(60))
    tree = spanning_tree(points, whole, 5)
    np.testing.assert_allclose(tree[:, 2], np.sort(weights))


def test_parts_without_an_edge_are_joined_last() -> None:
    block = 1.0 - np.eye(6)
    apart = scipy.sparse.block_diag([block, block], format="csr")
    tree = spanning_tree(np.zeros((12, 2)), apart, 3)
    assert len(tree) == 11
    assert tree[-1, 2] > APART
    assert (tree[:-1, 2] < 1).all()


def test_a_bootstrap_keeps_the_weight_of_an_edge_on_average() -> None:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    drawn = [resampled(fuzzy, seed).weights for seed in range(200)]
    assert abs(drawn[0] - drawn[0].T).max() == 0
    assert drawn[0].nnz < fuzzy.weights.nnz
    mean = sum(drawn[1:], drawn[0]) / len(drawn)
    assert abs((mean - fuzzy.weights).sum()) < 0.01 * fuzzy.weights.sum()
    assert abs(mean - fuzzy.weights).max() < 0.35
