"""The token blocks of each shard, so that each shard can be made independently.

A corpus is tokenised once, when a harvest begins. Its blocks are written next to the shards, one
record batch of `blocks.arrow` per shard, and then `plan.json`, which holds what all shards share. A
process that makes a shard maps the file and reads one batch; the corpus is not read again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from analysis.harvest.token_blocks import TokenBlock
from analysis.runtime.durable import is_whole, whole_file
from analysis.runtime.errors import InputError

PLAN = "plan.json"
BLOCKS = "blocks.arrow"
_SCHEMA = pa.schema(
    [
        pa.field("document", pa.int64(), False),
        pa.field("start", pa.int32(), False),
        pa.field("token_ids", pa.list_(pa.field("item", pa.int32(), False)), False),
    ]
)


class ShardPlan(BaseModel):
    """What the shards of one harvest share."""

    model_config = ConfigDict(frozen=True)

    shards: int
    reference_norm: float
    """The median norm with which sinks are compared."""


def blocks_by_shard(
    blocks: Iterable[TokenBlock], shard_tokens: int, window_blocks: int
) -> Iterator[list[TokenBlock]]:
    """Yield the blocks of each shard, which ends with the window that reaches `shard_tokens`.

    A window is `window_blocks` blocks, counted from the beginning of the corpus.
    """
    shard: list[TokenBlock] = []
    tokens = 0
    for number, block in enumerate(blocks, start=1):
        shard.append(block)
        tokens += len(block)
        if number % window_blocks == 0 and tokens >= shard_tokens:
            yield shard
            shard, tokens = [], 0
    if shard:
        yield shard


def write_blocks(folder: Path, shards: Iterable[list[TokenBlock]]) -> int:
    """Write the blocks of all shards, one shard in memory at a time; returns the shards written."""
    written = 0
    with (
        whole_file(folder / BLOCKS) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_file(sink, _SCHEMA) as writer,
    ):
        for blocks in shards:
            ends = np.cumsum([0, *map(len, blocks)], dtype=np.int32)
            token_ids = np.concatenate([block.token_ids for block in blocks])
            columns = [
                pa.array([block.document for block in blocks], pa.int64()),
                pa.array([block.start for block in blocks], pa.int32()),
                pa.ListArray.from_arrays(
                    pa.array(ends), pa.array(token_ids), type=_SCHEMA.field("token_ids").type
                ),
            ]
            writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
            written += 1
    return written


def read_blocks(folder: Path, shard: int) -> list[TokenBlock]:
    """The blocks of one shard; token ids are read-only views of the file.

    Raises InputError if the file is damaged.
    """
    file = folder / BLOCKS
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(file))).get_batch(shard)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file) from error
    lists = batch.column("token_ids")
    ends, token_ids = lists.offsets.to_numpy(), lists.values.to_numpy()
    documents, starts = (batch.column(name).to_pylist() for name in ("document", "start"))
    return [
        TokenBlock(document, start, token_ids[begin:end])
        for document, start, begin, end in zip(documents, starts, ends[:-1], ends[1:], strict=True)
    ]


def last_token_before(folder: Path, shard: int) -> tuple[int, int]:
    """Document and position of the last token before a shard; (-1, -1) for the first shard."""
    if shard == 0:
        return -1, -1
    block = read_blocks(folder, shard - 1)[-1]
    return block.document, block.start + len(block) - 1


def write_plan(folder: Path, plan: ShardPlan) -> None:
    """Write the plan, after which the harvest can be resumed."""
    with whole_file(folder / PLAN) as unfinished:
        unfinished.write_text(plan.model_dump_json(), encoding="utf-8")


def stored_plan(folder: Path) -> ShardPlan | None:
    """The plan with which a harvest resumes; None if it or the blocks are damaged or missing."""
    whole = all(is_whole(folder / name) for name in (BLOCKS, PLAN))
    return read_plan(folder) if whole else None


def read_plan(folder: Path) -> ShardPlan | None:
    """The plan of the shards in this folder; None if there is none yet.

    Raises InputError if the file is damaged.
    """
    file = folder / PLAN
    try:
        return ShardPlan.model_validate_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(file) from error


def _damaged(file: Path) -> InputError:
    return InputError(
        f"{file}: this part of an unfinished build is damaged; remove its folder and build again."
    )
