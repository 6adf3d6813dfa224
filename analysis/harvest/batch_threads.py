"""Run the batches of a harvest side by side, one thread for each.

A matrix product on several threads is cut into parts by their number, and the parts are rounded and
added in another order for another number. In bfloat16 this changes the third digit of a model's
activations, and then which latents are among the k largest. So each batch is computed by one
thread, and a machine with more cores computes more batches at the same time. Results are then the
same bytes for any number of threads, on processors with the same instructions and with one version
of torch.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

AHEAD = 2
"""Batches per thread that are handed out before the first of them is asked for."""

DEVICE_THREADS = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def batch_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `count` threads in each of which torch uses no other thread."""
    before = torch.get_num_threads()
    # New threads take this number when they first call torch. Setting it in each would clear
    # caches that the others use.
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="batch") as pool:
            try:
                yield pool
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
    finally:
        torch.set_num_threads(before)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[Result]:
    """Yield work(item) for each item, in their order; at most AHEAD · `count` are under way."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        if len(waiting) == AHEAD * count:
            yield waiting.popleft().result()
        waiting.append(pool.submit(work, item))
    while waiting:
        yield waiting.popleft().result()


def usable_threads(model: Any) -> int:
    """Number of batches of this model to compute at the same time: torch's number of threads.

    1 if a forward pass rewrites the model's rotary frequencies for its own length. 2 if another
    device than the CPU computes: while one thread waits for its results and sorts them, the device
    has the work of the other.
    """
    if _rewrites_frequencies(model.config.get_text_config()):
        return 1
    return torch.get_num_threads() if model.device.type == "cpu" else DEVICE_THREADS


def _rewrites_frequencies(config: Any) -> bool:
    parameters = getattr(config, "rope_parameters", None) or {}
    # Models with several kinds of layers have parameters by kind.
    kinds = [parameters, *(value for value in parameters.values() if isinstance(value, dict))]
    types = [str(kind.get("rope_type", "")) for kind in kinds]
    return any("dynamic" in name or name == "longrope" for name in types)
