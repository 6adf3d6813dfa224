"""Check every precondition of every step before a build starts, and make its plan.

The corpus is read to its end, so that no damaged row ends the build later; of a dataset on the hub
only as much as is needed. Model and SAE are run on a few blocks, which gives L0 and the rate.
"""

import shutil
import time
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from pathlib import Path

from analysis.decoder.search_cost import description, seconds_here
from analysis.harvest.corpus import Document
from analysis.harvest.model_run import HarvestSizes, running
from analysis.harvest.odd_rows import OddRows
from analysis.harvest.source import ActivationsSource, TextSource
from analysis.harvest.token_blocks import TokenBlock, batches, tokenised
from analysis.labels.requested import LabelSources
from analysis.pipeline.build_plan import (
    BuildPlan,
    Space,
    disk_bytes,
    memory_bytes,
    step_seconds,
)
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from analysis.saes import SparseAutoencoder

PROBE_TOKENS = 256
"""Model and SAE are timed on the blocks that reach this many tokens."""
UNKNOWN_L0 = 50.0
"""L0 of imported activations is that of the SAE's files, else this."""
_SAMPLED_CHARACTERS = 20_000
_EVERY_DOCUMENT_BELOW = 32


@dataclass
class CorpusFacts:
    """What reading a corpus to its end has shown."""

    documents: int = 0
    characters: int = 0
    ids: int = 0
    """Token ids of a corpus that is tokenised already."""
    odd: OddRows = field(default_factory=OddRows)
    blocks: int = 0
    """Blocks of the whole corpus, estimated."""
    sampled_characters: int = 0
    sampled_tokens: int = 0

    @property
    def tokens(self) -> int:
        """The tokens of the corpus, estimated from a sample."""
        if not self.sampled_characters:
            return self.ids
        return self.ids + round(self.characters * self.sampled_tokens / self.sampled_characters)


def preflight(
    source: TextSource | ActivationsSource,
    labels: LabelSources,
    out: Path,
    memory: int,
    progress: Progress,
) -> BuildPlan:
    """The plan of a build whose parts fit together.

    Raises InputError if the corpus cannot be read to its end, the model or the SAE gives no usable
    activations, names cannot be proposed, or there is too little disk or memory.
    """
    labels.check_proposer()
    if isinstance(source, TextSource):
        plan = _text_plan(source, out, memory, progress)
    else:
        plan = _activations_plan(source, out, memory)
    plan.check(str(out))
    return plan


def read_to_end(source: TextSource, progress: Progress) -> CorpusFacts:
    """Read every document; of a dataset on the hub, those that --tokens needs.

    Raises InputError as `read_corpus` does, and if a token id is not one of the model's.
    """
    facts = CorpusFacts(odd=source.odd)
    wanted = source.parameters.max_tokens if source.is_remote else None
    for document in source.documents(facts.odd):
        _add(facts, document, source)
        if facts.documents % 1_000 == 0:
            progress(facts.documents, facts.documents)
        if wanted is not None and facts.tokens > 2 * wanted:
            break
    progress(facts.documents, facts.documents)
    return facts


def _add(facts: CorpusFacts, document: Document, source: TextSource) -> None:
    number = facts.documents = facts.documents + 1
    tokenizer = source.language_model.tokenizer
    if document.token_ids is not None:
        facts.ids += len(document.token_ids)
        facts.blocks += ceil(len(document.token_ids) / source.parameters.block_tokens)
        next(tokenised([document], tokenizer))  # are they the model's?
        return
    facts.characters += len(document.text)
    if number < _EVERY_DOCUMENT_BELOW or number & (number - 1) == 0:
        text = document.text[:_SAMPLED_CHARACTERS]
        encoded = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        facts.sampled_characters += len(text)
        facts.sampled_tokens += len(encoded)
    tokens = len(document.text) * facts.sampled_tokens / facts.sampled_characters
    facts.blocks += ceil(tokens / source.parameters.block_tokens)


@dataclass(frozen=True)
class _Timed:
    """Model and SAE on a few blocks."""

    tokens_per_second: float
    kept_share: float
    l0: float


