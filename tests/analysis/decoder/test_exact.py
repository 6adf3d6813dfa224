"""The search for nearest rows against a float64 product, with every number type."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.decoder import exact as module
from analysis.decoder import kept_heaps
from analysis.decoder.exact import nearest, nearest_within, rank
from analysis.decoder.kept_heaps import KeptHeaps
from analysis.decoder.vectors import unit_rows
from analysis.runtime.progress import Progress
from tests.threads import COUNTS, threads

DTYPES = [torch.float32, torch.bfloat16, torch.int8]
K = 9


def brute_force(unit: np.ndarray, pool: int) -> tuple[np.ndarray, np.ndarray]:
    exact = unit.astype(np.float64)
    cosines = exact @ exact[:pool].T
    np.fill_diagonal(cosines, -np.inf)
    places = np.broadcast_to(np.arange(pool), cosines.shape)
    order = np.lexsort((places, -cosines.round(9)), axis=1)[:, :K]
    return order, np.take_along_axis(cosines, order, axis=1)


def grouped(rows: int, width: int) -> np.ndarray:
    """Half of the rows near one of five directions, half isotropic."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((rows, width), dtype=np.float32)
    W[::2] += 1.5 * rng.standard_normal((5, width), dtype=np.float32)[np.arange(rows // 2) % 5]
    return unit_rows(W)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [5, 64, 301])
@pytest.mark.parametrize("memory_bytes", [1, 1 << 28])
def test_equals_brute_force(dtype: torch.dtype, width: int, memory_bytes: int) -> None:
    unit = grouped(1_200, width)
    neighbours, cosines = nearest_within(unit, 1_197, K, memory_bytes, dtype)
    order, expected = brute_force(unit, 1_197)
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    # Cosines that agree in all 24 bits are in the order of ids.
    assert (neighbours == order).mean() > 0.999


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_rounding_leaves_unsure_are_searched_again(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    # Closer around one direction than any number type can resolve.
    near = np.ones(16) + 1e-4 * rng.standard_normal((300, 16))
    unit = unit_rows(np.vstack([near, rng.standard_normal((300, 16))]).astype(np.float32))
    searched: list[int] = []

    def counted(
        unit: np.ndarray, pool: int, rows: np.ndarray, *others: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        searched.extend(rows.tolist())
        return search(unit, pool, rows, *others)

    search = module.nearest
    monkeypatch.setattr(module, "nearest", counted)
    _, cosines = nearest_within(unit, 600, K, 1 << 20, dtype)
    np.testing.assert_allclose(cosines, brute_force(unit, 600)[1], atol=1e-6)
    assert set(range(300)) <= set(searched)


def test_all_number_types_give_the_same_bytes() -> None:
    unit = grouped(2_000, 48)
    first, *others = (nearest_within(unit, 1_900, K, 1 << 24, dtype) for dtype in DTYPES)
    for other in others:
        assert first[0].tobytes() == other[0].tobytes()
        assert first[1].tobytes() == other[1].tobytes()


def test_vectors_without_a_positive_cosine_have_neighbours_too() -> None:
    unit = unit_rows(np.vstack([np.eye(12), -np.eye(12)]).astype(np.float32))
    neighbours, cosines = nearest_within(unit, 24, K, 1 << 20)
    assert neighbours[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (cosines[0] == 0).all()


def test_few_rows_are_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 32 spare candidates isotropic rows need no second look."""
    unit = unit_rows(np.random.default_rng(2).standard_normal((3_000, 200), dtype=np.float32))
    searched: list[int] = []

    def counted(*given: object) -> tuple[np.ndarray, np.ndarray]:
        searched.append(len(given[2]))  # type: ignore[arg-type]
        return search(*given)  # type: ignore[arg-type]

    search = module.nearest
    monkeypatch.setattr(module, "nearest", counted)
    for dtype in DTYPES:
        nearest_within(unit, 2_900, K, 1 << 24, dtype)
    assert searched == [0, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_byte_depends_on_the_threads(dtype: torch.dtype) -> None:
    unit = grouped(2_500, 33)
    seen = set()
    for count in COUNTS:
        with threads(count):
            neighbours, cosines = nearest_within(unit, 2_000, K, 1 << 20, dtype)
        seen.add((neighbours.tobytes(), cosines.tobytes()))
    assert len(seen) == 1


@pytest.mark.parametrize("memory_bytes", [1, 1 << 28])
def test_rows_outside_the_pool_have_neighbours_in_it(memory_bytes: int) -> None:
    unit = grouped(400, 20)
    rows = np.arange(200, 400, 20, dtype=np.int32)
    seen: list[tuple[str, int, int]] = []
    progress = Progress("again", lambda *reported: seen.append(reported))
    neighbours, cosines = nearest(unit, 200, rows, K, memory_bytes, progress)
    exact = unit[rows].astype(np.float64) @ unit[:200].astype(np.float64).T
    order = np.argsort(-exact, axis=1, kind="stable")[:, :K]
    np.testing.assert_array_equal(neighbours, order)
    np.testing.assert_allclose(cosines, np.take_along_axis(exact, order, axis=1), atol=1e-6)
    done = range(11) if memory_bytes == 1 else (0, 10)
    assert seen == [("again", rows_done, 10) for rows_done in done]


def test_more_duplicates_than_spare_candidates_are_ranked_by_id() -> None:
    unit = unit_rows(np.repeat(np.eye(3, dtype=np.float32), 60, axis=0))
    for neighbours, _ in (
        nearest(unit, 180, np.arange(180, dtype=np.int32), K, 1 << 20),
        nearest_within(unit, 180, K, 1 << 20, torch.float32),
    ):
        assert neighbours[0].tolist() == list(range(1, K + 1))
        assert neighbours[59].tolist() == list(range(K))
        assert neighbours[179].tolist() == list(range(120, 120 + K))


def test_ranking_leaves_the_row_out_and_breaks_ties_by_id() -> None:
    unit = unit_rows(np.array([[1, 0], [1, 1], [1, 1], [1, 0], [-1, 0]], dtype=np.float32))
    candidates = np.array([[4, 2, 0, 1, 3]], dtype=np.int32)
    neighbours, cosines = rank(unit, np.array([0], dtype=np.int32), candidates, 4)
    assert neighbours.tolist() == [[3, 1, 2, 4]]
    np.testing.assert_allclose(cosines, [[1, 0.5**0.5, 0.5**0.5, -1]], atol=1e-7)


def test_no_cosine_is_beyond_one() -> None:
    # Rounded to float32, unit rows are slightly longer or shorter than 1.
    half = unit_rows(np.random.default_rng(6).standard_normal((500, 7), dtype=np.float32))
    lengths = np.linalg.norm(half.astype(np.float64), axis=1)
    assert np.float32(lengths.max() ** 2) > 1
    unit = np.concatenate([half, half, -half])
    rows = np.arange(500, dtype=np.int32)
    candidates = np.stack([rows + 500, rows + 1_000], axis=1)
    _, cosines = rank(unit, rows, candidates, 2)
    assert cosines.max() == 1 and cosines.min() == -1


def test_no_byte_depends_on_how_many_rows_are_ranked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = grouped(700, 20)
    whole = nearest_within(unit, 600, K, 1 << 20)
    monkeypatch.setattr(module, "RANKED_ROWS", 64)
    parts = nearest_within(unit, 600, K, 1 << 20)
    assert [one.tobytes() for one in whole] == [one.tobytes() for one in parts]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_comparison_that_was_interrupted_gives_the_same_bytes(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It resumes with the saved number type and block size, whatever is asked for then."""
    monkeypatch.setattr(kept_heaps, "SECONDS", 0.0)
    monkeypatch.setattr(kept_heaps, "LARGEST_SHARE", np.inf)
    unit, reports = grouped(900, 24), list[tuple[int, int]]()

    class KilledError(Exception):
        pass

    def stop_after(last: int) -> Progress:
        def report(name: str, done: int, total: int) -> None:
            reports.append((done, total))
            if done == last:
                raise KilledError

        return Progress("", report)

    whole = nearest_within(unit, 800, K, 1, dtype)
    with pytest.raises(KilledError):
        kept = KeptHeaps.of(tmp_path, unit, 800, 42)
        nearest_within(unit, 800, K, 1, dtype, kept, stop_after(70))
    with pytest.raises(KilledError):
        kept = KeptHeaps.of(tmp_path, unit, 800, 42)
        nearest_within(unit, 800, K, 1 << 28, torch.float32, kept, stop_after(110))
    # 13 blocks of the pool of 64 rows, and 2 of the others.
    assert reports == [(i, 117) for i in (*range(71), *range(70, 111))]
    kept = KeptHeaps.of(tmp_path, unit, 800, 42)
    resumed = nearest_within(unit, 800, K, 1 << 28, torch.float32, kept)
    assert [one.tobytes() for one in whole] == [one.tobytes() for one in resumed]
