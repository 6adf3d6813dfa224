"""Training activations, harvested once into the cache: `python -m data.recipes.harvest`.

Documents of the corpus are split at random into training and held-out documents; the parts of one
section, such as a chapter, stay on one side. Blocks of the training documents are shuffled, so that
each shard is a random sample of the corpus. One forward pass gives the residual stream at all hook
points of the plan. A shard is one file per hook point, written by rename, so an interrupted harvest
resumes with the missing shards, also when some were deleted, and a larger plan keeps the shards of
a smaller one. The blocks are stored beside the shards, so that resuming does not tokenise again.

Rows are stored in bfloat16, or in half the space as int8 with one scale per column and shard.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import typer
from pydantic import BaseModel, ConfigDict
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from analysis.harvest.corpus import Document, corpus_hash, read_corpus
from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import HookPoint, parse_hook_point
from analysis.harvest.mask import MaskCounts, MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import DEMO_MODEL, LanguageModel, load_language_model
from analysis.harvest.probing import main_output
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.runtime.cache_folder import cache_folder
from analysis.runtime.errors import InputError

SHARD_BLOCKS = 64
"""Documents per shard, about 12,000 tokens: some minutes of one busy core."""
# On two cores, 1,024 tokens per pass are about 30 % faster than 4,096, because they fit the cache.
BATCH_TOKENS = 1024
SINK_NORM_RATIO = 10.0
"""Some sinks inside a document have 22 times the median norm, and no other token more than 2 times.
With a threshold on activations, one such token turns thousands of latents on."""
INT8 = ".safetensors"


class HarvestPlan(BaseModel):
    """All settings that determine a harvest, for one or several hook points."""

    model_config = ConfigDict(frozen=True)

    corpus: Path
    model: str = DEMO_MODEL
    hooks: tuple[str, ...] = ("blocks.8.hook_resid_post",)
    block_tokens: int = 256
    stored_as: Literal["bfloat16", "int8"] = "bfloat16"
    """Number type of the shards; 10 M tokens of width 576 take 11.5 GB or 5.8 GB."""
    train_tokens: int = 2_500_000
    """Positions, including special tokens and sinks."""
    heldout_tokens: int = 100_000
    sink_norm_ratio: float = SINK_NORM_RATIO
    seed: int = 0

    @property
    def folder(self) -> Path:
        """The folder in the cache, named by a hash of what determines the content of a shard."""
        text = self.model_dump_json(exclude={"corpus", "hooks", "stored_as", "train_tokens"})
        text += f"{SHARD_BLOCKS} {corpus_hash(self.corpus)}"
        return cache_folder() / "harvest" / hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Harvest:
    """The shards of a finished harvest at one hook point, each `[n, d_model]`, special tokens and
    sinks excluded.
    """

    train: tuple[Path, ...]
    heldout: tuple[Path, ...]
    counts: MaskCounts
    """Over the training shards."""
    documents: int
    """Training documents."""


@dataclass(frozen=True)
class Shard:
    """Blocks whose activations are stored together, one file per hook point."""

    folder: Path
    part: str
    """`train` or `heldout`."""
    number: int
    blocks: tuple[TokenBlock, ...]
    suffix: str

    def path(self, hook: str) -> Path:
        """The file of a hook point."""
        return self.folder / f"{self.part}-{self.number:05}-{hook}{self.suffix}"

    @property
    def counts_path(self) -> Path:
        """The file of the counts of kept and masked positions."""
        return self.folder / f"{self.part}-{self.number:05}.json"

    def is_complete(self, hooks: Sequence[str]) -> bool:
        """Whether no file is missing."""
        return self.counts_path.exists() and all(self.path(hook).exists() for hook in hooks)


def read_shard(path: Path) -> torch.Tensor:
    """Activations [n, d_model], bfloat16."""
    if path.suffix == INT8:
        stored = load_file(path)
        return (stored["rows"].float() * stored["scale"]).bfloat16()
    return torch.from_numpy(np.load(path).view(np.int16)).view(torch.bfloat16)


def write_shard(path: Path, rows: torch.Tensor) -> None:
    """Write activations [n, d_model] bfloat16 under a temporary name, then rename.

    int8 has one scale per column, because some columns are a hundred times as large as others.
    """
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    if path.suffix == INT8:
        scale = (rows.float().abs().amax(dim=0) / 127).clamp(min=1e-12)
        whole = (rows.float() / scale).round().to(torch.int8)
        save_file({"rows": whole, "scale": scale}, temporary)
    else:
        with temporary.open("wb") as stream:
            np.save(stream, rows.view(torch.int16).numpy())
    temporary.rename(path)


def shard_rows(path: Path) -> int:
    """The number of rows of a shard, without reading them."""
    if path.suffix == INT8:
        with safe_open(path, framework="pt") as stored:
            return int(stored.get_slice("rows").get_shape()[0])
    return int(np.load(path, mmap_mode="r").shape[0])


def harvest(plan: HarvestPlan, workers: int = 2) -> dict[str, Harvest]:
    """Harvest the missing shards, and list all shards by hook point.

    With one worker, all work is done in this process, so that stopping it stops the harvest.
    """
    folder = plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    train, heldout = stored_blocks(plan)
    suffix = INT8 if plan.stored_as == "int8" else ".npy"
    shards = [
        Shard(folder, part, number, tuple(blocks[start : start + SHARD_BLOCKS]), suffix)
        for part, blocks in (("heldout", heldout), ("train", train))
        for number, start in enumerate(range(0, len(blocks), SHARD_BLOCKS))
    ]
    missing = [shard for shard in shards if not shard.is_complete(plan.hooks)]
    print(f"harvest: {len(missing)} of {len(shards)} shards to make in {folder}", flush=True)
    if missing:
        language_model = load_language_model(plan.model, torch.bfloat16)
        rule = SinkRule(
            MaskPolicy(
                special_token_ids=tuple(sorted(language_model.special_token_ids)),
                sink_norm_ratio=plan.sink_norm_ratio,
            ),
            median_norms(plan, language_model, train),
        )
        _make_shards(plan, rule, missing, language_model, workers)
    training = [shard for shard in shards if shard.part == "train"]
    counts = MaskCounts()
    for shard in training:
        counts = counts + MaskCounts.model_validate_json(shard.counts_path.read_text())
    return {
        hook: Harvest(
            train=tuple(shard.path(hook) for shard in training),
            heldout=tuple(s.path(hook) for s in shards if s.part == "heldout"),
            counts=counts,
            documents=len({block.document for block in train}),
        )
        for hook in plan.hooks
    }


def section_of(document: Document) -> tuple[str, str]:
    """The section of which a document is a part: its source, and its title without the part."""
    return document.source, re.sub(r" \(part \d+ of \d+\)$", "", document.title)


def parted_blocks(plan: HarvestPlan, tokenizer: Any) -> tuple[list[TokenBlock], list[TokenBlock]]:
    """Shuffled training blocks, a multiple of the size of a shard if the corpus has as many, and
    blocks of held-out sections.
    """
    documents = list(read_corpus(plan.corpus))
    generator = np.random.default_rng(plan.seed)
    shuffled = [documents[place] for place in generator.permutation(len(documents))]
    sections = {document.index: section_of(document) for document in documents}
    blocks = list(token_blocks(shuffled, tokenizer, plan.block_tokens))
    ends = np.cumsum([len(block) for block in blocks])
    last_heldout = int(np.searchsorted(ends, plan.heldout_tokens))
    if last_heldout >= len(blocks) - 1:
        raise InputError(
            f"{plan.corpus} has too few tokens: {plan.heldout_tokens:,} are held out; "
            "give a larger corpus."
        )
    apart = {sections[block.document] for block in blocks[: last_heldout + 1]}
    heldout = blocks[: last_heldout + 1]
    rest = [block for block in blocks if sections[block.document] not in apart]
    rest = [rest[place] for place in generator.permutation(len(rest))]
    train_ends = np.cumsum([len(block) for block in rest])
    count = int(np.searchsorted(train_ends, plan.train_tokens)) + 1
    return rest[: -(-count // SHARD_BLOCKS) * SHARD_BLOCKS], heldout


def stored_blocks(plan: HarvestPlan) -> tuple[list[TokenBlock], list[TokenBlock]]:
    """The training and the held-out blocks, from the harvest's folder if they are stored there."""
    path = plan.folder / f"blocks-{plan.train_tokens}.npz"
    if not path.exists():
        tokenizer = load_language_model(plan.model, torch.bfloat16).tokenizer
        train, heldout = parted_blocks(plan, tokenizer)
        every = [*train, *heldout]
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        with temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                token_ids=np.concatenate([block.token_ids for block in every]),
                ends=np.cumsum([len(block) for block in every]),
                document=np.array([block.document for block in every]),
                start=np.array([block.start for block in every]),
                train=np.array(len(train)),
            )
        temporary.rename(path)
        return train, heldout
    stored = np.load(path)
    texts = np.split(stored["token_ids"], stored["ends"][:-1])
    numbers = zip(stored["document"].tolist(), stored["start"].tolist(), texts, strict=True)
    blocks = [TokenBlock(document, start, ids) for document, start, ids in numbers]
    return blocks[: int(stored["train"])], blocks[int(stored["train"]) :]


