"""UMAP's optimiser against its forces in plain numpy; only the seed changes the bytes."""

import numpy as np
import pytest
import scipy.sparse
from umap.umap_ import find_ab_params

from analysis.decoder import umap_optimiser as module
from analysis.decoder.umap_optimiser import optimise
from tests.threads import COUNTS, threads

CURVE = find_ab_params(1.0, 0.05)
N = 2_001
"""Not a multiple of the number of vertices of a block."""


@pytest.fixture(scope="module")
def weights() -> scipy.sparse.csr_matrix:
    """Some ten edges per vertex; vertex 0 has many, the last has none."""
    drawn = scipy.sparse.random(N, N, density=5 / N, random_state=1, dtype=np.float32).tolil()
    drawn[0, 1:200] = 0.5
    drawn[-1], drawn[:, -1] = 0, 0
    drawn.setdiag(0)
    drawn = drawn.tocsr()
    return scipy.sparse.csr_matrix(drawn.maximum(drawn.T))


@pytest.fixture(scope="module", params=[2, 10])
def start(request: pytest.FixtureRequest) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((N, request.param))


def stretched(start: np.ndarray) -> np.ndarray:
    low, high = start.min(axis=0), start.max(axis=0)
    return 10 * (start - low) / (high - low)


def attraction(
    points: np.ndarray, weights: scipy.sparse.csr_matrix
) -> tuple[np.ndarray, np.ndarray]:
    """Force [n, D] of the edges, and how much each vertex is damped [n, 1]."""
    a, b = CURVE
    edges = scipy.sparse.csr_matrix(weights)
    edges.eliminate_zeros()
    edges = edges.tocoo()
    gaps = points[edges.col] - points[edges.row]
    squared = (gaps**2).sum(axis=1)
    strength = 2 * edges.data / edges.data.max() * 2 * a * b * squared ** (b - 1)
    strength /= 1 + a * squared**b
    force = np.zeros_like(points)
    np.add.at(force, edges.row, strength[:, None] * gaps)
    damped = 1 + 0.5 * np.bincount(edges.row, strength, minlength=len(points))
    return force, damped[:, None]


def test_one_epoch_is_the_damped_sum_of_the_attractions(
    start: np.ndarray, weights: scipy.sparse.csr_matrix
) -> None:
    before = stretched(start)
    force, damped = attraction(before, weights)
    moved = optimise(start, weights, CURVE, epochs=1, seed=0, samples=0) - before
    # The power is within 2 %.
    error = np.linalg.norm(moved - force / damped, axis=1)
    assert (error <= 0.02 * np.linalg.norm(force / damped, axis=1) + 1e-3).all()
    assert np.abs(moved[-1]).max() < 1e-5


def test_many_samples_push_as_the_mean_of_all_vertices_does(
    start: np.ndarray, weights: scipy.sparse.csr_matrix
) -> None:
    a, b = CURVE
    before = stretched(start)
    pushed = optimise(start, weights, CURVE, epochs=1, seed=0, samples=400_000)
    pulled = optimise(start, weights, CURVE, epochs=1, seed=0, samples=0)
    chosen = np.arange(0, N, 100)
    gaps = before - before[chosen, None]
    squared = (gaps**2).sum(axis=2, keepdims=True)
    force = np.clip(-2 * b / ((0.001 + squared) * (1 + a * squared**b)) * gaps, -4, 4)
    share = np.asarray(weights.sum(axis=1))[chosen] / weights.max()
    expected = 5 * share * force.mean(axis=1)
    pushes = ((pushed - pulled) * attraction(before, weights)[1])[chosen]
    assert np.abs(pushes - expected).mean() < 0.1 * np.abs(expected).mean()


def test_bytes_depend_on_neither_threads_nor_memory(
    start: np.ndarray, weights: scipy.sparse.csr_matrix
) -> None:
    seen, kept = set(), []
    for turn, count in enumerate([*COUNTS, *COUNTS]):
        with threads(count):
            seen.add(optimise(start, weights, CURVE, epochs=30, seed=3).tobytes())
        kept.append(np.empty(1_000 * turn + 7))  # Moves the next allocation.
    assert len(seen) == 1
    assert optimise(start, weights, CURVE, epochs=30, seed=4).tobytes() not in seen


def test_every_epoch_of_every_seed_draws_its_own_samples(
    weights: scipy.sparse.csr_matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = np.random.default_rng(0).standard_normal((N, 2))
    keys: set[tuple[int, int]] = set()
    for seed in range(3):

        def record(*given: object, seed: int = seed) -> None:
            (epoch,) = (one for one in given if isinstance(one, module._Epoch))
            keys.add((seed, int(epoch.key)))

        monkeypatch.setattr(module, "_move", record)
        optimise(start, weights, CURVE, epochs=20, seed=seed)
    assert len({key for _, key in keys}) == len(keys) == 3 * 20


APART = np.random.default_rng(0).permutation(np.indices((16, 20)).reshape(2, 320).T)
"""Ten blocks of vertices; none are so close that a small step would change their forces."""
ALIKE = np.tile(np.indices((4, 8)).reshape(2, 32).T, (10, 1))
"""Ten blocks with the same positions."""


def errors_of_samples(
    start: np.ndarray = APART, *, epochs: int = 1, samples: int = 1, seed: int = 0
) -> np.ndarray:
    """How far a unit of time [10 blocks, 32, 2] leads off the way that 2,000 samples lead.

    Except for one edge, which is left out, the weights are so small that the vertices hardly move
    and the steps of the epochs add up.
    """
    n = len(start)
    ring = scipy.sparse.diags([1e-4] * (n - 1), 1, shape=(n, n)).tolil()
    ring[n - 1, 0], ring[0, 1] = 1e-4, 1
    weights = scipy.sparse.csr_matrix(ring + ring.T)
    few, many = (
        optimise(start, weights, CURVE, epochs=epochs, seed=seed, samples=drawn).astype(np.float64)
        for drawn in (samples, 2_000)
    )
    error = (few - many) / ((epochs + 1) / 2)
    error[:2] = 0
    return error.reshape(10, 32, 2)


@pytest.mark.parametrize(("epochs", "samples", "seeds"), [(64, 1, 1), (1, 64, 1), (1, 1, 64)])
def test_errors_of_negative_samples_cancel(epochs: int, samples: int, seeds: int) -> None:
    """Of 64 independent draws, about an eighth of one draw's error is left."""
    one = np.mean([np.linalg.norm(errors_of_samples(seed=seed)) for seed in range(10)])
    errors = [errors_of_samples(epochs=epochs, samples=samples, seed=seed) for seed in range(seeds)]
    assert np.linalg.norm(np.mean(errors, axis=0)) < 0.25 * one


def test_blocks_have_different_negative_samples() -> None:
    """Of ten independent draws, about a third of one draw's error is left."""
    errors = errors_of_samples(ALIKE)[:, 2:]
    assert np.linalg.norm(errors.mean(axis=0)) < 0.6 * np.linalg.norm(errors, axis=(1, 2)).mean()
