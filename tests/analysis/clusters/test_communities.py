"""Communities of planted graphs, and the threshold of Clarke et al. against brute force."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_rand_score

from analysis.bundle import TABLES, Bundle, LatentTable, write_table
from analysis.clusters.communities import (
    Communities,
    _Partition,
    association_graph,
    choose_levels,
    clarke_2024,
    find_communities,
)
from analysis.clusters.stability import WEAK
from analysis.cooccurrence.association import measure_table
from tests.planted import DENSE, Planted

N = 100_000
BLOCKS, SIZE = 12, 30


def partner_table(folder: Path, joint: np.ndarray) -> LatentTable:
    """A partner table of the joint counts [F, F] that are not 0, both ways."""
    a, b = np.nonzero(joint)
    counts = joint[a, b]
    rows = {"latent": a, "partner": b, "joint_tokens": counts, "joint_documents": counts}
    folder.mkdir(exist_ok=True)
    write_table(folder, "partners", _as_declared(pa.table(rows)))
    return LatentTable(folder / "partners.parquet")


def _as_declared(rows: pa.Table) -> pa.Table:
    """The rows with the other columns of the partner table, empty."""
    for column in TABLES["partners"]:
        if column.name not in rows.column_names:
            empty = pa.array(np.zeros(rows.num_rows), column.type)
            rows = rows.append_column(column.name, empty)
    return rows


def joint_counts(rng: np.random.Generator, inside: float, outside: float) -> np.ndarray:
    """Symmetric joint counts; pairs of one block meet with another probability than others."""
    block = np.repeat(np.arange(BLOCKS), SIZE)
    chance = np.where(block[:, None] == block, inside, outside)
    upper = np.triu(rng.random(chance.shape) < chance, 1) * rng.integers(20, 60, chance.shape)
    return upper + upper.T


def communities_of(partners: LatentTable, seed: int = 0) -> Communities:
    active = np.full(BLOCKS * SIZE, 400)
    dense = np.zeros(len(active), dtype=bool)
    return find_communities(
        partners, active, N, dense=dense, partners_kept=32, minimum_joint=10, seed=seed
    )


def labels_at(found: Communities, level: int, F: int) -> np.ndarray:
    rows = found.table.to_pandas().query("level == @level")
    labels = np.full(F, -1)
    labels[rows["latent"]] = rows["community"]
    return labels


def test_planted_blocks_are_found_and_agreed_on(tmp_path: Path) -> None:
    partners = partner_table(tmp_path, joint_counts(np.random.default_rng(0), 0.5, 0.01))
    found = communities_of(partners)
    truth = np.repeat(np.arange(BLOCKS), SIZE)
    best = max(
        adjusted_rand_score(truth, labels_at(found, level.level, len(truth)))
        for level in found.levels
    )
    assert best >= 0.95
    assert max(level.stability for level in found.levels) >= 0.95


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    partners = partner_table(tmp_path, joint_counts(np.random.default_rng(1), 0.4, 0.03))
    one, two = communities_of(partners), communities_of(partners)
    assert one.table.equals(two.table) and one.levels == two.levels
    assert one.table.num_rows > 0


def test_seeds_do_not_agree_on_noise(tmp_path: Path) -> None:
    partners = partner_table(tmp_path, joint_counts(np.random.default_rng(2), 0.05, 0.05))
    found = communities_of(partners)
    assert len(found.levels) == 1
    assert found.levels[0].stability < WEAK


def test_the_manifest_summarises_the_table(planted_bundle: Bundle, planted: Planted) -> None:
    rows = planted_bundle.communities.to_pandas()
    levels = planted_bundle.manifest.communities
    assert [level.level for level in levels] == list(range(len(levels))) != []
    for level in levels:
        own = rows[rows["level"] == level.level]
        assert own["community"].nunique() == level.communities
        assert len(own) == own["latent"].nunique() == level.latents
        sizes = own["community"].value_counts().sort_index()
        assert sizes.is_monotonic_decreasing and sizes.min() >= 3
    assert rows["community"].nunique() == sum(level.communities for level in levels)
    assert not set(DENSE) & set(rows["latent"])
    groups = np.full(planted_bundle.latents.num_rows, -1)
    for topic, members in enumerate(planted.groups.values()):
        groups[list(members)] = topic
    found = [labels_at(_as_found(planted_bundle), level.level, len(groups)) for level in levels]
    inside = groups >= 0
    assert max(adjusted_rand_score(groups[inside], labels[inside]) for labels in found) >= 0.95


def _as_found(bundle: Bundle) -> Communities:
    return Communities(bundle.communities, tuple(bundle.manifest.communities))


def test_the_graph_has_the_strongest_positive_partners_of_either_end(
    planted_bundle: Bundle,
) -> None:
    active = planted_bundle.latents["active_tokens"].to_numpy()
    dense = np.isin(np.arange(len(active)), DENSE)
    n, kept, least = planted_bundle.manifest.tokens, 4, 25
    graph = association_graph(
        planted_bundle.partners, active, n, dense=dense, partners_kept=kept, minimum_joint=least
    ).toarray()
    rows = measure_table(planted_bundle.partners.all(), planted_bundle.latents, n, ["phi"])
    wanted = np.zeros_like(graph)
    table = rows.to_pandas().query("joint_tokens >= @least and phi > 0")
    table = table[~dense[table["latent"]] & ~dense[table["partner"]]]
    for latent, own in table.groupby("latent"):
        for row in own.nlargest(kept, "phi").itertuples():
            wanted[latent, row.partner] = wanted[row.partner, latent] = row.phi
    # Of partners of equal phi either may be the last one.
    assert (graph > 0).sum() == pytest.approx((wanted > 0).sum(), rel=0.01)
    both = (graph > 0) & (wanted > 0)
    np.testing.assert_allclose(graph[both], wanted[both], atol=1e-12)
    assert (graph == graph.T).all() and not graph.diagonal().any()


def test_without_an_edge_there_are_no_communities(tmp_path: Path) -> None:
    found = communities_of(partner_table(tmp_path, np.zeros((BLOCKS * SIZE,) * 2, dtype=int)))
    assert found.levels == () and found.table.num_rows == 0


@pytest.mark.parametrize("largest", [(20, 35), (60, 90), (150, 200)])
def test_the_threshold_of_clarke_equals_brute_force(
    tmp_path: Path, largest: tuple[int, int]
) -> None:
    joint = joint_counts(np.random.default_rng(3), 0.3, 0.02)
    active = np.random.default_rng(4).integers(100, 900, len(joint))
    eligible = np.ones(len(joint), dtype=bool)
    eligible[::17] = False
    found = clarke_2024(partner_table(tmp_path, joint), active, eligible=eligible, largest=largest)
    value = joint / (active[:, None] + active - joint) * (eligible[:, None] & eligible)
    sizes = {}
    for threshold in np.unique(value[value > 0]):
        graph = scipy.sparse.csr_matrix(value >= threshold)
        labels = connected_components(graph, directed=False)[1]
        sizes[threshold] = np.bincount(labels)
    allowed = [threshold for threshold, size in sizes.items() if size.max() <= largest[1]]
    assert found.threshold == min(allowed)
    at = sizes[found.threshold]
    assert found.sizes.tolist() == sorted(at[at > 1].tolist(), reverse=True)
    assert found.edges == (value >= found.threshold).sum() // 2
    assert found.in_range == (at.max() >= largest[0])
    assert np.bincount(found.labels[found.labels >= 0]).tolist() == found.sizes.tolist()
    assert (found.labels[~eligible] == -1).all()


def test_a_graph_that_is_small_enough_is_taken_whole(tmp_path: Path) -> None:
    joint = np.zeros((8, 8), dtype=int)
    joint[0, 1] = joint[1, 0] = joint[2, 3] = joint[3, 2] = 5
    partners = partner_table(tmp_path, joint)
    found = clarke_2024(partners, np.full(8, 20), eligible=np.ones(8, dtype=bool))
    assert found.sizes.tolist() == [2, 2] and found.edges == 2 and not found.in_range
    none = clarke_2024(partners, np.full(8, 20), eligible=np.zeros(8, dtype=bool))
    assert none.edges == 0 and none.sizes.tolist() == [] and (none.labels == -1).all()


@pytest.mark.parametrize(("largest", "chosen"), [(50, 1), (51, 0)])
def test_no_community_of_a_level_has_more_than_half_of_the_latents(
    largest: int, chosen: int
) -> None:
    labels = np.repeat([0, 1, 2], [largest, 80 - largest, 20]).astype(np.int32)
    partition = _Partition(1.0, (labels,) * 3, stability=0.9, modularity=0.5)
    assert len(choose_levels([partition])) == chosen


def test_the_largest_community_may_have_most_of_the_latents_that_are_in_one() -> None:
    """Half of all latents, but five eighths of those in a community."""
    labels = np.repeat([0, 1, -1], [50, 30, 20]).astype(np.int32)
    partition = _Partition(1.0, (labels,) * 3, stability=0.9, modularity=0.5)
    assert choose_levels([partition]) == [partition]