@dataclass(frozen=True)
class SinkRule:
    """Which positions are left out, at all hook points together."""

    policy: MaskPolicy
    median_norms: tuple[float, ...]
    """One per hook point of the plan."""

    def kept(
        self, token_ids: Any, attention_mask: Any, layers: Sequence[torch.Tensor]
    ) -> tuple[npt.NDArray[np.bool_], MaskCounts]:
        """The kept positions [batch, seq] and the counts by reason.

        A position whose norm is that of a sink at one hook point is left out at all of them, so
        that the rows of the layers belong to the same tokens.
        """
        ratios = [
            x.float().norm(dim=-1).numpy() / median
            for x, median in zip(layers, self.median_norms, strict=True)
        ]
        return batch_mask(token_ids, attention_mask, np.max(ratios, axis=0), 1.0, self.policy)


def median_norms(
    plan: HarvestPlan, language_model: LanguageModel, blocks: Sequence[TokenBlock]
) -> tuple[float, ...]:
    """The median norm at each hook point over the first training blocks."""
    batch = next(batches(blocks[:32], batch_tokens=4 * BATCH_TOKENS))
    points = output_points(language_model, plan.hooks)
    layers = layer_activations(language_model, points, batch.token_ids)
    return tuple(
        reference_norm(batch.attention_mask, x.float().norm(dim=-1).numpy()) for x in layers
    )


