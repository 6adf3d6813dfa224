"""The members of each cluster that count: without dense latents, duplicates folded into one."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Activations
from analysis.labels.material import Material

FLAGS = ["live", "dense", "live", "ultralow", "live", "live", "live"]
ACTIVE = [10, 900, 30, 1, 30, 20, 5]
CLUSTERS = {0: [0, 1, 2, 4, 5], 1: [3, 4], 2: [0, 1, 5]}


@pytest.fixture
def material(tmp_path: Path) -> Material:
    """Latents 0, 2, 4 and 5 are duplicates, 0 and 5 only through the others; 6 implies 0."""
    pairs = [(0, 2), (0, 6), (2, 4), (4, 5)]
    kinds = ["duplicate", "implication", "duplicate", "duplicate"]
    a, b = (pa.array([pair[end] for pair in pairs], pa.int32()) for end in (0, 1))
    relations = pa.table({"a": a, "b": b, "relation": pa.array(kinds).dictionary_encode()})
    pq.write_table(relations, tmp_path / "relations.parquet")
    rows = [(latent, cluster) for cluster, ids in CLUSTERS.items() for latent in reversed(ids)]
    return Material(
        tmp_path,
        Activations(tmp_path, np.zeros(7, np.int64), np.zeros(0, np.int64)),
        pa.table({"flag": FLAGS, "active_tokens": ACTIVE}),
        pa.table({"cluster": [0, 1, 2], "space": ["decoder"] * 3, "level": [0, 0, 1]}),
        pa.table({"latent": [row[0] for row in rows], "cluster": [row[1] for row in rows]}),
    )


def test_flags_are_masks(material: Material) -> None:
    assert np.flatnonzero(material.dense).tolist() == [1]
    assert np.flatnonzero(material.live).tolist() == [0, 2, 4, 5, 6]
    assert material.levels == [("decoder", 0), ("decoder", 0), ("decoder", 1)]


def test_duplicates_of_duplicates_are_one_group(material: Material) -> None:
    group = material.duplicates
    assert len({int(group[i]) for i in (0, 2, 4, 5)}) == 1
    assert len(set(group.tolist())) == 4


def test_of_duplicates_the_most_active_member_of_a_cluster_counts(material: Material) -> None:
    """Ties go to the smaller id; dense latents do not count."""
    assert [ids.tolist() for ids in material.members] == [[2], [3, 4], [5]]