def _timed(source: TextSource) -> _Timed:
    """Raises InputError if activations are not finite or of another width."""
    blocks: list[TokenBlock] = []
    for block in islice(source.blocks(), 64):
        blocks.append(block)
        if sum(map(len, blocks)) >= PROBE_TOKENS:
            break
    if not blocks:
        raise InputError("No token is left after masking; give a longer corpus.")
    sizes = HarvestSizes(memory_bytes=64_000_000)
    with running(source.reading(), sizes) as run:
        median = run.median_norm_of(next(batches(blocks, sizes.batch_tokens, len(blocks))))
        started = time.perf_counter()
        read = [one for _, batch in run.windows(blocks, median) for one in batch]
        seconds = max(time.perf_counter() - started, 1e-6)
    tokens = sum(map(len, blocks))
    kept = sum(one.mask.kept for one in read)
    active = sum(len(part.latents) for one in read for part in one.parts)
    return _Timed(tokens / seconds, kept / tokens, active / max(kept, 1))


@dataclass(frozen=True)
class _Input:
    """What will be read."""

    tokens: int
    l0: float
    harvest: float
    """Seconds."""
    blocks: int
    block_tokens: int
    documents: int | None
    device: str
    notes: tuple[str, ...]


def _text_plan(source: TextSource, out: Path, memory: int, progress: Progress) -> BuildPlan:
    timed = _timed(source)
    facts = read_to_end(source, progress.named("reading the corpus, documents"))
    parameters = source.parameters
    tokens = round(facts.tokens * timed.kept_share)
    if parameters.max_tokens is not None:
        tokens = min(tokens, parameters.max_tokens)
    run_tokens = tokens / max(timed.kept_share, 1e-3)
    bos = "with" if parameters.prepend_bos else "without"
    read = _Input(
        tokens=tokens,
        l0=timed.l0,
        harvest=run_tokens / timed.tokens_per_second,
        blocks=ceil(facts.blocks * min(1.0, run_tokens / max(facts.tokens, 1))),
        block_tokens=parameters.block_tokens,
        documents=facts.documents,
        device=f"{source.language_model.model.device}, {parameters.dtype}",
        notes=(
            f"Read at {source.hook_module()}, each block {bos} BOS.",
            *source.sae.notes,
            *source.corpus_notes,
            *facts.odd.sentences(),
        ),
    )
    return _plan(source.sae, out, memory, read)


def _activations_plan(source: ActivationsSource, out: Path, memory: int) -> BuildPlan:
    listed, activations = source.rows()
    sae = source.sae
    stated = sae.k or sae.advertised_l0 or UNKNOWN_L0
    tokens = round(activations / stated) if listed is None else listed
    notes = tuple(sae.notes)
    if listed is None:
        notes += (f"Without a file of tokens, {stated:g} active latents of a token are assumed.",)
    read = _Input(
        tokens=tokens,
        l0=activations / tokens if tokens else stated,
        harvest=activations * 1e-6,
        blocks=0,
        block_tokens=source.parameters.block_tokens,
        documents=None,
        device="none; activations are imported",
        notes=notes,
    )
    return _plan(sae, out, memory, read)


def _plan(sae: SparseAutoencoder, out: Path, memory: int, read: _Input) -> BuildPlan:
    activations = read.tokens * read.l0
    return BuildPlan(
        latents=sae.d_sae,
        tokens=read.tokens,
        l0=read.l0,
        blocks=read.blocks,
        block_tokens=read.block_tokens,
        documents=read.documents,
        device=read.device,
        seconds=step_seconds(
            activations, sae.d_sae, read.harvest, seconds_here(sae.d_sae, sae.d_out)
        ),
        disk=Space(disk_bytes(activations, read.tokens, sae.d_sae), free_disk(out)),
        memory=Space(memory_bytes(memory, read.tokens, sae.d_sae, sae.d_out), free_memory()),
        notes=(*read.notes, description(sae.d_sae, sae.d_out)),
    )


def free_disk(out: Path) -> int:
    """Bytes that are free where the bundle will be, and those of an unfinished build of it."""
    folder = out.absolute().parent
    while not folder.exists():
        folder = folder.parent
    unfinished = out.absolute().with_name(f".{out.name}.building")
    held = sum(f.stat().st_size for f in unfinished.rglob("*") if f.is_file())
    return shutil.disk_usage(folder).free + held


def free_memory() -> int | None:
    """Bytes of memory that programs can still take; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        known = dict(line.split(":", 1) for line in lines)
        return int(known["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
