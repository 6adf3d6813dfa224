"""Overhead of the SAE and of storage over the forward pass of the model.

    .venv/bin/python -m bench.bench_harvest [TOKENS]

Runs the demo model up to the hooked layer over the same batches, without and with the SAE,
interleaved three times, and prints the medians and their ratio (target: at most 1.25).
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from analysis.harvest.corpus import read_corpus
from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.mask import MaskPolicy
from analysis.harvest.models import DEMO_MODEL, load_language_model
from analysis.harvest.run import HarvestSizes, Reading, harvest
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.saes import load_sae

DATA = Path(__file__).parent.parent / "data"
SAE = DATA / "sae" / "smollm2-135m-blocks.12.hook_resid_post"
ROUNDS = 3


def main(tokens: int = 20_000) -> None:
    """Print seconds and microseconds per token of both, and the ratio."""
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

    def bare(size: int) -> None:
        waiting = blocks(size)
        while window := list(islice(waiting, sizes.window_blocks)):
            for batch in batches(window, sizes.batch_tokens, sizes.window_blocks):
                hooked_activations(language_model, hook, batch.token_ids)

    def with_sae(size: int) -> None:
        reading = Reading(sae, language_model, hook, partial(blocks, size), policy, 0.0)
        with tempfile.TemporaryDirectory() as folder:
            harvest(lambda: reading, Path(folder))

    ways = {"bare forward": bare, "harvest": with_sae}
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
        print(f"{name:<14} {median:7.2f} s  {median / tokens * 1e6:7.0f} us per token")
    print(f"ratio          {medians['harvest'] / medians['bare forward']:7.3f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
