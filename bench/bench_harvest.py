"""Overhead of the SAE and of storage over the forward pass of the model.

    .venv/bin/python -m bench.bench_harvest [TOKENS]

Runs the demo model up to the hooked layer over the same batches, interleaved three times: all cores
on each batch in turn, as torch does by itself; one core per batch, as the harvest does; and the
harvest with the SAE. Prints the medians, and two ratios: of the harvest to the forward passes alone
(target: at most 1.25), and of one core per batch to all cores on each (target: at most 1.1).
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from analysis.harvest.batch_threads import batch_threads, in_order, usable_threads
from analysis.harvest.corpus import read_corpus
from analysis.harvest.forward import hook_in, hooked, hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.mask import MaskPolicy
from analysis.harvest.model_run import HarvestSizes, Reading
from analysis.harvest.models import DEMO_MODEL, load_language_model
from analysis.harvest.run import harvest
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.runtime.arrays import Ints
from analysis.saes import load_sae

DATA = Path(__file__).parent.parent / "data"
SAE = DATA / "sae" / "smollm2-135m-blocks.8.hook_resid_post"
ROUNDS = 3


def main(tokens: int = 20_000) -> None:
    """Print seconds and microseconds per token of all, and the ratios."""
    language_model = load_language_model(DEMO_MODEL)
    sae = load_sae(SAE)
    hook = hook_in(language_model, parse_hook_point(str(sae.hook_point)))
    sizes = HarvestSizes()
    policy = MaskPolicy(special_token_ids=tuple(sorted(language_model.special_token_ids)))

    def blocks(size: int) -> Iterator[TokenBlock]:
        return token_blocks(
            read_corpus(DATA / "corpus" / "demo.parquet"),
            language_model.tokenizer,
            max_tokens=size,
            special_token_ids=policy.special_token_ids,
        )

    def token_ids(size: int) -> Iterator[Ints]:
        waiting = blocks(size)
        while window := list(islice(waiting, sizes.window_blocks)):
            for batch in batches(window, sizes.batch_tokens, sizes.window_blocks):
                yield batch.token_ids

    def all_cores_on_each(size: int) -> None:
        for ids in token_ids(size):
            hooked_activations(language_model, hook, ids)

    def bare(size: int) -> None:
        threads = usable_threads(language_model.model)
        with hooked(language_model, hook) as activations, batch_threads(threads) as pool:
            for _ in in_order(pool, activations, token_ids(size), threads):
                pass

    def with_sae(size: int) -> None:
        reading = Reading(sae, language_model, hook, partial(blocks, size), policy, 0.0)
        with tempfile.TemporaryDirectory() as folder:
            harvest(lambda: reading, Path(folder))

    ways = {"all cores on each": all_cores_on_each, "bare forward": bare, "harvest": with_sae}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(2_000)
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way(tokens)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<24} {median:7.2f} s  {median / tokens * 1e6:7.0f} us per token")
    print(f"harvest / bare forward   {medians['harvest'] / medians['bare forward']:7.3f}")
    print(f"bare / all cores on each {medians['bare forward'] / medians['all cores on each']:7.3f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
