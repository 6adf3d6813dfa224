"""The threshold of Clarke et al. 2024 against brute force."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from analysis.bundle import TABLES, LatentTable, write_table
from analysis.clusters import jaccard_components as module
from analysis.clusters.jaccard_components import clarke_2024

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


@pytest.mark.parametrize("most_edges", [1, 400, module.MOST_EDGES])
@pytest.mark.parametrize("largest", [(20, 35), (60, 90), (150, 200)])
def test_the_threshold_of_clarke_equals_brute_force(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    largest: tuple[int, int],
    most_edges: int,
) -> None:
    monkeypatch.setattr(module, "MOST_EDGES", most_edges)
    joint = joint_counts(np.random.default_rng(3), 0.3, 0.02)
    active = np.random.default_rng(4).integers(100, 900, len(joint))
    eligible = np.ones(len(joint), dtype=bool)
    eligible[::17] = False
    partners = partner_table(tmp_path, joint)
    pq.write_table(pq.read_table(partners.path), partners.path, row_group_size=500)
    assert len([*partners.pieces()]) > 5
    found = clarke_2024(partners, active, eligible=eligible, largest=largest)
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


def test_edges_that_no_threshold_accepts_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joint = joint_counts(np.random.default_rng(3), 0.3, 0.02)
    partners = partner_table(tmp_path, joint)
    pq.write_table(pq.read_table(partners.path), partners.path, row_group_size=500)
    sizes = []
    once = module._once

    def counted(parts: list[module._Edges]) -> module._Edges:
        sizes.append(sum(len(part.pair) for part in parts))
        return once(parts)

    monkeypatch.setattr(module, "_once", counted)
    monkeypatch.setattr(module, "MOST_EDGES", 600)
    found = clarke_2024(partners, np.full(360, 900), eligible=np.ones(360, bool), largest=(20, 35))
    assert max(sizes) <= max(600, 2 * found.edges) + 500 < len(np.flatnonzero(joint)) / 2


def test_a_graph_that_is_small_enough_is_taken_whole(tmp_path: Path) -> None:
    joint = np.zeros((8, 8), dtype=int)
    joint[0, 1] = joint[1, 0] = joint[2, 3] = joint[3, 2] = 5
    partners = partner_table(tmp_path, joint)
    found = clarke_2024(partners, np.full(8, 20), eligible=np.ones(8, dtype=bool))
    assert found.sizes.tolist() == [2, 2] and found.edges == 2 and not found.in_range
    none = clarke_2024(partners, np.full(8, 20), eligible=np.zeros(8, dtype=bool))
    assert none.edges == 0 and none.sizes.tolist() == [] and (none.labels == -1).all()
