"""Documents cut into blocks of tokens, and blocks grouped into padded batches.

A block holds consecutive tokens of one document and fits one forward pass. Blocks are made and
batched as a stream: only one window of blocks is held at a time.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.harvest.corpus import Document
from analysis.harvest.mask import kept_mask
from analysis.runtime.arrays import Int32s, Ints
from analysis.runtime.errors import InputError

_WINDOW_BLOCKS = 64


@dataclass(frozen=True)
class TokenBlock:
    """Consecutive tokens of one document, short enough for one forward pass."""

    document: int
    start: int
    """Position in the document of the block's first token; token j has the position start + j."""
    token_ids: Int32s

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True)
class TokenBatch:
    """Blocks of one forward pass, padded on the right to the same length."""

    blocks: tuple[TokenBlock, ...]
    token_ids: Ints
    """[batch, seq]; 0 on padding."""
    attention_mask: Ints
    """[batch, seq]; 1 on text, 0 on padding."""


def token_blocks(
    documents: Iterable[Document],
    tokenizer: Any,
    block_tokens: int = 256,
    max_tokens: int | None = None,
    *,
    special_token_ids: Collection[int] = (),
    sink_positions: int = 1,
    prepend_bos: bool = False,
) -> Iterator[TokenBlock]:
    """Cut each document into blocks of at most `block_tokens` tokens; none spans two documents.

    With `max_tokens`, `kept_mask` keeps exactly that many positions over all blocks, or all
    positions of a shorter corpus; the last block ends at the last kept position. Sinks that are
    later recognised by their norm reduce the number. With `prepend_bos`, each block begins with
    BOS, as Gemma needs; BOS then has the position start, and the first word start + 1. Blocks
    without a kept position are omitted. Raises InputError if max_tokens is below 1, or the
    tokenizer has no BOS.
    """
    head = [bos(tokenizer)] if prepend_bos else []
    tokens = tokenised(documents, tokenizer, head)
    return cut_blocks(tokens, block_tokens, max_tokens, special_token_ids, sink_positions, head)


def tokenised(
    documents: Iterable[Document], tokenizer: Any, head: Sequence[int] = ()
) -> Iterator[tuple[int, list[int]]]:
    """(index, token ids) of each document, without a `head` that it was stored with.

    Raises InputError if a stored token id is not one of the tokenizer's.
    """
    for document in documents:
        if document.token_ids is None:
            encoded = tokenizer(document.text, add_special_tokens=False, verbose=False)
            yield document.index, encoded["input_ids"]
        else:
            yield document.index, _stored_ids(document, document.token_ids, tokenizer, head)


def _stored_ids(
    document: Document, ids: Sequence[int], tokenizer: Any, head: Sequence[int]
) -> list[int]:
    wrong = next((one for one in ids if not 0 <= one < len(tokenizer)), None)
    if wrong is not None:
        raise InputError(
            f"The token id {wrong} ({document.place}) is not one of the {len(tokenizer):,} of the "
            "model's tokenizer: give a corpus that was tokenised for this model, or its text."
        )
    n = len(head)
    return list(ids[n:] if n and list(ids[:n]) == list(head) else ids)


def cut_blocks(
    documents: Iterable[tuple[int, list[int]]],
    block_tokens: int,
    max_tokens: int | None,
    special_token_ids: Collection[int],
    sink_positions: int,
    head: list[int],
) -> Iterator[TokenBlock]:
    """As `token_blocks`, from (index, token ids) of documents; `head` begins each block."""
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"max_tokens is {max_tokens}, but must be at least 1.")
    remaining = max_tokens
    step = block_tokens - len(head)
    for index, ids in documents:
        for start in range(0, len(ids), step):
            block = np.array(head + ids[start : start + step], dtype=np.int32)
            kept = kept_mask(block, special_token_ids, sink_positions)
            if remaining is not None and kept.sum() > remaining:
                block = block[: np.flatnonzero(kept)[remaining - 1] + 1]
                kept = kept[: len(block)]
            if kept.any():
                yield TokenBlock(index, start - len(head), block)
            if remaining is not None:
                remaining -= int(kept.sum())
                if remaining <= 0:
                    return


def batches(
    blocks: Iterable[TokenBlock], batch_tokens: int = 4096, window_blocks: int = _WINDOW_BLOCKS
) -> Iterator[TokenBatch]:
    """Group blocks of similar length into batches of at most `batch_tokens`, padding included.

    Blocks are sorted by length inside consecutive windows of `window_blocks`, which keeps padding
    short; windows keep their order. A block longer than `batch_tokens` forms its own batch.
    """
    blocks = iter(blocks)
    while window := list(itertools.islice(blocks, window_blocks)):
        window.sort(key=len, reverse=True)
        while window:
            count = max(1, batch_tokens // len(window[0]))
            yield _padded(window[:count])
            del window[:count]


def halved(batch: TokenBatch) -> tuple[TokenBatch, TokenBatch] | None:
    """The blocks of a batch as two batches; None if it is a single block."""
    middle = len(batch.blocks) // 2
    if middle == 0:
        return None
    return _padded(batch.blocks[:middle]), _padded(batch.blocks[middle:])


def _padded(blocks: Sequence[TokenBlock]) -> TokenBatch:
    shape = (len(blocks), max(len(block) for block in blocks))
    token_ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, block in enumerate(blocks):
        token_ids[row, : len(block)] = block.token_ids
        mask[row, : len(block)] = 1
    return TokenBatch(tuple(blocks), token_ids, mask)


def bos(tokenizer: Any) -> int:
    """The token id of BOS. Raises InputError if the tokenizer has none."""
    if tokenizer.bos_token_id is None:
        raise InputError("The tokenizer has no BOS token: omit --prepend-bos.")
    return int(tokenizer.bos_token_id)
