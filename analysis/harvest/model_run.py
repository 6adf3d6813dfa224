"""Run the model and the SAE over the batches of a shard, one thread per batch."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from math import inf
from threading import Semaphore

import numpy as np
import torch

from analysis.harvest.batch_threads import batch_threads, in_order, usable_threads
from analysis.harvest.dense_sums import square_sum, variance_sums
from analysis.harvest.devices import is_out_of_memory, release_cached
from analysis.harvest.forward import TokenIds, hooked
from analysis.harvest.hooks import HookPoint
from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import LanguageModel
from analysis.harvest.shards import VarianceSums, rounded
from analysis.harvest.token_blocks import TokenBatch, TokenBlock, batches, halved
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints, UInt32s
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.saes.sparse_autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class HarvestSizes:
    """Sizes of the pieces of work. Only `memory_bytes` never affects the bytes of the shards.

    The others decide which tokens are multiplied together, and so the last bits of a product.
    """

    shard_tokens: int = 65_536
    """A shard ends with the window in which it reaches this many tokens."""
    window_blocks: int = 32
    """Number of blocks that are sorted by length together, to keep padding short."""
    batch_tokens: int = 2_048
    """Tokens of one forward pass."""
    encode_rows: int = 512
    """Most tokens that a thread encodes at once."""
    encode_values: int = 1 << 26
    """Most activations that a thread holds: with more than 131,072 latents, of fewer tokens."""
    memory_bytes: int = MEMORY_BYTES
    """As many threads encode at the same time as fit in this memory, and at least one."""

    def rows(self, d_sae: int) -> int:
        """Tokens that are encoded at once."""
        return max(1, min(self.encode_rows, self.encode_values // d_sae))

    def on(self, device: torch.device, batch_tokens: int | None) -> "HarvestSizes":
        """The sizes for a device: a GPU takes more at once; `batch_tokens` if it is given."""
        sizes = self
        if device.type != "cpu":
            sizes = replace(self, batch_tokens=8_192, encode_rows=4_096, encode_values=1 << 28)
        return sizes if batch_tokens is None else replace(sizes, batch_tokens=batch_tokens)

    def encoders(self, d_sae: int) -> int:
        """Threads that encode at the same time; each holds float32 activations and a mask."""
        return max(1, self.memory_bytes // (5 * self.rows(d_sae) * d_sae))


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


@dataclass(frozen=True)
class BlockRead:
    """One block with its activations."""

    block: TokenBlock
    kept: Bools
    active: Int32s
    latents: UInt32s
    activations: Float32s


@dataclass(frozen=True)
class BatchRead:
    """What one batch yields."""

    parts: list[BlockRead]
    mask: MaskCounts
    variance: VarianceSums | None


def joined(first: BatchRead, second: BatchRead) -> BatchRead:
    """What two halves of a batch yield."""
    variance = first.variance
    if variance is None or second.variance is None:
        variance = variance or second.variance
    else:
        variance = variance + second.variance
    return BatchRead([*first.parts, *second.parts], first.mask + second.mask, variance)


@dataclass
class BatchLimit:
    """The most tokens, padding included, that fitted into the memory of the device."""

    tokens: float = inf


@contextmanager
def running(reading: Reading, sizes: HarvestSizes) -> Iterator["Run"]:
    """The model with its hook, and threads that run it."""
    threads = usable_threads(reading.language_model.model)
    encoders = Semaphore(sizes.encoders(reading.sae.d_sae))
    with (
        hooked(reading.language_model, reading.hook) as activations,
        batch_threads(threads) as pool,
    ):
        yield Run(reading, sizes, activations, pool, threads, encoders)


@dataclass(frozen=True)
class Run:
    """Runs batches of one shard, several at the same time."""

    reading: Reading
    sizes: HarvestSizes
    activations: Callable[[TokenIds], torch.Tensor]
    pool: ThreadPoolExecutor
    threads: int
    encoders: Semaphore
    limit: BatchLimit = field(default_factory=BatchLimit)

    @property
    def on_cpu(self) -> bool:
        """Whether the SAE computes on the CPU."""
        return self.reading.sae.W_enc.device.type == "cpu"

    def windows(
        self, blocks: list[TokenBlock], median_norm: float
    ) -> Iterator[tuple[list[TokenBlock], list[BatchRead]]]:
        """Each window of blocks with its batches, in the order of the corpus."""
        size = self.sizes.window_blocks
        windows = [blocks[start : start + size] for start in range(0, len(blocks), size)]
        batched = [list(batches(window, self.sizes.batch_tokens, size)) for window in windows]
        work = partial(self._read_batch, median_norm)
        read = in_order(self.pool, work, chain.from_iterable(batched), self.threads)
        for window, its_batches in zip(windows, batched, strict=True):
            yield window, [next(read) for _ in its_batches]

    def median_norm_of(self, batch: TokenBatch) -> float:
        """The norm with which sinks are compared."""
        _, norms = self.pool.submit(self._hooked, batch).result()
        return reference_norm(batch.attention_mask, norms)

    def _hooked(self, batch: TokenBatch) -> tuple[torch.Tensor, Float32s]:
        """Activations [batch, seq, d_in] at the hook point and their norms [batch, seq]."""
        name, hook = self.reading.language_model.name, self.reading.hook
        x = self.activations(batch.token_ids).to(self.reading.sae.W_enc.device)
        if x.shape[-1] != self.reading.sae.d_in:
            raise InputError(
                f"The SAE reads {self.reading.sae.d_in} values per token, but {name} has "
                f"{x.shape[-1]} at {hook}; choose the model and the hook point that it was trained "
                "on."
            )
        norms = torch.linalg.vector_norm(x, dim=-1, dtype=torch.float32).cpu().numpy()
        if not np.isfinite(norms[batch.attention_mask.astype(bool)]).all():
            number_type = str(x.dtype).removeprefix("torch.")
            raise InputError(
                f"{name} has activations at {hook} that are NaN or infinite in {number_type}; "
                "choose another number type with --dtype, such as float32."
            )
        return x, norms

    def _read_batch(self, median_norm: float, batch: TokenBatch) -> BatchRead:
        """What a batch yields; if the device has no memory for it, that of its halves."""
        halves = halved(batch) if batch.token_ids.size > self.limit.tokens else None
        if halves is None:
            try:
                return self._read_whole(median_norm, batch)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the handler, whose traceback keeps tensors in memory.
            release_cached(self.reading.sae.W_enc.device)
            self.limit.tokens = min(self.limit.tokens, batch.token_ids.size // 2)
            halves = halved(batch)
        if halves is None:
            raise InputError(
                f"The device has no memory for {batch.token_ids.shape[1]} tokens of "
                f"{self.reading.language_model.name} and the SAE; give fewer with --block-tokens, "
                "or another --device."
            )
        first, second = (self._read_batch(median_norm, half) for half in halves)
        return joined(first, second)

    def _read_whole(self, median_norm: float, batch: TokenBatch) -> BatchRead:
        hooked, norms = self._hooked(batch)
        kept, counts = batch_mask(
            batch.token_ids, batch.attention_mask, norms, median_norm, self.reading.policy
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
            parts.append(BlockRead(block, kept[i, :n], active[i, :n], latents[span], values[span]))
        return BatchRead(parts, counts, sums)

    def _encode(self, x: torch.Tensor) -> tuple[Ints, UInt32s, Float32s, VarianceSums | None]:
        """Rows, latents and rounded activations [m] of inputs [n, d_in], and the sums."""
        sae = self.reading.sae
        encoded: list[tuple[torch.Tensor, ...]] = []
        residual, step = 0.0, self.sizes.rows(sae.d_sae)
        for start in range(0, len(x), step):
            chunk = x[start : start + step]
            with self.encoders:
                rows, latents, values = sae.encode_sparse(chunk)
            if not values.isfinite().all():
                raise InputError(
                    f"The {sae.format} SAE gives activations that are NaN or infinite; its weights "
                    "or the scale of its input are wrong: save it again, or correct the scale."
                )
            if sae.is_autoencoder:
                missed = chunk - sae.decode_sparse(rows, latents, values, chunk)
                residual += square_sum(missed, on_cpu=self.on_cpu)
            over = values > self.reading.active_threshold
            encoded.append((rows[over] + start, latents[over], values[over]))
        rows, latents, values = (
            torch.cat([part[i] for part in encoded]) if encoded else torch.zeros(0)
            for i in range(3)
        )
        sums = None
        if sae.is_autoencoder:
            sums = variance_sums(x, residual, on_cpu=self.on_cpu)
        return (
            rows.cpu().numpy().astype(np.int64),
            latents.cpu().numpy().astype(np.uint32),
            rounded(values.float().cpu().numpy()),
            sums,
        )
