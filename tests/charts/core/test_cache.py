"""Results are shared, bounded in bytes, and forgotten with their bundle."""

import copy
import dataclasses
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier, Event
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.core import cache
from charts.core.cache import Results, cached, key_of, nbytes_of
from charts.density import density_histogram

calls: list[tuple[Any, ...]] = []


@cached
def _squares(bundle: Bundle, numbers: np.ndarray, power: int = 2) -> np.ndarray:
    calls.append((power, *numbers))
    powers: np.ndarray = numbers**power
    return powers


@pytest.fixture(autouse=True)
def _with_cache(_without_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache._results, "limit", cache.LIMIT)


def test_a_result_is_made_once_for_equal_arguments(tiny: Bundle) -> None:
    calls.clear()
    first = _squares(tiny, np.array([1, 2]))
    assert _squares(tiny, np.array([1, 2])) is first
    assert _squares(tiny, np.array([1, 3])) is not first
    assert _squares(tiny, np.array([1, 2]), power=3).tolist() == [1, 8]
    assert _squares(dataclasses.replace(tiny), np.array([1, 2])) is not first
    assert calls == [(2, 1, 2), (2, 1, 3), (3, 1, 2), (2, 1, 2)]


def test_the_results_of_a_closed_bundle_are_forgotten(tiny: Bundle) -> None:
    other = dataclasses.replace(tiny)
    _squares(tiny, np.arange(10))
    before = cache._results.nbytes
    _squares(other, np.arange(1000))
    assert cache._results.nbytes == before + 8000
    del other
    gc.collect()
    assert cache._results.nbytes == before


def test_a_copy_of_a_bundle_is_another_bundle(tiny: Bundle) -> None:
    numbers = np.arange(10)
    assert _squares(copy.copy(tiny), numbers) is not _squares(tiny, numbers)


def test_a_figure_of_a_selection_is_made_once(tiny: Bundle) -> None:
    some, same, other = (np.arange(120) % k == 0 for k in (2, 2, 3))
    assert density_histogram(tiny, some) is density_histogram(tiny, same)
    assert density_histogram(tiny, some) is not density_histogram(tiny, other)
    assert density_histogram(tiny, some) is not density_histogram(tiny)


def test_sessions_that_ask_at_once_get_one_result(tiny: Bundle) -> None:
    made, together = [], Barrier(4)

    @cached
    def slow(_bundle: Bundle, number: int) -> list[int]:
        made.append(number)
        begun.set()
        assert may_end.wait(60)
        return [number]

    def ask(number: int) -> list[int]:
        together.wait(60)
        return slow(tiny, number)

    begun, may_end = Event(), Event()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in (1, 1, 1, 2)]
        assert begun.wait(60)
        may_end.set()
        results = [one.result(60) for one in asked]
    assert sorted(made) == [1, 2]
    assert results[0] is results[1] is results[2]
    assert results[3] == [2]


def test_nobody_waits_for_another_figure_or_for_that_of_another_bundle(tiny: Bundle) -> None:
    other, begun, may_end = dataclasses.replace(tiny), Event(), Event()

    @cached
    def slow(bundle: Bundle, number: int) -> int:
        if bundle is other and number == 1:
            begun.set()
            assert may_end.wait(60)
        return number

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow, other, 1)
        assert begun.wait(60)
        assert [slow(tiny, 1), slow(other, 2)] == [1, 2]
        may_end.set()
        assert waiting.result(60) == 1


def test_a_thread_that_waits_for_what_fails_computes_itself() -> None:
    results, begun, may_fail, made = Results(limit=300), Event(), Event(), []

    def fail() -> int:
        begun.set()
        assert may_fail.wait(60)
        raise ValueError("the first try")

    def compute() -> int:
        made.append(1)
        return 7

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(results.get_or_compute, (1, "key"), fail)
        assert begun.wait(60)
        second = pool.submit(results.get_or_compute, (1, "key"), compute)
        may_fail.set()
        with pytest.raises(ValueError, match="the first try"):
            first.result(60)
        assert second.result(60) == 7
    assert results.get_or_compute((1, "key"), fail) == 7
    assert made == [1]


