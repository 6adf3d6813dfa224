"""The exact search against a float64 product, with every kind of product and where they round."""

import numpy as np
import pytest
import torch

from analysis.decoder import exact as exact_neighbours
from analysis.decoder.exact import nearest_within
from analysis.decoder.graph import unit_rows

KINDS = [torch.float32, torch.bfloat16, torch.int8]
K = 9


def brute_force(unit: np.ndarray, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exact = unit[pool].astype(np.float64)
    cosines = exact @ exact.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.lexsort((np.broadcast_to(pool, cosines.shape), -cosines.round(9)), axis=1)[:, :K]
    return pool[order], np.take_along_axis(cosines, order, axis=1)


def grouped(rows: int, width: int) -> np.ndarray:
    """Half of the rows near one of five directions, half isotropic."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((rows, width), dtype=np.float32)
    W[::2] += 1.5 * rng.standard_normal((5, width), dtype=np.float32)[np.arange(rows // 2) % 5]
    return unit_rows(W)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [5, 64, 301])
@pytest.mark.parametrize("memory", [1, 1 << 28])
def test_equals_brute_force(kind: torch.dtype, width: int, memory: int) -> None:
    unit = grouped(1_200, width)
    pool = np.setdiff1d(np.arange(1_200, dtype=np.int32), [0, 3, 500])
    neighbours, cosines = nearest_within(unit, pool, K, memory, kind)
    order, expected = brute_force(unit, pool)
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    # Cosines that agree in all 24 bits are in the order of ids.
    assert (neighbours == order).mean() > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_what_rounding_could_hide_is_looked_at_again(
    kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    # Around one direction closer than any kind of product can tell apart.
    near = np.ones(16) + 1e-4 * rng.standard_normal((300, 16))
    unit = unit_rows(np.vstack([near, rng.standard_normal((300, 16))]).astype(np.float32))
    asked: list[int] = []

    def counted(
        unit: np.ndarray, pool: np.ndarray, rows: np.ndarray, k: int, memory: int
    ) -> tuple[np.ndarray, np.ndarray]:
        asked.extend(rows.tolist())
        return search(unit, pool, rows, k, memory)

    search = exact_neighbours.nearest
    monkeypatch.setattr(exact_neighbours, "nearest", counted)
    pool = np.arange(600, dtype=np.int32)
    _, cosines = nearest_within(unit, pool, K, 1 << 20, kind)
    np.testing.assert_allclose(cosines, brute_force(unit, pool)[1], atol=1e-6)
    assert set(range(300)) <= set(asked)


def test_all_kinds_give_the_same_bytes() -> None:
    unit = grouped(2_000, 48)
    pool = np.arange(2_000, dtype=np.int32)
    first, *others = (nearest_within(unit, pool, K, 1 << 24, kind) for kind in KINDS)
    for other in others:
        assert first[0].tobytes() == other[0].tobytes()
        assert first[1].tobytes() == other[1].tobytes()


def test_vectors_without_a_positive_cosine_have_neighbours_too() -> None:
    unit = unit_rows(np.vstack([np.eye(12), -np.eye(12)]).astype(np.float32))
    neighbours, cosines = nearest_within(unit, np.arange(24, dtype=np.int32), K, 1 << 20)
    assert neighbours[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (cosines[0] == 0).all()
