"""Run a language model and an SAE over a corpus and keep the sparse activations, shard by shard.

What is held at a time is the shard that is being filled; activations over all latents exist for a
few hundred tokens only. Each shard is made alone, after a plan that lies beside them, so that they
may be made in any order and on several machines: a harvest that was interrupted goes on with the
shards that are missing. Its bytes depend neither on that nor on the number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import HookPoint
from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import LanguageModel
from analysis.harvest.plan import BlockedCorpus, ShardPlan, plan_shards, read_plan, write_plan
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
from analysis.runtime.errors import InputError
from analysis.runtime.workers import LocalWorkers, Workers
from analysis.saes.sparse_autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class HarvestSizes:
    """How much is held and run at a time; shard_tokens and window_blocks shape the shards."""

    shard_tokens: int = 65_536
    """A shard is closed at the end of the window in which it reaches so many tokens."""
    window_blocks: int = 32
    """Blocks that are sorted by length together, so that batches need little padding."""
    batch_tokens: int = 2_048
    """Tokens of one forward pass."""
    encode_rows: int = 512
    """Tokens over which activations of all latents exist at once."""


Progress = Callable[[int], None]
"""Is told the number of kept tokens that are done, from the first one of the corpus."""


@dataclass(frozen=True)
class HarvestSummary:
    """What was harvested, over all shards."""

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
    """A model and an SAE, and the text that they read."""

    sae: SparseAutoencoder
    language_model: LanguageModel
    hook: HookPoint
    corpus: BlockedCorpus
    policy: MaskPolicy
    active_threshold: float
    """A latent is active where its activation, as float32, is above this."""


def harvest(
    open_reading: Callable[[], Reading],
    folder: Path,
    *,
    workers: Workers | None = None,
    progress: Progress | None = None,
    sizes: HarvestSizes | None = None,
) -> HarvestSummary:
    """Write the shards to `folder` that are not there yet.

    `open_reading` is called by whoever makes a shard, for each one: it gives the same object again.
    Workers on other machines need it picklable. Activations are rounded to 11 significant bits
    after they have been compared with the threshold. InputError: the model's width is not the
    SAE's, or no token is kept.
    """
    workers, sizes, folder = workers or LocalWorkers(), sizes or HarvestSizes(), folder.absolute()
    tally = _Tally(folder, progress)
    plan = read_plan(folder)
    if plan is None:
        plan = _plan(open_reading(), sizes)
        write_plan(folder, plan)
    workers.run(
        MakeShard(open_reading, folder, sizes, tally.within),
        range(len(plan.shards)),
        partial(shard_file, folder),
        tally.finished,
    )
    return summarise(folder)


def _plan(reading: Reading, sizes: HarvestSizes) -> ShardPlan:
    """The shards of a corpus, and the norm of its first batch. InputError: no token is kept."""
    shards = list(plan_shards(reading.corpus, sizes.shard_tokens, sizes.window_blocks))
    window = islice(reading.corpus.blocks(), sizes.window_blocks)
    first = next(batches(window, sizes.batch_tokens, sizes.window_blocks), None)
    if first is None:
        raise _nothing_kept()
    _, norms = _hooked(reading, first)
    return ShardPlan(reference_norm=reference_norm(first.attention_mask, norms), shards=shards)


class _Tally:
    """Adds up kept tokens for whoever wants to know how far a harvest is."""

    def __init__(self, folder: Path, progress: Progress | None) -> None:
        self._folder = folder
        self._progress = progress
        self._kept = 0

    def within(self, kept: int) -> None:
        """So many tokens of the shard that this process is making."""
        if self._progress:
            self._progress(self._kept + kept)

    def finished(self, number: int) -> None:
        """This shard is there."""
        self._kept += read_facts(self._folder, number).mask.kept
        self.within(0)


@dataclass(frozen=True)
class MakeShard:
    """Makes one shard by its number, the same whoever makes it and in whatever order."""

    open_reading: Callable[[], Reading]
    folder: Path
    sizes: HarvestSizes
    progress: Progress = field(default=lambda kept: None)
    """Is told kept tokens of this shard, in this process alone."""

    def __reduce__(self) -> tuple[object, ...]:
        return MakeShard, (self.open_reading, self.folder, self.sizes)

    def __call__(self, number: int) -> None:
        """Run its blocks window by window and write it."""
        plan = read_plan(self.folder)
        if plan is None:
            raise RuntimeError(f"{self.folder} has no plan of its shards.")
        reading, planned = self.open_reading(), plan.shards[number]
        blocks = reading.corpus.of_shard(planned)
        run = _Run(reading, self.sizes, plan.reference_norm)
        filling = _Filling(planned.last_before)
        for start in range(0, len(blocks), self.sizes.window_blocks):
            run.read(blocks[start : start + self.sizes.window_blocks], filling)
            self.progress(filling.mask.kept)
        shard = filling.shard(reading.language_model, plan.reference_norm)
        write_shard(self.folder, number, shard)


def summarise(folder: Path) -> HarvestSummary:
    """What the finished shards hold together. InputError: no token is kept."""
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
    return InputError("No token is left to count after masking; give a longer corpus.")


@dataclass(frozen=True)
class _Part:
    """One block with its activations."""

    block: TokenBlock
    kept: npt.NDArray[np.bool_]
    active: npt.NDArray[np.int32]
    latents: npt.NDArray[np.uint32]
    activations: npt.NDArray[np.float32]


@dataclass
class _Filling:
    """The shard that is being filled."""

    behind: tuple[int, int]
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
        own = kept | _of_document(document, position, self.behind)
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


def _of_document(
    document: npt.NDArray[np.int64], position: npt.NDArray[np.int32], behind: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """False on a BOS that was put before a block: its place is another token's, or before 0."""
    document_before = np.concatenate([[behind[0]], document[:-1]])
    position_before = np.concatenate([[behind[1]], position[:-1]])
    taken = (document == document_before) & (position <= position_before)
    return np.asarray((position >= 0) & ~taken)


