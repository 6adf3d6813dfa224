"""Batches through model and SAE: how much is encoded at once, and values that are not finite."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from threading import Condition
from time import sleep
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from analysis.harvest.corpus import Document
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.mask import MaskPolicy
from analysis.harvest.model_run import HarvestSizes, Reading, Run, running
from analysis.harvest.models import LanguageModel
from analysis.harvest.probing import PROBE_ROWS, PROBE_TOKENS
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.runtime.errors import InputError
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from tests.analysis.harvest.tiny_model import D_MODEL, tiny_language_model
from tests.threads import threads

EMBEDDINGS = parse_hook_point("blocks.0.hook_resid_pre")
LATENTS = 24


def text() -> Iterator[Document]:
    """Documents of different lengths, so that batches have padding, without special tokens."""
    for index in range(8):
        words = [f"word{(index * 7 + place) % 40}" for place in range(4 + 2 * index)]
        yield Document(index, "", "", " ".join(words))


def identity_sae(**changes: torch.Tensor) -> SparseAutoencoder:
    weights = {
        "W_enc": torch.eye(D_MODEL, LATENTS),
        "W_dec": torch.eye(LATENTS, D_MODEL),
        "b_enc": torch.zeros(LATENTS),
        "b_dec": torch.zeros(D_MODEL),
    }
    return SparseAutoencoder(format="test", architecture="standard", **(weights | changes))  # type: ignore[arg-type]


def reading(
    model: LanguageModel, sae: SparseAutoencoder, blocks: Callable[[], Iterator[TokenBlock]]
) -> Reading:
    policy = MaskPolicy(special_token_ids=tuple(sorted(model.special_token_ids)))
    return Reading(sae, model, EMBEDDINGS, blocks, policy, 0.0)


def latents_of(model: LanguageModel, sae: SparseAutoencoder, sizes: HarvestSizes) -> list[int]:
    """The latents of every token, through the windows of a run."""
    blocks = partial(token_blocks, text(), model.tokenizer, 12)
    listed = list(blocks())
    with running(reading(model, sae, blocks), sizes) as run:
        read = [part for _, window in run.windows(listed, 1e9) for part in window]
    return [int(latent) for batch in read for part in batch.parts for latent in part.latents]


@pytest.mark.parametrize(
    ("d_sae", "rows"), [(1, 512), (131_072, 512), (131_073, 511), (1 << 26, 1), (1 << 27, 1)]
)
def test_large_saes_encode_fewer_tokens_at_once(d_sae: int, rows: int) -> None:
    assert HarvestSizes().rows(d_sae) == rows


def test_encoders_fit_in_the_memory() -> None:
    """512 tokens of 1,000 latents in float32, and a mask of one byte each."""
    three = 3 * 5 * 512 * 1000
    assert HarvestSizes(memory_bytes=three).encoders(1000) == 3
    assert HarvestSizes(memory_bytes=three - 1).encoders(1000) == 2
    assert HarvestSizes(memory_bytes=1).encoders(1000) == 1


@dataclass(frozen=True, eq=False)
class Counting(SparseAutoencoder):
    """Notes how many threads encode at the same time; the first ones wait until enough have come.

    On a busy machine, a thread may be done before the last one has begun.
    """

    changed: ClassVar = Condition()
    wanted: ClassVar[list[int]] = [0]
    inside: ClassVar[list[int]] = [0]
    most: ClassVar[list[int]] = [0]

    def encode_sparse(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        with self.changed:
            self.inside[0] += 1
            self.most[0] = max(self.most[0], self.inside[0])
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most[0] >= self.wanted[0], timeout=2)
        sleep(0.02)  # so that one thread too many would be seen
        with self.changed:
            self.inside[0] -= 1
        return super().encode_sparse(x)


@pytest.mark.parametrize(("memory_bytes", "at_once"), [(1, 1), (10**9, 4)])
def test_as_many_threads_encode_as_the_memory_holds(memory_bytes: int, at_once: int) -> None:
    Counting.most[0], Counting.wanted[0] = 0, at_once
    plain = identity_sae()
    sae = Counting(**{name: getattr(plain, name) for name in plain.__dataclass_fields__})
    sizes = HarvestSizes(batch_tokens=12, memory_bytes=memory_bytes)
    model = tiny_language_model()
    with threads(4):
        assert latents_of(model, sae, sizes) == latents_of(model, plain, sizes)
    assert Counting.most[0] == at_once


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_activations_that_are_not_finite_are_refused(value: float) -> None:
    model = tiny_language_model()
    model.model.get_input_embeddings().weight[9] = value
    message = "tiny has activations at blocks.0.hook_resid_pre that are NaN or infinite in float32"
    with pytest.raises(InputError, match=message):
        latents_of(model, identity_sae(), HarvestSizes())


def test_padding_may_hold_anything() -> None:
    """Padding has the id 0, which the text does not have."""
    sizes = HarvestSizes(batch_tokens=64)
    model = tiny_language_model()
    expected = latents_of(model, identity_sae(), sizes)
    blocks = list(token_blocks(text(), model.tokenizer, 12))
    assert any((batch.attention_mask == 0).any() for batch in batches(blocks, 64, 32))
    model.model.get_input_embeddings().weight[0] = float("nan")
    assert latents_of(model, identity_sae(), sizes) == expected


def test_an_sae_whose_activations_overflow_is_refused() -> None:
    model = tiny_language_model()
    model.model.get_input_embeddings().weight[5] = 1.5
    sae = identity_sae(W_enc=3e38 * torch.eye(D_MODEL, LATENTS))
    with pytest.raises(InputError, match="The test SAE gives activations that are NaN or infinite"):
        latents_of(model, sae, HarvestSizes())


def test_median_norm_is_over_text_only() -> None:
    model = tiny_language_model()
    blocks = list(token_blocks(text(), model.tokenizer, 12))
    batch = next(batches(blocks, 64, 32))
    with running(reading(model, identity_sae(), lambda: iter(blocks)), HarvestSizes()) as run:
        median = run.median_norm_of(batch)
    embeddings = model.model.get_input_embeddings().weight.numpy()
    ids = np.concatenate([block.token_ids for block in batch.blocks])
    assert median == pytest.approx(np.median(np.linalg.norm(embeddings[ids], axis=1)))


class Guarded(torch.Tensor):
    """Counts the values that leave a tensor for the CPU or for numpy, or any one from it."""

    moved: ClassVar[list[tuple[str, torch.Size, torch.dtype]]] = []
    LEAVING: ClassVar[tuple[str, ...]] = ("cpu", "numpy", "tolist", "__array__")

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in cls.LEAVING:
            cls.moved.append((func.__name__, args[0].shape, args[0].dtype))
            plain = args[0].as_subclass(torch.Tensor)
            return getattr(plain, func.__name__)(*args[1:], **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]


def test_no_dense_tensor_leaves_the_device_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only norms, sums and the active latents do, however many latents or values there are."""
    model, sae = tiny_language_model(), identity_sae()
    blocks = partial(token_blocks, text(), model.tokenizer, 12)
    monkeypatch.setattr(Run, "on_cpu", False)
    listed = list(blocks())
    Guarded.moved.clear()
    with running(reading(model, sae, blocks), HarvestSizes(batch_tokens=48)) as run:
        guarded = replace(run, activations=lambda ids: run.activations(ids).as_subclass(Guarded))
        read = [guarded._read_batch(1e9, batch) for batch in batches(listed, 48)]
        expected = [run._read_batch(1e9, batch) for batch in batches(listed, 48)]
    assert Guarded.moved
    active = sum(len(part.latents) for batch in read for part in batch.parts)
    dense = [shape for _, shape, _ in Guarded.moved if shape and shape[-1] in (LATENTS, D_MODEL)]
    # One row of sums for each batch has the width of the stream.
    assert all(len(shape) == 1 for shape in dense)
    tokens = sum(batch.mask.kept for batch in read)
    values = sum(shape.numel() for _, shape, _ in Guarded.moved)
    assert values < 12 * active + 4 * tokens + 2 * D_MODEL * len(read)
    for one, other in zip(read, expected, strict=True):
        for part, same in zip(one.parts, other.parts, strict=True):
            assert np.array_equal(part.activations, same.activations)


