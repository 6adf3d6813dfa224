"""Batches side by side: one torch thread each, results in order, few under way."""

from collections.abc import Iterator
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from analysis.harvest.batch_threads import batch_threads, in_order, usable_threads
from tests.analysis.harvest.tiny_model import tiny_language_model
from tests.threads import threads


def test_each_thread_of_the_pool_is_the_only_one_of_torch() -> None:
    together = Barrier(3)

    def number(_: int) -> int:
        together.wait(timeout=30)
        return torch.get_num_threads()

    with threads(4):
        with batch_threads(3) as pool:
            assert list(pool.map(number, range(6))) == [1] * 6
        assert torch.get_num_threads() == 4


def test_the_number_of_threads_is_restored_after_an_error() -> None:
    with threads(3):
        with pytest.raises(KeyboardInterrupt), batch_threads(2):
            raise KeyboardInterrupt
        assert torch.get_num_threads() == 3


def test_results_have_the_order_of_the_items() -> None:
    """The first batch ends last: it waits for the second."""
    together = Barrier(2)

    def work(item: int) -> int:
        if item < 2:
            together.wait(timeout=30)
        return item * item

    with batch_threads(2) as pool:
        assert list(in_order(pool, work, range(7), 2)) == [0, 1, 4, 9, 16, 25, 36]


def test_few_items_are_under_way() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(20):
            taken += 1
            yield item

    with batch_threads(2) as pool:
        ahead = [taken - result for result in in_order(pool, lambda item: item, items(), 2)]
    # Two per thread, and the next item, which is taken before the first result is waited for.
    assert max(ahead) == 2 * 2 + 1 and len(ahead) == 20


def test_an_error_of_a_batch_is_raised() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("the third")
        return item

    with batch_threads(2) as pool:
        results = in_order(pool, work, range(9), 2)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="the third"):
            next(results)


@pytest.mark.parametrize(
    ("rotary", "device", "expected"),
    [
        (None, "cpu", 3),
        ({"rope_type": "default"}, "cpu", 3),
        ({"rope_type": "llama3"}, "cpu", 3),
        ({"rope_type": "dynamic"}, "cpu", 1),
        ({"rope_type": "longrope"}, "cpu", 1),
        ({"full_attention": {"rope_type": "dynamic"}}, "cpu", 1),
        ({"full_attention": {"rope_type": "yarn"}, "factor": 2.0}, "cpu", 3),
        (None, "meta", 2),
        ({"rope_type": "dynamic"}, "meta", 1),
    ],
)
def test_models_that_change_while_they_run_have_one_thread(
    rotary: Any, device: str, expected: int
) -> None:
    config = SimpleNamespace(rope_parameters=rotary)
    model = SimpleNamespace(
        config=SimpleNamespace(get_text_config=lambda: config), device=torch.device(device)
    )
    with threads(3):
        assert usable_threads(model) == expected


def test_a_real_model_has_all_threads() -> None:
    with threads(4):
        assert usable_threads(tiny_language_model().model) == 4
