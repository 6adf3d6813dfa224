"""Reads a text with the model and the SAE of a bundle, by the harvest's hooks and encoder.

With a model in float32, the activations equal those that a build stores for the same passage, if it
begins where a block of the build begins. In bfloat16 a product depends on the shape of its batch,
in a build too: on the demo, 99 % of the active latents are the same, and activations differ by
0.8 % (median).
"""

import json
import os
import sys
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from analysis.bundle import Bundle, open_bundle
from analysis.harvest.corpus import Document
from analysis.harvest.devices import AUTO
from analysis.harvest.model_run import HarvestSizes, Run, running
from analysis.harvest.own_text.encoded_text import MOST_TOKENS, EncodedText
from analysis.harvest.own_text.local_files import MODELS, models_of, saes_of
from analysis.harvest.readable import readable_tokens
from analysis.harvest.source import TextAddress, TextSource
from analysis.harvest.token_blocks import batches, tokenised
from analysis.runtime.errors import InputError

IDLE_SECONDS = 1200.0
"""The process ends if it is not asked for this long, because model and SAE take much memory."""


class TextEncoder:
    """The model and the SAE of a bundle, loaded, with the hook set."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._open = ExitStack()
        self._run: Run = self._open.enter_context(running(source.reading(), HarvestSizes()))

    def close(self) -> None:
        """Remove the hook."""
        self._open.close()

    def encode(self, text: str) -> EncodedText:
        """The active latents of each token of a text.

        The text is one block, so at most as many tokens are read as a block of the bundle has, and
        at most MOST_TOKENS. The norm with which attention sinks are compared is the median over
        this text. Raises InputError if no token is left after masking.
        """
        source = self._source
        most = min(MOST_TOKENS, source.parameters.block_tokens)
        document = Document(index=0, title="", source="", text=text)
        block = next(iter(source.blocks_of([document], most)), None)
        if block is None or block.start > 0:
            raise InputError(
                "No token of this text is left after masking: the first token of a text and "
                "special tokens do not count; type more."
            )
        median = self._run.median_norm_of(next(batches([block])))
        ((_, (read,)),) = self._run.windows([block], median)
        (part,) = read.parts
        begin = -block.start  # BOS before the block, if the build began its blocks with it
        tokenizer = source.language_model.tokenizer
        ((_, ids),) = tokenised([document], tokenizer)
        return EncodedText(
            tokens=tuple(readable_tokens(tokenizer, block.token_ids[begin:].tolist())),
            kept=tuple(part.kept[begin:].tolist()),
            active=tuple(part.active[begin:].tolist()),
            latents=tuple(part.latents.tolist()),
            activations=tuple(part.activations.tolist()),
            all_tokens=len(ids),
        )


def encoder_of(bundle: Bundle) -> TextEncoder:
    """Load the model and the SAE of a bundle.

    Raises InputError if they are not on this machine, or if what is there has other contents.
    """
    return TextEncoder(_with_model(bundle, _with_sae(bundle)))


def _with_sae(bundle: Bundle) -> TextSource:
    """The source with the SAE of a bundle, and with no model yet."""
    manifest, problem = bundle.manifest, ""
    for place in saes_of(bundle):
        address = TextAddress(
            sae=place,
            overrides=None,
            model="",
            corpus=bundle.path,
            hook=manifest.sae.hook_point,
            parameters=manifest.parameters,
            device=AUTO,
        )
        try:
            source = address.open()
        except InputError as error:
            problem = f" ({error})"
            continue
        if source.sae.content_hash == manifest.sae.content_hash:
            return source
    raise InputError(
        f"The SAE {manifest.sae.name} of the bundle is not on this machine, only another of this "
        f"name, or the bundle was built with other settings of it{problem}; set {MODELS} to the "
        "folder that holds it."
    )


def _with_model(bundle: Bundle, source: TextSource) -> TextSource:
    """The same with the model of the bundle."""
    model, problem = bundle.manifest.model, ""
    for place in models_of(bundle):
        complete = TextSource(source.sae, replace(source.address, model=place))
        try:
            if model and complete.language_model.content_hash == model.content_hash:
                return complete
        except InputError as error:
            problem = f" ({error})"
    raise InputError(
        f"The model {model.name if model else ''} of the bundle is not on this machine, only "
        f"another of this name{problem}; set {MODELS} to the folder that holds it."
    )


def serve() -> None:
    """Answer requests, one JSON object on each line of the standard input, until it ends.

    A request names the folder of a bundle and a text. The answer is an `EncodedText`, a `problem`
    for the reader, or a `failure`, which is a bug.
    """
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answer_all(sys.stdin, answers)


def answer_all(requests: Iterable[str], answers: TextIO) -> None:
    """As `serve`, from one stream to another."""
    encoders: dict[str, TextEncoder] = {}
    idle = _end_when_idle()
    for line in requests:
        idle.cancel()
        answers.write(f"{json.dumps(_answer(encoders, line))}\n")
        answers.flush()
        idle = _end_when_idle()
    idle.cancel()


def _answer(encoders: dict[str, TextEncoder], line: str) -> dict[str, object]:
    try:
        request = json.loads(line)
        bundle = open_bundle(Path(request["bundle"]))
        if bundle.identity not in encoders:
            for encoder in encoders.values():
                encoder.close()
            encoders.clear()  # only one is kept, because models are large
            encoders[bundle.identity] = encoder_of(bundle)
        return {"encoded": encoders[bundle.identity].encode(request["text"]).model_dump()}
    except InputError as error:
        return {"problem": str(error)}
    except Exception as error:
        return {"failure": f"{type(error).__name__}: {error}"}


def _end_when_idle() -> threading.Timer:
    timer = threading.Timer(IDLE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer
