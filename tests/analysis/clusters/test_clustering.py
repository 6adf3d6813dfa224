"""Planted hierarchies are found, noise is weak, and the tables agree with each other."""

import numpy as np
import pyarrow.compute as pc
import pytest
from sklearn.metrics import adjusted_rand_score

from analysis.bundle import SPACES, TABLES
from analysis.clusters import clustering as module
from analysis.clusters.clustering import Clustering, place
from analysis.clusters.levels import Cut
from analysis.clusters.null_draws import NullCut
from analysis.clusters.stability import WEAK
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from tests.analysis.clusters.conftest import GROUPS, MEMBERS, clustered, planted
from tests.threads import COUNTS, threads


def test_planted_groups_are_recovered(found: Clustering) -> None:
    truth = np.repeat(np.arange(GROUPS), MEMBERS)
    assert adjusted_rand_score(truth, found.shown["cluster"]) >= 0.95
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
    assert (found.shown["cluster"][fine.index] == fine).all()
    assert (found.shown["cluster"] >= 0).sum() == len(fine)


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
def test_pure_noise_is_weak(width: int) -> None:
    bootstraps = []
    # A decoder has some twenty clusters, too few for a share that holds on every processor.
    for seed in (1, 2, 3):
        W = np.random.default_rng(seed).normal(size=(1_000, width)).astype(np.float32)
        noise = clustered(W)
        assert noise.levels[0].stability < WEAK
        assert len(noise.levels) == 1
        bootstraps.append(noise.clusters["bootstrap"].to_numpy())
    assert (np.concatenate(bootstraps) < WEAK).mean() > 0.9


def test_latents_that_are_left_out_are_in_no_cluster_and_are_not_noise() -> None:
    W = planted()
    eligible = np.ones(len(W), dtype=bool)
    eligible[::10] = False
    found = clustered(W, eligible)
    assert (found.shown["cluster"][~eligible] == -1).all()
    level = found.levels[0]
    assert level.noise + (found.shown["cluster"] >= 0).sum() == eligible.sum()


def test_no_byte_depends_on_the_threads(found: Clustering) -> None:
    for count in COUNTS[:2]:
        with threads(count):
            again = clustered(planted())
        assert again.shown["cluster"].tobytes() == found.shown["cluster"].tobytes()
        assert again.clusters.equals(found.clusters)


@pytest.mark.parametrize("latents", [0, 1, 12])
def test_too_few_latents_have_no_clusters(latents: int) -> None:
    W = np.random.default_rng(2).normal(size=(latents, 6)).astype(np.float32)
    found = clustered(W)
    assert found.clusters.num_rows == 0
    assert found.memberships.num_rows == 0
    assert found.levels[0].noise == latents


def test_a_cluster_is_placed_at_the_median_of_its_members(found: Clustering) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, GROUPS * MEMBERS)).astype(np.float32)
    placed = place(found.clusters, found.memberships, x, y)
    for row in (0, placed.num_rows - 1):
        members = found.memberships.filter(pc.equal(found.memberships["cluster"], row))["latent"]
        assert placed["x"][row].as_py() == pytest.approx(np.median(x[members.to_numpy()]))
        assert placed["y"][row].as_py() == pytest.approx(np.median(y[members.to_numpy()]))


@pytest.mark.parametrize("isotropic", [0, 1_000])
def test_loose_groups_are_found_among_isotropic_latents(isotropic: int) -> None:
    """Forty groups of 25 with a cosine of .25 to .6 inside; weak clusters count as noise."""
    rng = np.random.default_rng(5)

    def unit(rows: int) -> np.ndarray:
        drawn = rng.normal(size=(rows, 256))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    truth = np.repeat(np.arange(40), 25)
    cosine = rng.uniform(0.25, 0.6, 40)[truth, None]
    members = np.sqrt(cosine) * unit(40)[truth] + np.sqrt(1 - cosine) * unit(1_000)
    found = clustered(np.vstack([members, unit(isotropic)]).astype(np.float32))
    assert adjusted_rand_score(truth, found.shown["cluster"][:1_000]) >= 0.95
    clusters = found.clusters.to_pandas().set_index("cluster")
    planted_ones = np.unique(found.shown["cluster"][:1_000][found.shown["cluster"][:1_000] >= 0])
    real = [
        i
        for i in planted_ones
        if 2 * (found.shown["cluster"][:1_000] == i).sum() > clusters["size"][i]
    ]
    assert clusters.loc[real, "stability"].median() >= 0.95
    assert clusters.loc[real, "bootstrap"].median() >= 0.8
    noise = clusters[(clusters["level"] == 0) & ~clusters.index.isin(real)]
    assert (np.minimum(noise["stability"], noise["bootstrap"]) < WEAK).mean() >= 0.5 or noise.empty


def test_parents_equal_a_plain_count() -> None:
    rng = np.random.default_rng(8)
    labels = np.stack([rng.integers(-1, 12, 200), rng.integers(-1, 4, 200)]).astype(np.int32)
    labels[1][labels[1] >= 0] += 12
    labels[1, labels[0] < 6] = 12 + labels[0, labels[0] < 6] % 2
    labels[1, rng.random(200) < 0.4] = 15
    parents = module._parents(labels, 16)
    for child in range(12):
        above = labels[1, labels[0] == child].tolist()
        holders = [p for p in range(12, 16) if 2 * above.count(p) >= len(above)]
        assert parents[child] == (holders[0] if holders else -1)
    assert len(set(parents[:12].tolist())) > 2
    assert (parents[12:] == -1).all()


