"""Which blocks of a corpus belong to which shard, so that each shard can be made alone.

A plan is computed once, from the tokens alone, and lies beside the shards as `plan.json`. It says
where in the corpus each shard begins; whoever makes a shard tokenises the documents from there on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from analysis.harvest.corpus import Document
from analysis.harvest.mask import kept_mask
from analysis.harvest.token_blocks import TokenBlock, bos, cut_blocks, tokenised
from analysis.runtime.errors import InputError
from analysis.runtime.workers import whole_file

PLAN = "plan.json"


class PlannedShard(BaseModel):
    """The place of one shard in the corpus: so many blocks from one block on."""

    model_config = ConfigDict(frozen=True)

    document: int
    """Index of the document of its first block."""
    skipped: int
    """Blocks of that document that belong to earlier shards."""
    kept_before: int
    """Positions that count in all documents before that one."""
    blocks: int
    last_before: tuple[int, int]
    """Document and position of the last token before it; -1, -1 at the beginning."""


class ShardPlan(BaseModel):
    """All shards of a harvest, and the one number that they share."""

    model_config = ConfigDict(frozen=True)

    reference_norm: float
    """The median norm to which sinks are compared."""
    shards: list[PlannedShard]


class BlockedCorpus:
    """The token blocks of a corpus, from the beginning of any document on.

    It keeps its place: to go on from where it stands, or from a later document, reads nothing
    twice, and the document at which it stands is not tokenised again. So shards that are made in
    ascending order cost one reading together.
    """

    def __init__(
        self,
        documents: Callable[[], Iterable[Document]],
        tokenizer: Any,
        *,
        block_tokens: int = 256,
        max_tokens: int | None = None,
        special_token_ids: Collection[int] = (),
        sink_positions: int = 1,
        prepend_bos: bool = False,
    ) -> None:
        """`documents` gives them all, from the first; the rest is as in `token_blocks`."""
        self._documents = documents
        self._tokenizer = tokenizer
        self._block_tokens = block_tokens
        self._max_tokens = max_tokens
        self._mask = special_token_ids, sink_positions
        self._head = [bos(tokenizer)] if prepend_bos else []
        self._rest: Iterator[Document] = iter(())
        self._here: tuple[int, list[int]] | None = None

    def blocks(self, document: int = 0, kept_before: int = 0) -> Iterator[TokenBlock]:
        """The blocks of a document and those after it.

        `kept_before` positions count in the documents before, and come off max_tokens. Only the
        newest of these iterators may be used.
        """
        left = self._max_tokens and self._max_tokens - kept_before
        documents = self._from(document)
        return cut_blocks(documents, self._block_tokens, left, *self._mask, self._head)

    def kept(self, block: TokenBlock) -> int:
        """Positions of a block that count, before sinks are found by their norm."""
        return int(kept_mask(block.token_ids, *self._mask).sum())

    def of_shard(self, shard: PlannedShard) -> list[TokenBlock]:
        """The blocks of one planned shard."""
        blocks = self.blocks(shard.document, shard.kept_before)
        return list(islice(blocks, shard.skipped, shard.skipped + shard.blocks))

    def _from(self, document: int) -> Iterator[tuple[int, list[int]]]:
        if self._here is None or document < self._here[0]:
            self._rest = iter(self._documents())
        elif document == self._here[0]:
            yield self._here
        later = (one for one in self._rest if one.index >= document)
        for one in tokenised(later, self._tokenizer):
            self._here = one
            yield one


def plan_shards(
    corpus: BlockedCorpus, shard_tokens: int, window_blocks: int
) -> Iterator[PlannedShard]:
    """The shards of a corpus: each ends with the window in which it reaches `shard_tokens`.

    Windows of `window_blocks` blocks are counted from the beginning of the corpus.
    """
    shard: PlannedShard | None = None
    document, in_document, kept_before, kept, tokens = -1, 0, 0, 0, 0
    last = (-1, -1)
    for number, block in enumerate(corpus.blocks(), start=1):
        if block.document != document:
            document, in_document, kept_before = block.document, 0, kept
        if shard is None:
            shard = PlannedShard(
                document=document,
                skipped=in_document,
                kept_before=kept_before,
                blocks=0,
                last_before=last,
            )
            tokens = 0
        shard = shard.model_copy(update={"blocks": shard.blocks + 1})
        tokens += len(block)
        in_document += 1
        kept += corpus.kept(block)
        last = (document, block.start + len(block) - 1)
        if number % window_blocks == 0 and tokens >= shard_tokens:
            yield shard
            shard = None
    if shard is not None:
        yield shard


def write_plan(folder: Path, plan: ShardPlan) -> None:
    """Write the plan beside the shards."""
    with whole_file(folder / PLAN) as unfinished:
        unfinished.write_text(plan.model_dump_json(), encoding="utf-8")


def read_plan(folder: Path) -> ShardPlan | None:
    """The plan of the shards in this folder, None before there is one; InputError: damaged."""
    file = folder / PLAN
    try:
        return ShardPlan.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: is a damaged part of an unfinished build; remove its folder and build again."
        ) from error
