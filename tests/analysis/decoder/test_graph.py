"""The kNN graph against a brute-force float64 product, ties, dead latents and zero rows."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.bundle import TABLES
from analysis.decoder import graph as module
from analysis.decoder import kept_heaps, search_cost
from analysis.decoder.graph import (
    NeighbourGraph,
    cosines_of_pairs,
    decoder_graph,
    graph_of_table,
    neighbour_table,
)
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from tests.threads import COUNTS, threads


def brute_force(W: np.ndarray, eligible: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    unit = W.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    cosines[:, ~eligible] = -np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(cosines, order, axis=1)


@pytest.fixture(scope="module")
def decoder() -> np.ndarray:
    """Isotropic rows, in place of the planted decoder of the other tests."""
    return np.random.default_rng(0).normal(size=(400, 24)).astype(np.float32) * 3


def test_equals_brute_force_and_leaves_out_the_dead(decoder: np.ndarray) -> None:
    eligible = np.random.default_rng(1).random(400) < 0.9
    graph = decoder_graph(decoder, eligible=eligible, k=7)
    order, cosines = brute_force(decoder, eligible, 7)
    np.testing.assert_array_equal(graph.neighbours, order)
    np.testing.assert_allclose(graph.cosines, cosines, atol=1e-6)
    assert graph.how == "exact"
    assert graph.recall == 1.0


def test_no_byte_depends_on_the_block_size(decoder: np.ndarray) -> None:
    eligible = np.ones(400, dtype=bool)
    whole, small = (decoder_graph(decoder, eligible=eligible, memory_bytes=m) for m in (1 << 28, 1))
    assert whole.neighbours.tobytes() == small.neighbours.tobytes()
    assert whole.cosines.tobytes() == small.cosines.tobytes()


@pytest.mark.parametrize("largest_exact", [10_000, 100])
def test_no_byte_depends_on_the_threads(largest_exact: int) -> None:
    W = np.random.default_rng(4).standard_normal((5_000, 48), dtype=np.float32)
    eligible = np.ones(len(W), dtype=bool)

    seen = set()
    for count in COUNTS:
        with threads(count):
            graph = decoder_graph(W, eligible=eligible, largest_exact=largest_exact)
        seen.add((graph.neighbours.tobytes(), graph.cosines.tobytes()))
    assert len(seen) == 1


def test_equal_vectors_are_ranked_by_id_even_when_there_are_many() -> None:
    rng = np.random.default_rng(2)
    W = rng.normal(size=(120, 8)).astype(np.float32)
    W[10:90] = W[10]
    graph = decoder_graph(W, eligible=np.ones(120, dtype=bool), k=5)
    assert graph.neighbours[10].tolist() == [11, 12, 13, 14, 15]
    assert graph.neighbours[89].tolist() == [10, 11, 12, 13, 14]
    np.testing.assert_allclose(graph.cosines[10:90], 1.0, atol=1e-6)


def test_a_zero_row_has_no_neighbours_and_is_none(decoder: np.ndarray) -> None:
    W = decoder[:50].copy()
    W[7] = 0
    graph = decoder_graph(W, eligible=np.ones(50, dtype=bool), k=49)
    assert graph.k == 48
    assert (graph.neighbours[7] == -1).all()
    assert 7 not in graph.neighbours[:7]
    table = neighbour_table(graph)
    assert 7 not in table["latent"].to_pylist()
    assert table.num_rows == 49 * 48


def test_cosines_of_pairs(decoder: np.ndarray) -> None:
    decoder = decoder.copy()
    decoder[5] = 0
    pairs = np.array([[3, 399], [3, 3], [5, 7], [7, 5], [399, 3]])
    found = cosines_of_pairs(decoder, pairs)
    norms = np.linalg.norm(decoder[[3, 399]].astype(np.float64), axis=1)
    expected = float(decoder[3].astype(np.float64) @ decoder[399]) / norms.prod()
    np.testing.assert_allclose(found, [expected, 1, np.nan, np.nan, expected], atol=1e-6)
    assert cosines_of_pairs(decoder, np.empty((0, 2), dtype=np.int64)).shape == (0,)


def test_fewer_latents_than_neighbours_lower_k() -> None:
    W = np.eye(3, dtype=np.float32)
    assert decoder_graph(W, eligible=np.ones(3, dtype=bool)).k == 2
    graph = decoder_graph(W, eligible=np.array([True, False, False]))
    assert graph.k == 0
    assert neighbour_table(graph).num_rows == 0


def test_the_table_has_the_bundle_schema_and_order(decoder: np.ndarray) -> None:
    graph = decoder_graph(decoder, eligible=np.ones(400, dtype=bool), k=3)
    table = neighbour_table(graph)
    assert table.schema == TABLES["neighbours"]
    assert table["latent"].to_pylist() == np.repeat(np.arange(400), 3).tolist()
    assert table["rank"].to_pylist() == [0, 1, 2] * 400
    assert table["neighbour"].to_pylist() == graph.neighbours.ravel().tolist()


@pytest.mark.parametrize(
    ("compared", "how"),
    [(False, "approximate, pynndescent"), (True, "every pair compared in int8")],
)
def test_the_approximate_graph_states_its_recall(
    compared: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_cost, "is_int8_fast", lambda width: True)
    rng = np.random.default_rng(3)
    W = (rng.normal(size=(40, 16))[np.arange(600) % 40] + 0.4 * rng.normal(size=(600, 16))).astype(
        np.float32
    )
    eligible = np.ones(600, dtype=bool)
    eligible[:20] = False
    exact = decoder_graph(W, eligible=eligible, k=10)
    monkeypatch.setattr(module, "compares_every_pair", lambda latents, width: compared)
    near = decoder_graph(W, eligible=eligible, k=10, largest_exact=99)
    assert near.how.startswith(f"{how}, recall@10")
    assert near.how.endswith("on a sample of 500 latents")
    shared = [
        len(set(a) & set(b)) / 10 for a, b in zip(exact.neighbours, near.neighbours, strict=True)
    ]
    assert near.recall == pytest.approx(np.mean(shared), abs=0.02)
    assert near.recall > 0.9
    assert not np.isin(near.neighbours, np.arange(20)).any()
    again = decoder_graph(W, eligible=eligible, k=10, largest_exact=99)
    assert isinstance(again, NeighbourGraph)
    assert again.neighbours.tobytes() == near.neighbours.tobytes()


def test_weights_that_are_not_finite_are_refused() -> None:
    W = np.ones((4, 3), dtype=np.float32)
    W[2, 1] = np.nan
    with pytest.raises(InputError, match="row 2 is not finite"):
        decoder_graph(W, eligible=np.ones(4, dtype=bool))


@pytest.mark.parametrize("fast", [True, False])
def test_int8_is_used_only_for_many_latents_and_if_fast(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_cost, "is_int8_fast", lambda width: fast)
    W = np.random.default_rng(5).normal(size=(101, 8)).astype(np.float32)
    for latents, how in ((100, "exact"), (101, "every pair" if fast else "exact")):
        eligible = np.ones(latents, dtype=bool)
        graph = decoder_graph(W[:latents], eligible=eligible, k=3, largest_exact=100)
        assert graph.how.startswith(how)


def test_the_way_follows_from_the_eligible_latents_and_the_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[tuple[int, int]] = []

    class AskedError(Exception):
        pass

    def recorded(latents: int, width: int) -> bool:
        sizes.append((latents, width))
        raise AskedError

    monkeypatch.setattr(module, "compares_every_pair", recorded)
    W = np.eye(20, 30, dtype=np.float32)
    W[3] = 0
    with pytest.raises(AskedError):
        decoder_graph(W, eligible=np.arange(20) > 4)
    assert sizes == [(15, 30)]


def test_the_recall_is_the_share_of_the_true_neighbours() -> None:
    truth = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    assert module._recall(truth, np.array([[4, 1, 9, 9], [8, 7, 6, 5]])) == 0.75


def test_a_graph_survives_its_table(decoder: np.ndarray) -> None:
    W = decoder[:60].copy()
    W[[7, 59]] = 0
    graph = decoder_graph(W, eligible=np.arange(60) % 5 > 0, k=4)
    again = graph_of_table(neighbour_table(graph), 60, graph.how, graph.recall)
    np.testing.assert_array_equal(again.neighbours, graph.neighbours)
    np.testing.assert_array_equal(again.cosines, graph.cosines)
    assert (again.how, again.recall, again.k) == (graph.how, graph.recall, 4)


def test_dead_latents_have_neighbours_and_are_none(decoder: np.ndarray) -> None:
    eligible = np.arange(400) != 9
    graph = decoder_graph(decoder, eligible=eligible, k=5)
    order, _ = brute_force(decoder, eligible, 5)
    assert graph.neighbours[9].tolist() == order[9].tolist()
    assert 9 not in graph.neighbours


@pytest.mark.parametrize("int8", [True, False])
def test_a_graph_that_was_interrupted_is_the_same(
    int8: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the other number type has become the faster one."""
    monkeypatch.setattr(kept_heaps, "SECONDS", 0.0)
    monkeypatch.setattr(kept_heaps, "LARGEST_SHARE", np.inf)
    monkeypatch.setattr(search_cost, "is_int8_fast", lambda width: int8)
    W = np.random.default_rng(7).normal(size=(500, 16)).astype(np.float32)
    W[9] = 0
    eligible = np.random.default_rng(8).random(500) < 0.8
    settings: dict[str, Any] = {"eligible": eligible, "k": 6, "memory_bytes": 1}
    settings["largest_exact"] = 100
    whole = decoder_graph(W, **settings)

    class KilledError(Exception):
        pass

    def stop(name: str, done: int, total: int) -> None:
        if done == 20:
            raise KilledError

    with pytest.raises(KilledError):
        decoder_graph(W, kept=tmp_path, progress=Progress("", stop), **settings)
    monkeypatch.setattr(search_cost, "is_int8_fast", lambda width: not int8)
    begun: list[int] = []
    progress = Progress("", lambda name, done, total: begun.append(done))
    resumed = decoder_graph(W, kept=tmp_path, progress=progress, **settings)
    assert begun[0] == 20
    assert resumed.neighbours.tobytes() == whole.neighbours.tobytes()
    assert resumed.cosines.tobytes() == whole.cosines.tobytes()
    assert (resumed.how, resumed.recall) == (whole.how, whole.recall)


