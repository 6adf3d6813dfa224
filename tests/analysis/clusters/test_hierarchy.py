"""The spanning tree, the bootstrap and the cuts of one hierarchy, against plain computations."""

import sys

import numpy as np
import pytest
import scipy.sparse
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist

from analysis.clusters import hierarchy as module
from analysis.clusters.hierarchy import (
    APART,
    TreeClusters,
    best_overlaps,
    cluster_labels,
    hierarchy,
    smoothed_start,
    spanning_tree,
    tree_clusters,
)
from analysis.decoder.graph import decoder_graph
from analysis.decoder.umap_embedding import embed, fuzzy_graph, start_positions
from analysis.runtime.single_module import single_module
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


@pytest.mark.parametrize("smallest", [2, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_the_excess_of_mass_is_that_of_the_package(smallest: int, seed: int) -> None:
    package = single_module("fast_hdbscan", "cluster_trees")
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 3, (40, 3))[rng.integers(0, 40, 900)]
    tree = linkage(centres + rng.normal(0, rng.uniform(0.1, 1, (900, 1)), (900, 3)), "single")
    condensed = package.condense_tree(tree, min_cluster_size=smallest)
    clusters = package.cluster_tree_from_condensed_tree(condensed)
    expected = np.sort(package.extract_eom_clusters(condensed, clusters))
    assert len(expected) > 1
    ours = 900 + np.flatnonzero(module._excess_of_mass(900, *condensed))
    np.testing.assert_array_equal(ours, expected)


def test_a_tree_may_be_as_deep_as_it_has_clusters() -> None:
    """A chain of 100,000 pairs: each is added to what the earlier ones have become."""
    pairs = 100_000
    points = np.arange(2 * pairs).reshape(pairs, 2)
    inner = np.column_stack([points, np.full(pairs, 1e-3), np.full(pairs, 2)])
    place = np.arange(1, pairs)
    left = np.where(place == 1, 2 * pairs, 3 * pairs + place - 2)
    chain = np.column_stack([left, 2 * pairs + place, 1 + place / pairs, 2 * (place + 1)])
    labels = cluster_labels(np.vstack([inner, chain]), 2)
    for extraction in ("leaf", "eom"):
        assert len(np.unique(labels[extraction])) == pairs


def test_no_byte_of_the_tree_depends_on_the_threads_and_all_on_the_seed() -> None:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 5)
    seen = set()
    for count in COUNTS:
        with threads(count):
            seen.add(hierarchy(start, fuzzy, 0, 5, 20).tobytes())
    assert len(seen) == 1
    assert hierarchy(start, fuzzy, 1, 5, 20).tobytes() not in seen


@pytest.mark.parametrize(("many", "epochs"), [(300, 50), (301, 100)])
def test_many_latents_get_fewer_epochs(
    many: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", many)
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 5)
    default, stated = (hierarchy(start, fuzzy, 0, 5, given) for given in (None, epochs))
    assert default.tobytes() == stated.tobytes()


def test_the_embedding_starts_with_a_jitter_of_a_tenth() -> None:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = start_positions(W, fuzzy.latents, 5)
    points = embed(start, fuzzy, min_dist=0.0, seed=3, epochs=10, jitter=0.1)
    expected = spanning_tree(points, fuzzy.weights, 5)[:, 2]
    np.testing.assert_array_equal(hierarchy(start, fuzzy, 3, 5, 10)[:, 2], expected)