def test_a_result_above_the_limit_is_shared_by_those_who_wait() -> None:
    results, begun, may_end = Results(limit=10), Event(), Event()
    large = np.zeros(11, np.uint8)

    def compute() -> np.ndarray:
        begun.set()
        assert may_end.wait(60)
        return large

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(results.get_or_compute, (1, "key"), compute)
        assert begun.wait(60)
        second = pool.submit(results.get_or_compute, (1, "key"), compute)
        may_end.set()
        assert first.result(60) is second.result(60) is large
    assert results.nbytes == 0 and results.get((1, "key")) is None


def test_the_least_recently_used_results_are_dropped_at_the_limit() -> None:
    results = Results(limit=300)
    for i in range(3):
        results.put((1, i), np.zeros(100, np.uint8))
    assert results.nbytes == 300
    assert results.get((1, 0)) is not None
    results.put((2, 3), np.zeros(1, np.uint8))
    assert results.get((1, 1)) is None
    assert results.get((1, 0)) and results.get((1, 2)) and results.get((2, 3))
    assert results.nbytes == 201
    results.put((1, 0), np.zeros(50, np.uint8))
    assert results.nbytes == 151
    results.put((1, 9), np.zeros(301, np.uint8))
    assert results.nbytes == 0
    assert results.get((1, 9)) is None
    results.put((1, 9), np.zeros(7, np.uint8))
    results.put((2, 9), np.zeros(5, np.uint8))
    results.forget(1)
    assert results.nbytes == 5
    assert results.get((2, 9)) is not None
    results.clear()
    assert results.nbytes == 0
    assert results.get((2, 9)) is None


def test_many_threads_keep_the_count_of_bytes() -> None:
    results = Results(limit=5_000)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(300):
            key = (int(rng.integers(3)), int(rng.integers(40)))
            if results.get(key) is None:
                results.put(key, np.zeros(int(rng.integers(500)), np.uint8))
            if rng.random() < 0.05:
                results.forget(int(rng.integers(3)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    kept = sum(entry.nbytes for entry in results._entries.values())
    assert results.nbytes == kept <= 5_000


@dataclass(frozen=True)
class _Pair:
    a: int
    rows: np.ndarray


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(4, bool), np.zeros(4, np.uint8)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.array([1, 2]), np.array([2, 1])),
        (_Pair(1, np.array([1])), _Pair(1, np.array([2]))),
        (1, True),
        (1, 1.0),
        (None, "None"),
        ((1, (2, 3)), (1, 2, 3)),
        ({"a": 1}, {"a": 2}),
    ],
)
def test_different_arguments_have_different_keys(one: Any, other: Any) -> None:
    assert key_of(one) != key_of(other)
    assert key_of(one) == key_of(one)
    assert hash(key_of(one)) == hash(key_of(one))


def test_equal_arguments_have_equal_keys() -> None:
    strided = np.arange(10)[::2]
    assert key_of(strided) == key_of(strided.copy())
    assert key_of(_Pair(1, strided)) == key_of(_Pair(1, strided.copy()))
    with pytest.raises(TypeError):
        key_of(pa.table({"a": [1]}))
    with pytest.raises(TypeError):
        key_of(np.array([[1], "a"], dtype=object))


def test_a_table_counts_the_memory_that_it_holds() -> None:
    table = pa.table({"a": np.arange(1000)})
    assert nbytes_of(table) == 8000
    assert nbytes_of(table.slice(0, 1)) == 8000
    assert nbytes_of((table, np.zeros(10))) >= 8080
    texts = [f"text {i:06}" for i in range(10_000)]
    every = sys.getsizeof(texts) + sum(map(sys.getsizeof, texts))
    assert nbytes_of(texts) == every
    assert nbytes_of(dict(enumerate(texts))) == pytest.approx(
        sys.getsizeof(dict(enumerate(texts))) + sum(map(sys.getsizeof, texts)) + 280_000, rel=0.01
    )
    assert nbytes_of({"a": np.zeros(10)}) >= 80
    assert nbytes_of(_Pair(1, np.zeros(10))) >= 80


def test_a_figure_counts_its_rows_and_what_is_sent(tiny: Bundle) -> None:
    figure = density_histogram(tiny)
    sent = sum(map(len, figure.for_browser()["datasets"].values()))
    assert nbytes_of(figure) > figure.rows.nbytes + sent
