"""Run a language model and an SAE over a corpus and keep the sparse activations, shard by shard.

What is held at a time is one window of blocks and the shard that is being filled; activations over
all latents exist for a few hundred tokens only. A harvest that was interrupted goes on behind its
last finished shard. Windows never depend on where it was interrupted, so its bytes are those of an
uninterrupted one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from analysis.bundle import Parameters
from analysis.corpus import (
    MaskCounts,
    MaskPolicy,
    TokenBatch,
    TokenBlock,
    batch_mask,
    batches,
    readable_tokens,
    reference_norm,
)
from analysis.errors import InputError
from analysis.models import HookPoint, LanguageModel, hooked_activations
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.shards import (
    Shard,
    ShardFacts,
    VarianceSums,
    read_facts,
    read_shard,
    rounded,
    write_shard,
)


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


def harvest(  # noqa: PLR0913 - the parts of a run, each given by name
    sae: SparseAutoencoder,
    language_model: LanguageModel,
    hook: HookPoint,
    blocks: Iterable[TokenBlock],
    folder: Path,
    *,
    parameters: Parameters,
    policy: MaskPolicy | None = None,
    progress: Progress | None = None,
    sizes: HarvestSizes | None = None,
) -> HarvestSummary:
    """Write shards to `folder`, going on behind the finished ones.

    `blocks` are all blocks of the corpus from its beginning; without a `policy` the model's
    special tokens and attention sinks are left out. A latent is active where its activation, as
    float32, is above parameters.active_threshold; after that activations are rounded to 11
    significant bits. InputError: the model's width is not the SAE's, or no token is kept.
    """
    sizes = sizes or HarvestSizes()
    policy = policy or MaskPolicy(special_token_ids=tuple(sorted(language_model.special_token_ids)))
    done = read_facts(folder)
    number, kept = len(done), sum(facts.mask.kept for facts in done)
    run = _Run(sae, language_model, hook, policy, parameters.active_threshold, sizes)
    run.median_norm = done[0].reference_norm if done else None
    filling = _Filling(_last_place(folder, number))
    rest = islice(blocks, sum(facts.blocks for facts in done), None)
    while window := list(islice(rest, sizes.window_blocks)):
        kept += run.read(window, filling)
        if filling.tokens >= sizes.shard_tokens:
            write_shard(folder, number, filling.shard(language_model, run.median_norm))
            number += 1
            filling = _Filling(_last_place(folder, number))
        if progress:
            progress(kept)
    if filling.parts:
        write_shard(folder, number, filling.shard(language_model, run.median_norm))
    return summarise(folder)


def _last_place(folder: Path, shards: int) -> tuple[int, int]:
    """Document and position of the last token of the finished shards."""
    if shards == 0:
        return -1, -1
    shard = read_shard(folder, shards - 1)
    return int(shard.document[-1]), int(shard.position[-1])


def summarise(folder: Path) -> HarvestSummary:
    """What the finished shards hold together. InputError: no token is kept."""
    facts = read_facts(folder)
    mask = sum((fact.mask for fact in facts), MaskCounts())
    if mask.kept == 0:
        raise InputError("No token is left to count after masking; give a longer corpus.")
    sums = [fact.variance for fact in facts if fact.variance is not None]
    variance = None
    if len(sums) == len(facts):
        variance = sum(sums[1:], sums[0]).explained_variance
    return HarvestSummary(mask.kept, mask, sum(fact.active for fact in facts), variance)


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

    @property
    def tokens(self) -> int:
        return sum(len(part.block) for part in self.parts)

    def shard(self, language_model: LanguageModel, median_norm: float | None) -> Shard:
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


@dataclass
class _Run:
    """What one harvest carries from window to window."""

    sae: SparseAutoencoder
    language_model: LanguageModel
    hook: HookPoint
    policy: MaskPolicy
    threshold: float
    sizes: HarvestSizes
    median_norm: float | None = None

    def read(self, window: list[TokenBlock], filling: _Filling) -> int:
        """Run one window of blocks and add it in the order of the corpus; its kept tokens."""
        parts: dict[int, _Part] = {}
        before = filling.mask.kept
        for batch in batches(window, self.sizes.batch_tokens, self.sizes.window_blocks):
            read, counts, sums = self._read_batch(batch)
            parts |= {id(part.block): part for part in read}
            filling.mask += counts
            if sums is not None:
                filling.variance = filling.variance + sums if filling.variance else sums
        filling.parts += [parts[id(block)] for block in window]
        return filling.mask.kept - before

    def _read_batch(self, batch: TokenBatch) -> tuple[list[_Part], MaskCounts, VarianceSums | None]:
        hooked = hooked_activations(self.language_model, self.hook, batch.token_ids)
        if hooked.shape[-1] != self.sae.d_in:
            raise InputError(
                f"The SAE reads {self.sae.d_in} values per token, but {self.language_model.name} "
                f"has {hooked.shape[-1]} at {self.hook}; choose the model and the hook point that "
                "it was trained on."
            )
        norms = torch.linalg.vector_norm(hooked, dim=-1, dtype=torch.float32).cpu().numpy()
        if self.median_norm is None:
            self.median_norm = reference_norm(batch, norms)
        kept, counts = batch_mask(batch, self.policy, norms, self.median_norm)
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
        found: list[tuple[torch.Tensor, ...]] = []
        residual, step = 0.0, self.sizes.encode_rows
        for start in range(0, len(x), step):
            chunk = x[start : start + step]
            rows, latents, values = self.sae.encode_sparse(chunk)
            if self.sae.is_autoencoder:
                missed = chunk - self.sae.decode_sparse(rows, latents, values, chunk)
                residual += float(missed.double().square().sum())
            over = values > self.threshold
            found.append((rows[over] + start, latents[over], values[over]))
        rows, latents, values = (
            torch.cat([part[i] for part in found]) if found else torch.zeros(0) for i in range(3)
        )
        sums = None
        if self.sae.is_autoencoder:
            wide = x.double()
            sums = VarianceSums.of(
                len(x), residual, float(wide.square().sum()), wide.sum(dim=0).cpu().numpy()
            )
        return (
            rows.cpu().numpy().astype(np.int64),
            latents.cpu().numpy().astype(np.uint32),
            rounded(values.float().cpu().numpy()),
            sums,
        )