def test_the_best_overlap_is_that_with_any_cluster_of_the_condensed_tree() -> None:
    rng = np.random.default_rng(1)
    tree = linkage(rng.normal(size=(60, 2)) ** 3, "single")
    rows = np.sort(rng.choice(80, 60, replace=False))
    labels = rng.integers(-1, 5, 80)
    labels[rows[:6]] = 5
    nodes = tree_clusters(tree, 4)
    holds = [{i for i in range(60) if c in chain(nodes, i)} for c in range(len(nodes.sizes))]
    assert [len(one) for one in holds] == nodes.sizes.tolist()
    assert (
        all(holds[c] < holds[nodes.above[c]] for c in range(1, len(holds))) and nodes.above[0] == -1
    )
    wanted = []
    for c in range(6):
        own = {i for i in range(60) if labels[rows[i]] == c}
        wanted.append(max(len(own & one) / len(own | one) for one in holds[1:]))
    np.testing.assert_allclose(best_overlaps(labels, nodes, rows), wanted)


def chain(nodes: TreeClusters, latent: int) -> list[int]:
    """All clusters that hold a latent."""
    one = [int(nodes.of_latent[latent])]
    while nodes.above[one[-1]] >= 0:
        one.append(int(nodes.above[one[-1]]))
    return one


def test_a_cluster_that_is_split_elsewhere_still_exists_there() -> None:
    tree = blobs([12, 9, 10])
    split = np.repeat([0, 1, 2], [12, 9, 10])
    together = np.repeat([0, 1], [12, 19])
    every = np.arange(31)
    nodes = tree_clusters(tree, 4)
    assert best_overlaps(split, nodes, every).tolist() == [1, 1, 1]
    assert best_overlaps(together, nodes, every).max() == 1
    assert best_overlaps(np.full(31, -1), nodes, every).tolist() == []
    # All latents together are no cluster.
    assert best_overlaps(np.zeros(31, int), nodes, every)[0] < 1


def test_much_larger_clusters_are_not_compared() -> None:
    nodes = tree_clusters(blobs([12, 9, 10]), 4)
    labels = np.full(31, -1)
    labels[:3] = 0
    assert best_overlaps(labels, nodes, np.arange(31)).tolist() == [3 / 12]
    assert module.MOST_LARGER == 20
    many = nodes._replace(sizes=nodes.sizes * 20)
    assert best_overlaps(labels, many, np.arange(31)).tolist() == [0.0]
    largest = nodes._replace(sizes=nodes.sizes * 5)
    assert best_overlaps(labels, largest, np.arange(31)).tolist() == [3 / 60]


def test_a_smoothed_start_brings_neighbours_together() -> None:
    W = planted()
    everyone = np.ones(len(W), dtype=bool)
    fuzzy = fuzzy_graph(decoder_graph(W, eligible=everyone), everyone)
    start = smoothed_start(fuzzy, 5, 0)
    assert start.shape == (300, 5) and start.dtype == np.float32
    assert np.array_equal(start, smoothed_start(fuzzy, 5, 0))
    assert not np.array_equal(start, smoothed_start(fuzzy, 5, 1))
    gaps = cdist(start, start)
    edges = fuzzy.weights.toarray() > 0.5
    assert np.median(gaps[edges]) < 0.5 * np.median(gaps)
    np.testing.assert_allclose(start.std(axis=0), 1, rtol=1e-3)
    # Ten times the weighted mean of a latent and its neighbours.
    steps = np.eye(300) + fuzzy.weights.toarray().astype(np.float64)
    steps /= steps.sum(axis=1, keepdims=True)
    points = np.random.default_rng(0).standard_normal((300, 5))
    points = np.linalg.matrix_power(steps - steps.mean(axis=0), 10) @ points
    np.testing.assert_allclose(start, points / np.sqrt((points**2).mean(axis=0)), atol=1e-4)


def test_what_fast_hdbscan_compiles_for_others_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "fast_hdbscan":
            monkeypatch.delitem(sys.modules, name)
    again = single_module("fast_hdbscan", "cluster_trees")
    assert vars(again).keys() == vars(module._hdbscan).keys()
    loaded = {name for name in sys.modules if name.startswith("fast_hdbscan")}
    names = ("cluster_trees", "disjoint_set", "variables")
    assert loaded == {f"fast_hdbscan.{name}" for name in names}
