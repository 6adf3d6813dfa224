"""The spanning tree, the bootstrap and the cuts of one hierarchy, against plain computations."""

import numpy as np
import pytest
import scipy.sparse
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist

from analysis.clusters import hierarchy as module
from analysis.clusters.hierarchy import (
    APART,
    cluster_labels,
    hierarchy,
    resampled,
    spanning_tree,
)
from analysis.decoder.graph import decoder_graph
from analysis.decoder.umap_embedding import FuzzyGraph, fuzzy_graph, start_positions
from tests.analysis.clusters.conftest import planted
from tests.threads import COUNTS, threads


def test_the_spanning_tree_is_that_of_mutual_reachability() -> None:
    """On the complete graph, the weights equal those of Prim's algorithm on the whole matrix."""
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


def test_a_bootstrap_draws_as_many_edges_as_each_latent_has() -> None:
    """With all weights 1, half the sum of a symmetric result is the number of draws."""
    ring = np.roll(np.eye(40), 1, axis=1) + np.roll(np.eye(40), -1, axis=1)
    fuzzy = FuzzyGraph(
        np.arange(40, dtype=np.int32), np.empty((40, 0), np.int32), scipy.sparse.csr_matrix(ring)
    )
    weights = resampled(fuzzy, 0).weights
    assert weights.sum() == 80
    assert set(np.unique(weights.toarray())) <= {0, 0.5, 1, 1.5, 2}


def test_the_core_distance_is_that_of_the_nth_neighbour_in_the_graph() -> None:
    """Three points on a line; only the middle one has two neighbours."""
    points = np.array([[0.0], [1.0], [3.0]])
    path = scipy.sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0.0]]))
    assert spanning_tree(points, path, 1)[:, 2].tolist() == [1, 2]
    assert spanning_tree(points, path, 2)[:, 2].tolist() == [APART, APART]
    assert spanning_tree(points, path, 1)[:, :2].tolist() == [[0, 1], [1, 2]]


def blobs(sizes: list[int]) -> np.ndarray:
    """Single-linkage tree of far blobs of points on a line."""
    points = np.concatenate([1_000 * i + np.arange(size) ** 1.01 for i, size in enumerate(sizes)])
    return linkage(points[:, None], "single")


@pytest.mark.parametrize(("smallest", "clusters"), [(4, 3), (5, 3), (6, 2)])
@pytest.mark.parametrize("extraction", ["leaf", "eom"])
def test_a_cluster_has_at_least_the_smallest_size(
    smallest: int, clusters: int, extraction: module.Extraction
) -> None:
    labels = cluster_labels(blobs([5, 8, 9]), smallest)[extraction]
    sizes = np.bincount(labels[labels >= 0])
    assert len(sizes) == clusters
    assert sizes.min() >= smallest


def test_no_byte_of_the_tree_depends_on_the_threads_and_all_on_the_seed() -> None:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 5)
    seen = set()
    for count in COUNTS:
        with threads(count):
            seen.add(hierarchy(start, fuzzy, 5, 0, 20).tobytes())
    assert len(seen) == 1
    assert hierarchy(start, fuzzy, 5, 1, 20).tobytes() not in seen


@pytest.mark.parametrize(("many", "epochs"), [(300, 20), (301, 30)])
def test_many_latents_get_fewer_epochs(
    many: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("EPOCHS", 30), ("EPOCHS_OF_MANY", 20), ("MANY", many)):
        monkeypatch.setattr(module, name, value)
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 5)
    default, stated = (hierarchy(start, fuzzy, 5, 0, given) for given in (None, epochs))
    assert default.tobytes() == stated.tobytes()