def readable_dictionary(
    language_model: LanguageModel, ids: npt.NDArray[np.int32]
) -> pa.DictionaryArray:
    """Token ids [n] as readable text, each text once in the dictionary."""
    unique, place = np.unique(ids, return_inverse=True)
    texts = pa.array(readable_tokens(language_model.tokenizer, unique.tolist()), pa.string())
    texts = texts.dictionary_encode()
    codes = texts.indices.to_numpy()[place]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts.dictionary)


def _hooked(reading: Reading, batch: TokenBatch) -> tuple[torch.Tensor, npt.NDArray[np.float32]]:
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


def _wide(x: torch.Tensor) -> npt.NDArray[np.float64]:
    """For sums over all tokens, which torch cuts up by thread, so that their last bits would tell.

    Everything else gives the same bits for any number of threads: it is cut up by output.
    """
    return x.cpu().numpy().astype(np.float64)


@dataclass(frozen=True)
class _Run:
    """What all windows of a shard need."""

    reading: Reading
    sizes: HarvestSizes
    median_norm: float

    def read(self, window: list[TokenBlock], filling: _Filling) -> None:
        """Run one window of blocks and add it in the order of the corpus."""
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
        npt.NDArray[np.int64],
        npt.NDArray[np.uint32],
        npt.NDArray[np.float32],
        VarianceSums | None,
    ]:
        """Rows, latents and rounded activations [m] of inputs [n, d_in], and the sums."""
        sae = self.reading.sae
        found: list[tuple[torch.Tensor, ...]] = []
        residual, step = 0.0, self.sizes.encode_rows
        for start in range(0, len(x), step):
            chunk = x[start : start + step]
            rows, latents, values = sae.encode_sparse(chunk)
            if sae.is_autoencoder:
                missed = chunk - sae.decode_sparse(rows, latents, values, chunk)
                residual += float(np.square(_wide(missed)).sum())
            over = values > self.reading.active_threshold
            found.append((rows[over] + start, latents[over], values[over]))
        rows, latents, values = (
            torch.cat([part[i] for part in found]) if found else torch.zeros(0) for i in range(3)
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
