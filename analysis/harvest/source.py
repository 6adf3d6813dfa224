"""The source of a build's activations: a model and a corpus, or a file of another program.

Both write the same shards and have the same methods, so the rest of the pipeline does not depend on
which one it is.
"""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
import torch

from analysis.bundle import CorpusSource, MaskSummary, ModelSource, Parameters
from analysis.harvest.conventions import chosen_block_tokens, chosen_bos
from analysis.harvest.corpus import (
    WHOLE,
    CorpusChoice,
    Document,
    corpus_files,
    corpus_hash,
    read_corpus,
)
from analysis.harvest.devices import device_named
from analysis.harvest.final_norm import Vocabulary, unembedding
from analysis.harvest.forward import check_positions, hook_in
from analysis.harvest.hooks import ANY_MODULE, HookPoint, parse_hook_point
from analysis.harvest.imported import check_files, find_tokens_file, import_activations
from analysis.harvest.mask import MaskCounts, MaskPolicy
from analysis.harvest.model_run import HarvestSizes, Reading
from analysis.harvest.models import DTYPES, LanguageModel, load_language_model
from analysis.harvest.odd_rows import OddRows
from analysis.harvest.readable import readable_tokens
from analysis.harvest.run import harvest
from analysis.harvest.token_blocks import TokenBlock, token_blocks
from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.progress import Progress
from analysis.runtime.workers import Workers
from analysis.saes import Overrides, SparseAutoencoder, load_sae


class Source(Protocol):
    """The methods that the pipeline needs."""

    def summary(self) -> tuple[ModelSource | None, CorpusSource]:
        """The model, if there is one, and the corpus, for the manifest."""

    def hook_module(self) -> str | None:
        """The hook point as a Hugging Face module; None if no model was run."""

    def documents(self) -> Iterable[Document]:
        """The documents, for their titles and sources; empty if they are unknown."""

    def harvest(
        self, shards: Path, memory_bytes: int, workers: Workers, progress: Progress
    ) -> dict[str, Any]:
        """Write the shards; returns `tokens`, `l0`, `explained_variance` and `mask`."""

    def vocabulary(self) -> Vocabulary | None:
        """The model's vocabulary; None if no model was run.

        Raises InputError, with the reason, if effects on the logits are not defined.
        """


@dataclass(frozen=True)
class TextAddress:
    """Absolute paths of a text source's parts, from which another machine opens it."""

    sae: str
    overrides: Overrides | None
    model: str
    corpus: Path
    hook: str | None
    parameters: Parameters
    choice: CorpusChoice = WHOLE
    device: str = "cpu"
    """A name that `device_named` knows."""
    batch_tokens: int | None = None
    """Tokens of one forward pass; None: as many as suit the device."""

    def open(self) -> "TextSource":
        """The source, with its SAE loaded. Raises InputError as `load_sae` does."""
        sae = load_sae(self.sae, self.overrides, allow_pickle=True)
        return TextSource(sae, self)


@dataclass(frozen=True)
class OpenReading:
    """Opens the SAE, model and corpus of a text source, once per process, on any machine."""

    address: TextAddress
    contents: tuple[str, str, str]
    """Content hashes of SAE, model and corpus."""

    def __call__(self) -> Reading:
        """The same object each time.

        Raises ResumableError if the files on this machine have other contents.
        """
        if self not in _open_readings:
            source = self.address.open()
            if source.contents() != self.contents:
                raise ResumableError(
                    f"The machine {socket.gethostname()} has another SAE, model or corpus under "
                    "the same path; let all machines read them from one shared folder."
                )
            # Keep only one, because models are large.
            _open_readings.clear()
            _open_readings[self] = source.reading()
        return _open_readings[self]

    @contextmanager
    def using(self, reading: Reading) -> Iterator[None]:
        """Use this open reading in the present process."""
        _open_readings[self] = reading
        try:
            yield
        finally:
            del _open_readings[self]


_open_readings: dict[OpenReading, Reading] = {}