def test_half_of_the_members_is_enough_for_a_parent_and_less_is_not() -> None:
    labels = np.array([[0, 0, 0, 0, 1, 1, 1], [2, 2, 3, 3, 3, 2, -1]], dtype=np.int32)
    assert module._parents(labels, 4).tolist() == [2, -1, -1, -1]


def test_clusters_are_numbered_by_size_inside_a_level() -> None:
    labels = (np.array([0, 1, 1, 2, 2, 2, -1]), np.array([0, 1, 1, 2, 2, 0, 0]))
    stability, bootstrap = np.array([0.1, 0.2, 0.3]), np.array([0.4, 0.5, 0.6])
    cut = Cut(labels, 0.7, 5, "leaf", stability, bootstrap)
    level = module._largest_first(cut, None, 0)
    assert level.labels.tolist() == [2, 1, 1, 0, 0, 0, -1]
    assert level.sizes.tolist() == [3, 2, 1]
    assert level.stability.tolist() == [0.3, 0.2, 0.1]
    assert level.bootstrap.tolist() == [0.6, 0.5, 0.4]


@pytest.mark.parametrize(
    ("stability", "bootstrap", "believable"),
    [
        (0.9, 0.9, True), (0.6, 0.9, False), (0.9, 0.7, False), (0.61, 0.71, True),
        (0.5, 0.9, False),
    ],
)  # fmt: skip
def test_a_believable_cluster_is_above_both_nulls(
    stability: float, bootstrap: float, believable: bool
) -> None:
    null = NullCut(draws=5, agreement=0.1, worth=0.0, stability=0.6, bootstrap=0.7)
    assert believable_of(stability, bootstrap, null) == believable


@pytest.mark.parametrize(
    ("stability", "bootstrap", "believable"),
    [(0.5, 0.5, True), (0.49, 0.9, False), (0.9, 0.49, False)],
)
def test_a_weak_cluster_is_not_believable(
    stability: float, bootstrap: float, believable: bool
) -> None:
    nothing = NullCut(draws=5, agreement=0.0, worth=0.0, stability=0.0, bootstrap=0.0)
    assert believable_of(stability, bootstrap, nothing) == believable


def believable_of(stability: float, bootstrap: float, null: NullCut) -> bool:
    cut = Cut((np.zeros(6, int),), 0.7, 5, "leaf", np.array([stability]), np.array([bootstrap]))
    level = module._largest_first(cut, null, 6)
    columns = module._null_columns([level])
    assert columns["stability_null"] == [null.stability]
    assert columns["bootstrap_null"] == [null.bootstrap]
    return bool(columns["believable"][0])


@pytest.mark.parametrize(("latents", "minimum_cluster"), [(15, 5), (16, 8)])
def test_too_few_latents_for_umap_or_two_clusters_are_noise(
    latents: int, minimum_cluster: int
) -> None:
    W = planted()[: 2 * MEMBERS][:latents]
    everyone = np.ones(latents, dtype=bool)
    graph = decoder_graph(W, eligible=everyone, k=30)
    clusters = module.cluster("decoder", graph, everyone, W, minimum_cluster=minimum_cluster)
    result = module.assemble([clusters], latents)
    assert result.levels[0].noise == latents
    assert result.levels[0].stability == 0.0


def test_the_same_way_finds_blocks_of_a_graph_without_vectors() -> None:
    """Twenty groups of fifteen; the neighbours of a latent are in its group, and two are not."""
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(20), 15)
    near = np.stack([rng.permutation(np.flatnonzero(truth == truth[i]))[:12] for i in range(300)])
    near = np.where(near == np.arange(300)[:, None], -1, near)
    near = np.hstack([near, rng.integers(0, 300, (300, 2))]).astype(np.int32)
    near = np.take_along_axis(near, np.argsort(near < 0, axis=1, kind="stable"), axis=1)
    values = np.where(near < 0, np.nan, 0.3).astype(np.float32)
    graph = NeighbourGraph(near, values, "planted", 1.0)
    eligible = np.ones(300, dtype=bool)
    clusters = module.cluster("cooccurrence", graph, eligible)
    shown = module.assemble([clusters], 300).shown["cluster_cooccurrence"]
    assert adjusted_rand_score(truth, shown) >= 0.95


def test_ids_are_unique_over_spaces_and_parents_stay_in_their_space(found: Clustering) -> None:
    W, everyone = planted(), np.ones(GROUPS * MEMBERS, dtype=bool)
    graph = decoder_graph(W, eligible=everyone, k=30)
    spaces = [module.cluster(space, graph, everyone, W) for space in SPACES]
    both = module.assemble(spaces, len(W))
    rows, alone = both.clusters.to_pandas(), found.clusters.to_pandas()
    count = len(alone)
    assert rows["cluster"].tolist() == list(range(2 * count))
    assert rows["space"].tolist() == ["decoder"] * count + ["cooccurrence"] * count
    for column in ("level", "size", "stability", "bootstrap"):
        assert rows[column].tolist() == alone[column].tolist() * 2
    parents = alone["parent"].tolist()
    assert rows["parent"].fillna(-1).tolist() == [
        -1 if np.isnan(p) else p + shift for shift in (0, count) for p in parents
    ]
    members = both.memberships.to_pandas()
    assert list(zip(members["latent"], members["cluster"], strict=True)) == sorted(
        zip(members["latent"], members["cluster"], strict=True)
    )
    assert (both.shown["cluster"] == found.shown["cluster"]).all()
    moved = np.where(both.shown["cluster"] < 0, -1, both.shown["cluster"] + count)
    assert (both.shown["cluster_cooccurrence"] == moved).all()
    assert [level.name for level in both.levels] == [
        (space, level.level) for space in SPACES for level in found.levels
    ]
