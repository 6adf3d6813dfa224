"""Hierarchies of other seeds and of resampled latents."""

from pathlib import Path

import numpy as np
import pytest

from analysis.clusters import repeats as module
from analysis.clusters.repeats import SEEDS, Repeats, repeats
from analysis.decoder.graph import NeighbourGraph, decoder_graph
from tests.analysis.clusters.conftest import GROUPS, MEMBERS, planted

F = GROUPS * MEMBERS


def graph_of(near: list[list[int]]) -> NeighbourGraph:
    """A graph with these neighbours, all equally near."""
    width = max(map(len, near))
    rows = np.array([[*row, *[-1] * (width - len(row))] for row in near], dtype=np.int32)
    return NeighbourGraph(rows, np.where(rows < 0, np.nan, 0.5).astype(np.float32), "", 1.0)


@pytest.mark.parametrize("with_vectors", [True, False])
def test_the_hierarchies_are_repeated(with_vectors: bool) -> None:
    W, everyone = planted(), np.ones(F, dtype=bool)
    everyone[3] = False
    graph = decoder_graph(W, eligible=everyone, k=30)
    made = repeats(graph, everyone, W if with_vectors else None, epochs=20)
    n = F - 1
    assert made.latents.tolist() == [i for i in range(F) if i != 3]
    # As docs/statistics.md says: three seeds, and twice without a random tenth.
    assert len(made.trees) == 3 and all(tree.shape == (n - 1, 4) for tree in made.trees)
    assert not np.array_equal(made.trees[0], made.trees[1])
    assert len(made.resampled) == 2
    for tree, rows in made.resampled:
        assert len(tree) == len(rows) - 1
        assert (np.diff(rows) > 0).all() and rows.max() < n
        assert 0.83 * n < len(rows) < 0.97 * n
    (_, one), (_, two) = made.resampled
    assert not np.array_equal(one, two)
    again = repeats(graph, everyone, W if with_vectors else None, epochs=20)
    assert all(np.array_equal(a, b) for a, b in zip(made.trees, again.trees, strict=True))
    other = repeats(graph, everyone, W if with_vectors else None, epochs=20, seed=9)
    assert not np.array_equal(made.resampled[0][1], other.resampled[0][1])


def test_hierarchies_are_read_as_they_were_written(tmp_path: Path) -> None:
    W, everyone = planted(), np.ones(F, dtype=bool)
    made = repeats(decoder_graph(W, eligible=everyone, k=30), everyone, W, epochs=2)
    made.save(tmp_path / "made.npz")
    read = Repeats.load(tmp_path / "made.npz")
    assert np.array_equal(read.latents, made.latents)
    assert len(read.trees) == 3 and len(read.resampled) == 2
    for one, other in zip(read.trees, made.trees, strict=True):
        assert np.array_equal(one, other)
    for pair, others in zip(read.resampled, made.resampled, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(pair, others, strict=True))
    Repeats(made.latents[:3], (), ()).save(tmp_path / "none.npz")
    none = Repeats.load(tmp_path / "none.npz")
    assert none.latents.tolist() == [0, 1, 2] and none.trees == () and none.resampled == ()


def test_latents_with_few_neighbours_are_left_out_and_so_are_those_that_then_have_few() -> None:
    """A clique of eight, and a chain that hangs on it."""
    clique = [[j for j in range(8) if j != i] for i in range(8)]
    chain = [[i - 1, i + 1] for i in range(8, 19)] + [[18]]
    graph = graph_of([*clique, *chain])
    core = module._core(graph, np.ones(20, dtype=bool), 5)
    assert core.latents.tolist() == list(range(8))
    assert module._core(graph, np.ones(20, dtype=bool), 1).latents.tolist() == list(range(20))


@pytest.mark.parametrize(("latents", "trees"), [(15, 0), (16, SEEDS)])
def test_there_are_no_trees_of_too_few_latents(latents: int, trees: int) -> None:
    W, everyone = planted()[:latents], np.ones(latents, dtype=bool)
    graph = decoder_graph(W, eligible=everyone, k=30)
    assert len(repeats(graph, everyone, W, epochs=5).trees) == trees


def test_no_latents_and_no_neighbours() -> None:
    nobody = np.zeros(4, dtype=bool)
    graph = graph_of([[1], [0], [3], [2]])
    assert repeats(graph, nobody).latents.tolist() == []
    alone = NeighbourGraph(
        np.full((4, 30), -1, np.int32), np.full((4, 30), np.nan, np.float32), "", 1
    )
    assert repeats(alone, ~nobody).trees == ()


def test_a_tenth_of_the_latents_is_left_out() -> None:
    n = 1_500
    near = (np.arange(n)[:, None] + np.arange(1, 8)) % n
    made = repeats(graph_of(near.tolist()), np.ones(n, dtype=bool), epochs=1)
    kept = np.mean([len(rows) for _, rows in made.resampled]) / n
    # Two standard deviations of two draws; the seed is fixed.
    assert abs(kept - 0.9) < 2 * np.sqrt(0.9 * 0.1 / (2 * n))


@pytest.mark.parametrize("with_vectors", [True, False])
def test_the_embedding_has_five_dimensions(with_vectors: bool) -> None:
    W, everyone = planted(), np.ones(F, dtype=bool)
    fuzzy = module._core(decoder_graph(W, eligible=everyone, k=30), everyone, 5)
    start = module._start(fuzzy, W if with_vectors else None, 0)
    assert start.shape == (F, 5) and start.any(axis=0).all()