@dataclass(frozen=True)
class TextSource:
    """A language model and a corpus; the model runs up to the SAE's hook point."""

    sae: SparseAutoencoder
    address: TextAddress

    @property
    def parameters(self) -> Parameters:
        """The parameters of the build."""
        return self.address.parameters

    def settled(self, prepend_bos: bool | None, block_tokens: int | None) -> "TextSource":
        """The same source with what the model and the SAE state where None is given.

        Raises InputError as `conventions.py` does.
        """
        model = self.language_model
        default = self.parameters.block_tokens
        parameters = self.parameters.model_copy(
            update={
                "prepend_bos": chosen_bos(prepend_bos, self.sae, model.tokenizer),
                "block_tokens": chosen_block_tokens(block_tokens, default, self.sae, model),
            }
        )
        settled = TextSource(self.sae, replace(self.address, parameters=parameters))
        vars(settled)["language_model"] = model  # loading it takes long
        return settled

    @cached_property
    def language_model(self) -> LanguageModel:
        """The model, loaded on first use."""
        dtype = DTYPES[self.parameters.dtype]
        return load_language_model(
            self.address.model, dtype, self.address.device, self._deepest_layer
        )

    @property
    def _deepest_layer(self) -> int | None:
        """The layer of the hook point; None if all layers must be loaded to find it."""
        hook = parse_hook_point(self._hook_name)
        return None if hook.site == ANY_MODULE else hook.layer

    @property
    def _hook_name(self) -> str:
        name = self.address.hook or self.sae.hook_point
        if name is None:
            raise InputError(
                "The SAE does not name its hook point; give it with --hook, such as --hook "
                "blocks.12.hook_resid_post."
            )
        return name

    @cached_property
    def hook(self) -> HookPoint:
        """The hook point in this model.

        Raises InputError if neither the SAE nor --hook names one.
        """
        return hook_in(self.language_model, parse_hook_point(self._hook_name))

    @cached_property
    def policy(self) -> MaskPolicy:
        """The mask policy: special tokens of this model's tokenizer, and attention sinks."""
        return MaskPolicy(
            special_token_ids=tuple(sorted(self.language_model.special_token_ids)),
            sink_norm_ratio=self.parameters.sink_norm_ratio,
        )

    @cached_property
    def corpus_content(self) -> str:
        """SHA-256 of the corpus."""
        return corpus_hash(self.address.corpus, self.address.choice)

    def contents(self) -> tuple[str, str, str]:
        """Content hashes of SAE, model and corpus."""
        return self.sae.content_hash, self.language_model.content_hash, self.corpus_content

    def check(self) -> None:
        """Raises InputError if the model's width at the hook point is not that of the SAE."""
        width = check_positions(self.language_model, self.hook, self.parameters.block_tokens)
        if width != self.sae.d_in:
            raise InputError(
                f"{self.address.model}: has {width} values per token at {self.hook}, but the SAE "
                f"reads {self.sae.d_in}; choose the model and hook point that it was trained on."
            )
        next(read_corpus(self.address.corpus, self.address.choice))

    def summary(self) -> tuple[ModelSource, CorpusSource]:
        """The model and the corpus, by name and content."""
        model = self.language_model
        return (
            ModelSource(
                name=model.name,
                architecture=type(model.model).__name__,
                layers=model.n_layers,
                d_model=model.d_model,
                dtype=self.parameters.dtype,
                content_hash=model.content_hash,
            ),
            CorpusSource(
                name=self.address.corpus.name, kind="corpus", content_hash=self.corpus_content
            ),
        )

    def hook_module(self) -> str | None:
        """The hook point as a Hugging Face module, such as `model.layers.12:output`."""
        return f"{self.hook.module}:{self.hook.side}"

    def documents(self, odd: OddRows | None = None) -> Iterable[Document]:
        """The corpus, read again for its titles; odd rows are counted in `odd`."""
        return read_corpus(self.address.corpus, self.address.choice, odd)

    @cached_property
    def is_remote(self) -> bool:
        """Whether the corpus is read over a network."""
        files = corpus_files(self.address.corpus, self.address.choice).files
        return any(file.local is None for file in files)

    @cached_property
    def odd(self) -> OddRows:
        """The odd rows of the corpus, once it was read to its end."""
        return OddRows()

    @cached_property
    def corpus_notes(self) -> list[str]:
        """What was chosen among the files of the corpus without being asked for."""
        return list(corpus_files(self.address.corpus, self.address.choice).notes)

    @property
    def device(self) -> torch.device:
        """Where model and SAE run."""
        return device_named(self.address.device)

    def reading(self) -> Reading:
        """The input of a harvest."""
        threshold = self.parameters.active_threshold
        sae = self.sae.on(self.device)
        return Reading(sae, self.language_model, self.hook, self.blocks, self.policy, threshold)

    def blocks(self) -> Iterator[TokenBlock]:
        """The corpus, tokenised and cut into blocks."""
        return self.blocks_of(self.documents(), self.parameters.block_tokens)

    def blocks_of(self, documents: Iterable[Document], block_tokens: int) -> Iterator[TokenBlock]:
        """Documents, tokenised and cut into blocks of at most this many tokens."""
        return token_blocks(
            documents,
            self.language_model.tokenizer,
            block_tokens,
            self.parameters.max_tokens,
            special_token_ids=self.policy.special_token_ids,
            sink_positions=self.policy.sink_positions,
            prepend_bos=self.parameters.prepend_bos,
        )

    def harvest(
        self, shards: Path, memory_bytes: int, workers: Workers, progress: Progress
    ) -> dict[str, Any]:
        """Run the model and the SAE for the shards that are missing."""
        total = self.parameters.max_tokens or 0
        open_reading = OpenReading(self.address, self.contents())
        with open_reading.using(self.reading()):
            summary = harvest(
                open_reading,
                shards,
                workers=workers,
                progress=lambda done: progress(done, max(total, done)),
                sizes=HarvestSizes(memory_bytes=memory_bytes).on(
                    self.device, self.address.batch_tokens
                ),
            )
        mask = _mask_summary(self.policy, summary.mask, bos=self.parameters.prepend_bos)
        policy = " ".join([mask.policy, *self.odd.sentences()])
        return {
            "tokens": summary.tokens,
            "l0": summary.l0,
            "explained_variance": summary.explained_variance,
            "mask": mask.model_copy(update={"policy": policy}).model_dump(),
        }

    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary with the effects of the residual stream on it.

        Raises InputError if the SAE writes elsewhere, or as `unembedding`.
        """
        if self.sae.d_out != self.language_model.d_model:
            raise InputError(
                f"The SAE writes {self.sae.d_out} values, but the residual stream of "
                f"{self.language_model.name} has {self.language_model.d_model}."
            )
        columns = unembedding(self.language_model)
        tokens = readable_tokens(self.language_model.tokenizer, range(columns.shape[1]))
        return Vocabulary(tokens, columns)


@dataclass(frozen=True)
class ActivationsSource:
    """Activations stored by another program."""

    sae: SparseAutoencoder
    file: Path
    tokens_file: Path | None
    parameters: Parameters

    def check(self) -> None:
        """Raises InputError if a file or a column is missing; rows are checked by the import."""
        check_files(self.file, self.tokens_file)

    def rows(self) -> tuple[int | None, int]:
        """Kept tokens, None if no file lists them, and activations; from the metadata."""
        listed, _ = find_tokens_file(self.file, self.tokens_file)
        tokens, activations = (pq.read_metadata(file).num_rows for file in (listed, self.file))
        return None if listed == self.file else tokens, activations

    def summary(self) -> tuple[None, CorpusSource]:
        """No model; the file's name, and the content hash of it and the tokens file."""
        listed, _ = find_tokens_file(self.file, self.tokens_file)
        content = content_hash(dict.fromkeys((self.file, listed)))
        return None, CorpusSource(name=self.file.name, kind="activations", content_hash=content)

    def hook_module(self) -> None:
        """No model was run."""
        return

    def documents(self) -> Iterable[Document]:
        """Empty: the file has document numbers only."""
        return ()

    def harvest(
        self, shards: Path, memory_bytes: int, workers: Workers, progress: Progress
    ) -> dict[str, Any]:
        """Sort the file's rows into shards, in this process."""
        summary = import_activations(
            self.file,
            self.tokens_file,
            self.sae.d_sae,
            shards,
            parameters=self.parameters,
            memory_bytes=memory_bytes,
            progress=progress,
        )
        policy = " ".join(("Imported: every listed token counts.", *summary.notes))
        mask = MaskSummary(policy=policy, special_token_ids=[], special_tokens=0, sink_tokens=0)
        return {
            "tokens": summary.tokens,
            "l0": summary.l0,
            "explained_variance": None,
            "mask": mask.model_dump(),
        }

    def vocabulary(self) -> None:
        """No model was run."""
        return


def _mask_summary(policy: MaskPolicy, counts: MaskCounts, *, bos: bool = False) -> MaskSummary:
    begins = "Each block begins with BOS. " if bos else ""
    return MaskSummary(
        policy=begins
        + (
            f"Masked: special tokens at any position ({counts.special:,}) and attention sinks, "
            f"which are the first position of each block ({counts.sink_position:,}) and positions "
            f"whose norm exceeds {policy.sink_norm_ratio:g} times the median "
            f"({counts.sink_norm:,})."
        ),
        special_token_ids=list(policy.special_token_ids),
        special_tokens=counts.special,
        sink_tokens=counts.sink_position + counts.sink_norm,
    )
