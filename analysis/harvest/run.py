"""Run a language model and an SAE over a corpus and keep the sparse activations, shard by shard.

Memory holds one shard, and activations over all latents for a few hundred tokens. Each shard is
made from the stored plan only, so shards can be made in any order and on several machines, and an
interrupted harvest resumes with the missing ones. The bytes of a shard depend on none of this, nor
on the number of threads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import HookPoint
from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import LanguageModel
from analysis.harvest.plan import (
    ShardPlan,
    blocks_by_shard,
    last_token_before,
    read_blocks,
    read_plan,
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
    rounded,
    shard_file,
    write_shard,
)
from analysis.harvest.token_blocks import TokenBatch, TokenBlock, batches
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.errors import InputError
from analysis.runtime.workers import LocalWorkers, Workers
from analysis.saes.sparse_autoencoder import SparseAutoencoder


def _ignore(kept: int) -> None:
    """Ignore a report."""


@dataclass(frozen=True)
class HarvestSizes:
    """Sizes of the pieces of work; only shard_tokens and window_blocks affect the shards."""

    shard_tokens: int = 65_536
    """A shard ends with the window in which it reaches this many tokens."""
    window_blocks: int = 32
    """Number of blocks that are sorted by length together, to keep padding short."""
    batch_tokens: int = 2_048
    """Tokens of one forward pass."""
    encode_rows: int = 512
    """Tokens for which activations of all latents are held at once."""


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


@dataclass(frozen=True)
class Reading:
    """An SAE, a language model, and their input text."""

    sae: SparseAutoencoder
    language_model: LanguageModel
    hook: HookPoint
    blocks: Callable[[], Iterator[TokenBlock]]
    """Tokenises the corpus and yields its blocks from the first."""
    policy: MaskPolicy
    active_threshold: float
    """A latent is active where its float32 activation is above this."""


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
    plan = read_plan(folder) or _make_plan(open_reading(), folder, sizes)
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
    _, norms = _hooked(reading, first)
    plan = ShardPlan(shards=shards, reference_norm=reference_norm(first.attention_mask, norms))
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
        run = _Run(reading, self.sizes, plan.reference_norm)
        filling = _Filling(last_token_before(self.folder, number))
        for start in range(0, len(blocks), self.sizes.window_blocks):
            run.read(blocks[start : start + self.sizes.window_blocks], filling)
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


@dataclass(frozen=True)
class _Part:
    """One block with its activations."""

    block: TokenBlock
    kept: Bools
    active: Int32s
    latents: UInt32s
    activations: Float32s


@dataclass
class _Filling:
    """The shard in progress."""

    last_before: tuple[int, int]
    """Document and position of the last token before this shard."""
    parts: list[_Part] = field(default_factory=list)
    mask: MaskCounts = field(default_factory=MaskCounts)
    variance: VarianceSums | None = None

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
                mask=self.mask,
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


def _hooked(reading: Reading, batch: TokenBatch) -> tuple[torch.Tensor, Float32s]:
    """Activations [batch, seq, d_in] at the hook point and their norms [batch, seq]."""
    hooked = hooked_activations(reading.language_model, reading.hook, batch.token_ids)
    if hooked.shape[-1] != reading.sae.d_in:
        raise InputError(
            f"The SAE reads {reading.sae.d_in} values per token, but "
            f"{reading.language_model.name} has {hooked.shape[-1]} at {reading.hook}; choose the "
            "model and the hook point that it was trained on."
        )
    norms = torch.linalg.vector_norm(hooked, dim=-1, dtype=torch.float32).cpu().numpy()
    return hooked, norms


def _wide(x: torch.Tensor) -> Floats:
    """Convert to float64 in numpy, to sum over all tokens.

    torch splits such sums by thread, so their last bits would depend on the number of threads. It
    splits its other operations by output, which does not affect the result.
    """
    return x.cpu().numpy().astype(np.float64)


@dataclass(frozen=True)
class _Run:
    """Runs the windows of one shard."""

    reading: Reading
    sizes: HarvestSizes
    median_norm: float

    def read(self, window: list[TokenBlock], filling: _Filling) -> None:
        """Run one window of blocks and add it to the shard, in the order of the corpus."""
        parts: dict[int, _Part] = {}
        for batch in batches(window, self.sizes.batch_tokens, self.sizes.window_blocks):
            read, counts, sums = self._read_batch(batch)
            parts |= {id(part.block): part for part in read}
            filling.mask += counts
            if sums is not None:
                filling.variance = filling.variance + sums if filling.variance else sums
        filling.parts += [parts[id(block)] for block in window]

    def _read_batch(self, batch: TokenBatch) -> tuple[list[_Part], MaskCounts, VarianceSums | None]:
        hooked, norms = _hooked(self.reading, batch)
        kept, counts = batch_mask(
            batch.token_ids, batch.attention_mask, norms, self.median_norm, self.reading.policy
        )
        x = hooked[torch.from_numpy(kept).to(hooked.device)].float()
        rows, latents, values, sums = self._encode(x)
        active = np.zeros(kept.shape, dtype=np.int32)
        active[kept] = np.bincount(rows, minlength=len(x))
        ends = np.cumsum(active.sum(axis=1))
        parts = []
        for i, block in enumerate(batch.blocks):
            span = slice(int(ends[i] - active[i].sum()), int(ends[i]))
            n = len(block)
            parts.append(_Part(block, kept[i, :n], active[i, :n], latents[span], values[span]))
        return parts, counts, sums

    def _encode(
        self, x: torch.Tensor
    ) -> tuple[
        Ints,
        UInt32s,
        Float32s,
        VarianceSums | None,
    ]:
        """Rows, latents and rounded activations [m] of inputs [n, d_in], and the sums."""
        sae = self.reading.sae
        encoded: list[tuple[torch.Tensor, ...]] = []
        residual, step = 0.0, self.sizes.encode_rows
        for start in range(0, len(x), step):
            chunk = x[start : start + step]
            rows, latents, values = sae.encode_sparse(chunk)
            if sae.is_autoencoder:
                missed = chunk - sae.decode_sparse(rows, latents, values, chunk)
                residual += float(np.square(_wide(missed)).sum())
            over = values > self.reading.active_threshold
            encoded.append((rows[over] + start, latents[over], values[over]))
        rows, latents, values = (
            torch.cat([part[i] for part in encoded]) if encoded else torch.zeros(0)
            for i in range(3)
        )
        sums = None
        if sae.is_autoencoder:
            wide = _wide(x)
            sums = VarianceSums.of(len(x), residual, float(np.square(wide).sum()), wide.sum(axis=0))
        return (
            rows.cpu().numpy().astype(np.int64),
            latents.cpu().numpy().astype(np.uint32),
            rounded(values.float().cpu().numpy()),
            sums,
        )