def output_points(language_model: LanguageModel, hooks: Sequence[str]) -> tuple[HookPoint, ...]:
    """The hook points in this model, which is run on a few tokens to measure them.

    Raises InputError if one is the input of a module.
    """
    points = tuple(hook_in(language_model, parse_hook_point(hook)) for hook in hooks)
    if any(point.side != "output" for point in points):
        raise InputError(f"{hooks} contains an input of a module: give outputs, as resid_post.")
    return points


def layer_activations(
    language_model: LanguageModel, points: Sequence[HookPoint], token_ids: Any
) -> list[torch.Tensor]:
    """Activations [batch, seq, d] at each hook point from one forward pass, in the given order.

    The hook points are outputs of layers in this model; the pass ends at the deepest one.
    """
    deepest = max(points, key=lambda point: point.layer)
    stored: dict[HookPoint, torch.Tensor] = {}
    with ExitStack() as stack:
        for point in points:
            if point != deepest:
                module = language_model.model.get_submodule(point.module)
                handle = module.register_forward_hook(_storing(stored, point))
                stack.callback(handle.remove)
        stored[deepest] = hooked_activations(language_model, deepest, token_ids)
    return [stored[point] for point in points]


def _storing(stored: dict[HookPoint, torch.Tensor], point: HookPoint) -> Any:
    def store(_: Any, __: Any, output: Any) -> None:
        stored[point] = main_output(output)

    return store


