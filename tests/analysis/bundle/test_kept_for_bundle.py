"""What was computed is kept with its bundle."""

import copy
import gc
import os
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from pages.widgets.open_bundles import held_bytes


def test_it_is_computed_once_for_each_bundle(planted_bundle: Bundle) -> None:
    made: list[Bundle] = []

    @kept_for_bundle
    def number(bundle: Bundle) -> int:
        made.append(bundle)
        return len(made)

    other, copied = replace(planted_bundle), copy.copy(planted_bundle)
    assert [number(planted_bundle), number(planted_bundle)] == [1, 1]
    assert [number(other), number(other), number(planted_bundle)] == [2, 2, 1]
    assert [number(copy.copy(planted_bundle)), number(copied)] == [3, 4]
    assert number(planted_bundle) == 1


def test_functions_of_equal_names_have_their_own_results(planted_bundle: Bundle) -> None:
    def of(value: int) -> int:
        @kept_for_bundle
        def result(_bundle: Bundle) -> int:
            return value

        return result(planted_bundle)

    assert [of(1), of(2)] == [1, 2]


def test_a_closed_bundle_is_not_kept_alive(planted_bundle: Bundle) -> None:
    @kept_for_bundle
    def name(bundle: Bundle) -> str:
        return bundle.name

    other = replace(planted_bundle)
    assert name(other) == planted_bundle.name
    alive = weakref.ref(other)
    del other
    gc.collect()
    assert alive() is None


def test_what_is_kept_is_returned_without_waiting_for_a_computation(
    planted_bundle: Bundle,
) -> None:
    begun, may_end = Event(), Event()

    @kept_for_bundle
    def slow(bundle: Bundle) -> str:
        begun.set()
        assert may_end.wait(60)
        return bundle.name

    assert slow.kept(planted_bundle) is None
    computing = Thread(target=slow, args=(planted_bundle,))
    computing.start()
    assert begun.wait(60) and slow.kept(planted_bundle) is None
    may_end.set()
    computing.join(60)
    assert slow.kept(planted_bundle) == planted_bundle.name
    assert slow.kept(replace(planted_bundle)) is None


def test_threads_that_ask_at_once_get_one_result(planted_bundle: Bundle) -> None:
    made, together = [], Barrier(4)

    @kept_for_bundle
    def number(_bundle: Bundle) -> object:
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        together.wait(60)
        return number(planted_bundle)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == len(made) == 1


def test_nobody_waits_for_the_result_of_another_bundle(planted_bundle: Bundle) -> None:
    begun, may_end, other = Event(), Event(), replace(planted_bundle)

    @kept_for_bundle
    def name(bundle: Bundle) -> str:
        if bundle is other:
            begun.set()
            assert may_end.wait(60)
        return bundle.name

    computing = Thread(target=name, args=(other,))
    computing.start()
    assert begun.wait(60)
    assert name(planted_bundle) == planted_bundle.name
    assert name.kept(other) is None
    may_end.set()
    computing.join(60)
    assert name.kept(other) == planted_bundle.name


def test_what_fails_is_computed_again(planted_bundle: Bundle) -> None:
    tries: list[int] = []

    @kept_for_bundle
    def number(_bundle: Bundle) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("the first try")
        return len(tries)

    bundle = replace(planted_bundle)
    with pytest.raises(ValueError, match="the first try"):
        number(bundle)
    assert [number(bundle), number(bundle)] == [2, 2]


def test_a_bundle_that_was_replaced_on_disk_has_its_own_result(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    @kept_for_bundle
    def identity(bundle: Bundle) -> str:
        return bundle.identity

    folder = tmp_path / "bundle"
    shutil.copytree(planted_bundle.path, folder)
    first = open_bundle(folder)
    assert identity(first) == first.identity
    shutil.rmtree(folder)
    shutil.copytree(planted_bundle.path, folder)
    os.utime(folder / "partners.parquet")
    second = open_bundle(folder)
    assert identity(second) == second.identity != identity(first)


def test_a_result_counts_as_memory_of_its_bundle(planted_bundle: Bundle) -> None:
    @kept_for_bundle
    def numbers(_bundle: Bundle) -> np.ndarray:
        return np.zeros(10**6, dtype=np.int8)

    bundle = replace(planted_bundle)
    before = held_bytes(bundle)
    numbers(bundle)
    assert 10**6 <= held_bytes(bundle) - before < 10**6 + 1000