def test_the_sample_does_not_depend_on_which_latents_are_dead() -> None:
    rows = np.array([1, 4, 9, 16, 0, 25], dtype=np.int32)
    places = module._sample(rows, 3)
    expected = np.random.default_rng(3).choice(6, 6, False)
    assert rows[places].tolist() == np.array([0, 1, 4, 9, 16, 25])[expected].tolist()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from analysis.decoder import kept_heaps
from analysis.decoder.graph import decoder_graph
from analysis.runtime.progress import Progress

def kill(name, done, total):
    if done == 20:
        os.kill(os.getpid(), signal.SIGKILL)

kept_heaps.SECONDS, kept_heaps.LARGEST_SHARE = 0.0, np.inf
folder = Path(sys.argv[1])
W = np.load(folder / "W.npy")
decoder_graph(
    W, eligible=np.arange(len(W)) % 6 > 0, k=6, memory_bytes=1,
    kept=folder / "kept", progress=Progress("", kill),
)
"""


def test_a_graph_whose_process_was_killed_resumes_with_the_same_bytes(tmp_path: Path) -> None:
    W = np.random.default_rng(9).normal(size=(500, 16)).astype(np.float32)
    np.save(tmp_path / "W.npy", W)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    begun: list[int] = []
    progress = Progress("", lambda name, done, total: begun.append(done))
    settings: dict[str, Any] = {"eligible": np.arange(500) % 6 > 0, "k": 6, "memory_bytes": 1}
    resumed = decoder_graph(W, kept=tmp_path / "kept", progress=progress, **settings)
    whole = decoder_graph(W, **settings)
    assert begun[0] == 20
    assert resumed.neighbours.tobytes() == whole.neighbours.tobytes()
    assert resumed.cosines.tobytes() == whole.cosines.tobytes()
