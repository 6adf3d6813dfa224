"""Training activations of the demo SAE, harvested once into the cache.

Documents of the corpus are split at random into training and held-out documents. Blocks of the
training documents are shuffled, so that each shard is a random sample of the corpus. A shard is one
file, written by rename, so an interrupted harvest resumes with the missing shards.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict

from analysis.harvest.corpus import corpus_hash, read_corpus
from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import DEMO_MODEL, LanguageModel, cache_folder, load_language_model
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.runtime.errors import InputError

SHARD_BLOCKS = 128
# On two cores, 1,024 tokens per pass are about 30 % faster than 4,096, because they fit the cache.
BATCH_TOKENS = 1024


class HarvestPlan(BaseModel):
    """All settings that determine a harvest."""

    model_config = ConfigDict(frozen=True)

    corpus: Path
    model: str = DEMO_MODEL
    hook: str = "blocks.12.hook_resid_post"
    block_tokens: int = 256
    train_tokens: int = 2_500_000
    """Positions, including special tokens and sinks."""
    heldout_tokens: int = 100_000
    seed: int = 0

    @property
    def folder(self) -> Path:
        """The folder in the cache, named by a hash of these settings and of the corpus."""
        text = self.model_dump_json(exclude={"corpus"}) + corpus_hash(self.corpus)
        return cache_folder() / "harvest" / hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Harvest:
    """The shards of a finished harvest, each `[n, d_model]` bfloat16, special tokens and sinks
    excluded.
    """

    train: tuple[Path, ...]
    heldout: tuple[Path, ...]
    counts: MaskCounts
    """Over the training shards."""
    documents: int
    """Training documents."""


def read_shard(path: Path) -> torch.Tensor:
    """Activations [n, d_model], bfloat16."""
    return torch.from_numpy(np.load(path).view(np.int16)).view(torch.bfloat16)


def harvest(plan: HarvestPlan, workers: int = 2) -> Harvest:
    """Harvest the missing shards, and list all shards."""
    folder = plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    language_model = load_language_model(plan.model, torch.bfloat16)
    train, heldout = _parted_blocks(plan, language_model)
    policy = MaskPolicy(special_token_ids=tuple(sorted(language_model.special_token_ids)))
    median_norm = _median_norm(plan, language_model, train)
    jobs = [
        (folder / f"{part}-{number:05}.npy", blocks[start : start + SHARD_BLOCKS])
        for part, blocks in (("heldout", heldout), ("train", train))
        for number, start in enumerate(range(0, len(blocks), SHARD_BLOCKS))
    ]
    missing = [(path, blocks) for path, blocks in jobs if not path.exists()]
    print(f"harvest: {len(missing)} of {len(jobs)} shards to make in {folder}", flush=True)
    _make_shards(plan, policy, median_norm, missing, workers)
    counts = MaskCounts()
    for path, _ in jobs:
        if path.name.startswith("train"):
            counts = counts + MaskCounts.model_validate_json(_counts_path(path).read_text())
    return Harvest(
        train=tuple(path for path, _ in jobs if path.name.startswith("train")),
        heldout=tuple(path for path, _ in jobs if path.name.startswith("heldout")),
        counts=counts,
        documents=len({block.document for block in train}),
    )


def _parted_blocks(
    plan: HarvestPlan, language_model: LanguageModel
) -> tuple[list[TokenBlock], list[TokenBlock]]:
    """Shuffled training blocks, and blocks of held-out documents."""
    documents = list(read_corpus(plan.corpus))
    generator = np.random.default_rng(plan.seed)
    shuffled = [documents[place] for place in generator.permutation(len(documents))]
    blocks = list(token_blocks(shuffled, language_model.tokenizer, plan.block_tokens))
    ends = np.cumsum([len(block) for block in blocks])
    last_heldout = int(np.searchsorted(ends, plan.heldout_tokens))
    if last_heldout >= len(blocks) - 1:
        raise InputError(
            f"{plan.corpus} has too few tokens: {plan.heldout_tokens:,} are held out; "
            "give a larger corpus."
        )
    heldout = blocks[: last_heldout + 1]
    apart = {block.document for block in heldout}
    rest = [block for block in blocks if block.document not in apart]
    rest = [rest[place] for place in generator.permutation(len(rest))]
    train_ends = np.cumsum([len(block) for block in rest])
    count = int(np.searchsorted(train_ends, plan.train_tokens)) + 1
    return rest[:count], heldout


def _median_norm(
    plan: HarvestPlan, language_model: LanguageModel, blocks: Sequence[TokenBlock]
) -> float:
    batch = next(batches(blocks[:32], batch_tokens=4 * BATCH_TOKENS))
    hook = parse_hook_point(plan.hook)
    x = hooked_activations(language_model, hook, batch.token_ids)
    return reference_norm(batch.attention_mask, x.float().norm(dim=-1).numpy())


def _make_shards(
    plan: HarvestPlan,
    policy: MaskPolicy,
    median_norm: float,
    jobs: Sequence[tuple[Path, list[TokenBlock]]],
    workers: int,
) -> None:
    # One thread per process: processes do not wait for each other, as threads do at each
    # matrix product.
    started, tokens = time.monotonic(), 0
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_open_model, initargs=(plan.model,)
    ) as pool:
        futures = [
            pool.submit(_make_shard, path, blocks, plan.hook, policy, median_norm)
            for path, blocks in jobs
        ]
        for done, future in enumerate(as_completed(futures), start=1):
            counts = future.result()
            tokens += counts.kept
            rate = tokens / (time.monotonic() - started)
            print(f"harvest: shard {done}/{len(jobs)}, {rate:,.0f} tokens/s, {counts}", flush=True)


_language_model: LanguageModel | None = None  # state of this worker process


def _open_model(name: str) -> None:
    global _language_model  # noqa: PLW0603 - a worker process opens its model once
    torch.set_num_threads(1)
    _language_model = load_language_model(name, torch.bfloat16)


def _make_shard(
    path: Path, blocks: list[TokenBlock], hook: str, policy: MaskPolicy, median_norm: float
) -> MaskCounts:
    assert _language_model is not None
    rows: list[torch.Tensor] = []
    counts = MaskCounts()
    for kept, batch_counts in _kept_rows(_language_model, blocks, hook, policy, median_norm):
        rows.append(kept)
        counts = counts + batch_counts
    bits: npt.NDArray[np.int16] = torch.cat(rows).view(torch.int16).numpy()
    _counts_path(path).write_text(counts.model_dump_json())
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        np.save(stream, bits)
    temporary.rename(path)
    return counts


def _kept_rows(
    language_model: LanguageModel,
    blocks: Sequence[TokenBlock],
    hook: str,
    policy: MaskPolicy,
    median_norm: float,
) -> Iterator[tuple[torch.Tensor, MaskCounts]]:
    for batch in batches(blocks, BATCH_TOKENS):
        x = hooked_activations(language_model, parse_hook_point(hook), batch.token_ids)
        norms = x.float().norm(dim=-1).numpy()
        kept, counts = batch_mask(batch.token_ids, batch.attention_mask, norms, median_norm, policy)
        yield x[torch.from_numpy(kept)], counts


def _counts_path(shard: Path) -> Path:
    return shard.with_suffix(".json")