def _make_shards(
    plan: HarvestPlan,
    rule: SinkRule,
    shards: Sequence[Shard],
    language_model: LanguageModel,
    workers: int,
) -> None:
    started, tokens = time.monotonic(), 0
    for done, counts in enumerate(_made(plan, rule, shards, language_model, workers), start=1):
        tokens += counts.kept
        rate = tokens / (time.monotonic() - started)
        print(f"harvest: shard {done}/{len(shards)}, {rate:,.0f} tokens/s, {counts}", flush=True)


def _made(
    plan: HarvestPlan,
    rule: SinkRule,
    shards: Sequence[Shard],
    language_model: LanguageModel,
    workers: int,
) -> Iterator[MaskCounts]:
    if workers == 1:
        for shard in shards:
            yield make_shard(shard, plan.hooks, rule, language_model)
        return
    # One thread per process: processes do not wait for each other, as threads do at each
    # matrix product.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_open_model, initargs=(plan.model,)
    ) as pool:
        futures = [pool.submit(_make_shard, shard, plan.hooks, rule) for shard in shards]
        for future in as_completed(futures):
            yield future.result()


_language_model: LanguageModel | None = None  # state of this worker process


def _open_model(name: str) -> None:
    global _language_model  # noqa: PLW0603 - a worker process opens its model once
    torch.set_num_threads(1)
    _language_model = load_language_model(name, torch.bfloat16)


def _make_shard(shard: Shard, hooks: Sequence[str], rule: SinkRule) -> MaskCounts:
    assert _language_model is not None
    return make_shard(shard, hooks, rule, _language_model)


def make_shard(
    shard: Shard, hooks: Sequence[str], rule: SinkRule, language_model: LanguageModel
) -> MaskCounts:
    """Write the files of a shard, each under a temporary name that is then changed."""
    rows: list[list[torch.Tensor]] = [[] for _ in hooks]
    counts = MaskCounts()
    points = output_points(language_model, hooks)
    for batch in batches(shard.blocks, BATCH_TOKENS):
        layers = layer_activations(language_model, points, batch.token_ids)
        kept, batch_counts = rule.kept(batch.token_ids, batch.attention_mask, layers)
        counts = counts + batch_counts
        for kept_rows, x in zip(rows, layers, strict=True):
            kept_rows.append(x[torch.from_numpy(kept)])
    for hook, kept_rows in zip(hooks, rows, strict=True):
        write_shard(shard.path(hook), torch.cat(kept_rows))
    shard.counts_path.write_text(counts.model_dump_json())
    return counts


def main(
    corpus: Annotated[Path, typer.Option(help="Documents to harvest.")],
    layers: Annotated[str, typer.Option(help="Layers, with commas between.")] = "8,12,16",
    train_tokens: Annotated[int, typer.Option(help="Training positions.")] = 1_000_000,
    workers: Annotated[int, typer.Option(help="Processes, of one thread each.")] = 1,
    int8: Annotated[bool, typer.Option(help="Store in half the space.")] = False,
) -> None:
    """Harvest the residual stream after several layers."""
    torch.set_num_threads(1)
    hooks = tuple(f"blocks.{layer}.hook_resid_post" for layer in layers.split(","))
    plan = HarvestPlan(
        corpus=corpus,
        hooks=hooks,
        train_tokens=train_tokens,
        stored_as="int8" if int8 else "bfloat16",
    )
    for hook, shards in harvest(plan, workers).items():
        print(f"{hook}: {shards.counts} in {len(shards.train)} shards of {plan.folder}")


if __name__ == "__main__":
    typer.run(main)
