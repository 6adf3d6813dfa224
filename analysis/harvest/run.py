"""Run a language model and an SAE over a corpus and keep the sparse activations, shard by shard.

Memory holds one shard, and for each thread the activations over all latents for a few hundred
tokens. Each shard is made from the stored plan only, so shards can be made in any order and on
several machines, and an interrupted harvest resumes with the missing ones. The bytes of a shard
depend on none of this, nor on the number of threads or the memory (`batch_threads.py`). They do
depend on the processor's instructions and on the version of torch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.harvest.mask import MaskCounts
from analysis.harvest.model_run import BatchRead, BlockRead, HarvestSizes, Reading, running
from analysis.harvest.models import LanguageModel
from analysis.harvest.plan import (
    ShardPlan,
    blocks_by_shard,
    last_token_before,
    read_blocks,
    read_plan,
    stored_plan,
    write_blocks,
    write_plan,
)
from analysis.harvest.readable import readable_tokens
from analysis.harvest.shards import (
    Shard,
    ShardFacts,
    VarianceSums,
    count_shards,
    read_facts,
    shard_file,
    write_shard,
)
from analysis.harvest.token_blocks import TokenBlock, batches
from analysis.runtime.arrays import Bools, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.runtime.workers import LocalWorkers, Workers


def _ignore(kept: int) -> None:
    """Ignore a report."""


@dataclass(frozen=True)
class HarvestSummary:
    """The totals over all shards."""

    tokens: int
    """Kept tokens."""
    mask: MaskCounts
    active: int
    """Stored activations."""
    explained_variance: float | None
    """Centred; None for imported activations and for transcoders."""

    @property
    def l0(self) -> float:
        """Mean active latents per kept token."""
        return self.active / self.tokens if self.tokens else 0.0


def harvest(
    open_reading: Callable[[], Reading],
    folder: Path,
    *,
    workers: Workers | None = None,
    progress: Callable[[int], None] = _ignore,
    sizes: HarvestSizes | None = None,
) -> HarvestSummary:
    """Write the shards that are missing in `folder`.

    `open_reading` is called for every shard, in the process that makes it, and should return the
    same object each time; workers on other machines need it picklable. Activations are compared
    with the threshold and then rounded to 11 significant bits. `progress` is called with the number
    of kept tokens. Raises InputError if the model's width is not the SAE's, or no token is kept.
    """
    workers, sizes, folder = workers or LocalWorkers(), sizes or HarvestSizes(), folder.absolute()
    tally = _Tally(folder, progress)
    plan = stored_plan(folder) or _make_plan(open_reading(), folder, sizes)
    workers.run(
        MakeShard(open_reading, folder, sizes, tally.within),
        range(plan.shards),
        partial(shard_file, folder),
        tally.finished,
    )
    return summarise(folder)


def _make_plan(reading: Reading, folder: Path, sizes: HarvestSizes) -> ShardPlan:
    """Write the blocks of all shards, and the norm of the first batch.

    Raises InputError if no token is kept.
    """
    shards = write_blocks(
        folder, blocks_by_shard(reading.blocks(), sizes.shard_tokens, sizes.window_blocks)
    )
    if shards == 0:
        raise _nothing_kept()
    window = read_blocks(folder, 0)[: sizes.window_blocks]
    first = next(batches(window, sizes.batch_tokens, sizes.window_blocks))
    with running(reading, sizes) as run:
        median = run.median_norm_of(first)
    plan = ShardPlan(shards=shards, reference_norm=median)
    write_plan(folder, plan)
    return plan


@dataclass
class _Tally:
    """Adds up the kept tokens of finished shards and of the one in progress."""

    folder: Path
    progress: Callable[[int], None]
    kept: int = 0

    def within(self, kept: int) -> None:
        """Report `kept` tokens of the shard that this process is making."""
        self.progress(self.kept + kept)

    def finished(self, number: int) -> None:
        """Count a finished shard."""
        self.kept += read_facts(self.folder, number).mask.kept
        self.within(0)


@dataclass(frozen=True)
class MakeShard:
    """Make a shard by its number; the result does not depend on process or order."""

    open_reading: Callable[[], Reading]
    folder: Path
    sizes: HarvestSizes
    progress: Callable[[int], None] = _ignore
    """Called with the number of kept tokens of this shard; not sent to other processes."""

    def __reduce__(self) -> tuple[object, ...]:
        return MakeShard, (self.open_reading, self.folder, self.sizes)

    def __call__(self, number: int) -> None:
        """Run the blocks of a shard window by window, and write it."""
        plan = read_plan(self.folder)
        if plan is None:
            raise RuntimeError(f"{self.folder} has no plan of its shards.")
        reading, blocks = self.open_reading(), read_blocks(self.folder, number)
        filling = _Filling(last_token_before(self.folder, number))
        with running(reading, self.sizes) as run:
            for window, read in run.windows(blocks, plan.reference_norm):
                filling.add(window, read)
                self.progress(filling.mask.kept)
        shard = filling.shard(reading.language_model, plan.reference_norm)
        write_shard(self.folder, number, shard)


def summarise(folder: Path) -> HarvestSummary:
    """The totals of the finished shards. Raises InputError if no token is kept."""
    facts = [read_facts(folder, number) for number in range(count_shards(folder))]
    mask = sum((fact.mask for fact in facts), MaskCounts())
    if mask.kept == 0:
        raise _nothing_kept()
    sums = [fact.variance for fact in facts if fact.variance is not None]
    variance = None
    if len(sums) == len(facts):
        variance = sum(sums[1:], sums[0]).explained_variance
    return HarvestSummary(mask.kept, mask, sum(fact.active for fact in facts), variance)


def _nothing_kept() -> InputError:
    return InputError("No token is left after masking; give a longer corpus.")


@dataclass
class _Filling:
    """The shard in progress."""

    last_before: tuple[int, int]
    """Document and position of the last token before this shard."""
    parts: list[BlockRead] = field(default_factory=list)
    mask: MaskCounts = field(default_factory=MaskCounts)
    variance: VarianceSums | None = None

    def add(self, window: list[TokenBlock], read: list[BatchRead]) -> None:
        """Add the batches of a window, in the order of the corpus."""
        parts = {id(part.block): part for batch in read for part in batch.parts}
        self.parts += [parts[id(block)] for block in window]
        for batch in read:
            self.mask += batch.mask
            if batch.variance is not None:
                self.variance = self.variance + batch.variance if self.variance else batch.variance

    def shard(self, language_model: LanguageModel, median_norm: float) -> Shard:
        parts = self.parts
        lengths = [len(part.block) for part in parts]
        document = np.repeat(np.array([p.block.document for p in parts], dtype=np.int64), lengths)
        position = np.concatenate(
            [np.arange(p.block.start, p.block.start + len(p.block), dtype=np.int32) for p in parts]
        )
        kept = np.concatenate([part.kept for part in parts])
        own = kept | _of_document(document, position, self.last_before)
        ids = np.concatenate([part.block.token_ids for part in parts])
        latents = np.concatenate([part.latents for part in parts])
        # BOS before a block is no token of a document: neither stored nor counted as masked.
        begins = int(np.count_nonzero(~own))
        mask = self.mask.model_copy(update={"special": self.mask.special - begins})
        return Shard(
            document=document[own],
            position=position[own],
            token=readable_dictionary(language_model, ids[own]),
            kept=kept[own],
            active=np.concatenate([part.active for part in parts])[own],
            latents=latents,
            activations=np.concatenate([part.activations for part in parts]),
            facts=ShardFacts(
                blocks=len(parts),
                mask=mask,
                active=len(latents),
                variance=self.variance,
                reference_norm=median_norm,
            ),
        )


def _of_document(document: Ints, position: Int32s, last_before: tuple[int, int]) -> Bools:
    """False on a BOS that was prepended to a block; its position is -1 or that of another token."""
    document_before = np.concatenate([[last_before[0]], document[:-1]])
    position_before = np.concatenate([[last_before[1]], position[:-1]])
    taken = (document == document_before) & (position <= position_before)
    return np.asarray((position >= 0) & ~taken)


def readable_dictionary(language_model: LanguageModel, ids: Int32s) -> pa.DictionaryArray:
    """Token ids [n] as readable text; the dictionary holds each text once."""
    unique, place = np.unique(ids, return_inverse=True)
    texts = pa.array(readable_tokens(language_model.tokenizer, unique.tolist()), pa.string())
    texts = texts.dictionary_encode()
    codes = texts.indices.to_numpy()[place]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts.dictionary)