@pytest.mark.parametrize("most", [1, 12, 24])
def test_batches_halve_until_they_fit_into_memory(most: int) -> None:
    """A model that has no memory for more tokens; blocks have at most 12."""
    model, sae = tiny_language_model(), identity_sae()
    sizes = HarvestSizes(batch_tokens=96)
    expected = latents_of(model, sae, sizes)
    failed: list[int] = []

    def allocate(_: Any, __: Any, kwargs: dict[str, Any]) -> None:
        ids = kwargs["input_ids"]
        if ids.shape == (PROBE_ROWS, PROBE_TOKENS):
            return
        if ids.shape[0] > 1 and ids.numel() > most:
            failed.append(ids.numel())
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.model.register_forward_pre_hook(allocate, with_kwargs=True)
    with threads(1):
        read = latents_of(model, sae, sizes)
    assert sorted(read) == sorted(expected)
    assert read == expected
    # The limit is kept: a size that failed is not tried again.
    assert failed
    assert failed == sorted(set(failed), reverse=True)


def test_a_block_without_memory_is_refused_with_an_option() -> None:
    model, sae = tiny_language_model(), identity_sae()

    def allocate(_: Any, __: Any, kwargs: dict[str, Any]) -> None:
        if kwargs["input_ids"].shape == (PROBE_ROWS, PROBE_TOKENS):
            return
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = model.model.register_forward_pre_hook(allocate, with_kwargs=True)
    with pytest.raises(InputError, match="--block-tokens"):
        latents_of(model, sae, HarvestSizes())
    hook.remove()


def test_sizes_suit_the_device_unless_they_are_given() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert HarvestSizes().on(cpu, None) == HarvestSizes()
    assert HarvestSizes().on(cpu, 512) == HarvestSizes(batch_tokens=512)
    assert HarvestSizes().on(gpu, None).batch_tokens == 8_192
    assert HarvestSizes().on(gpu, 512).batch_tokens == 512
    assert HarvestSizes().on(gpu, None).shard_tokens == HarvestSizes().shard_tokens


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
def test_a_gpu_gives_the_latents_of_the_cpu() -> None:
    sae = identity_sae()
    on_cpu = latents_of(tiny_language_model(), sae, HarvestSizes())
    model = tiny_language_model()
    model.model.to("cuda")
    on_gpu = latents_of(model, sae.on(torch.device("cuda")), HarvestSizes())
    assert len(set(on_gpu) ^ set(on_cpu)) == 0
    assert abs(len(on_gpu) - len(on_cpu)) <= 0.01 * len(on_cpu)
