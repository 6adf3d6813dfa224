"""The blocks of each shard against cutting the whole list of blocks window by window."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.harvest.plan import (
    BLOCKS,
    PLAN,
    ShardPlan,
    blocks_by_shard,
    last_token_before,
    read_blocks,
    read_plan,
    stored_plan,
    write_blocks,
    write_plan,
)
from analysis.harvest.token_blocks import TokenBlock
from analysis.runtime.errors import InputError


def made(lengths: list[int]) -> list[TokenBlock]:
    """Blocks of these lengths with token ids that differ, in documents 0, 3, 6 and so on."""
    ids = np.arange(sum(lengths), dtype=np.int32)
    starts = np.cumsum([0, *lengths])
    return [
        TokenBlock(3 * (i // 2), i % 2 * 50 - 1, ids[starts[i] : starts[i + 1]])
        for i in range(len(lengths))
    ]


def one_after_the_other(
    blocks: list[TokenBlock], shard_tokens: int, window: int
) -> list[list[TokenBlock]]:
    """A shard ends with the window in which it is full."""
    shards: list[list[TokenBlock]] = [[]]
    for start in range(0, len(blocks), window):
        shards[-1] += blocks[start : start + window]
        if sum(len(block) for block in shards[-1]) >= shard_tokens:
            shards.append([])
    return [shard for shard in shards if shard]


def plain(blocks: list[TokenBlock]) -> list[tuple[int, int, list[int]]]:
    return [(block.document, block.start, block.token_ids.tolist()) for block in blocks]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 60), max_size=40),
    st.integers(1, 200),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_each_shard_is_its_part_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    shard_tokens: int,
    window: int,
    order: random.Random,
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    expected = one_after_the_other(made(lengths), shard_tokens, window)
    shards = write_blocks(folder, blocks_by_shard(iter(made(lengths)), shard_tokens, window))
    assert shards == len(expected)
    numbers = list(range(shards))
    order.shuffle(numbers)
    for number in numbers:
        assert plain(read_blocks(folder, number)) == plain(expected[number])
        before = (-1, -1)
        if number:
            last = expected[number - 1][-1]
            before = (last.document, last.start + len(last) - 1)
        assert last_token_before(folder, number) == before


def test_blocks_are_written_as_they_come(tmp_path: Path) -> None:
    """One shard is requested at a time, and nothing is published unless all are written."""

    def interrupted() -> Iterator[list[TokenBlock]]:
        yield made([4, 5])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_blocks(tmp_path, interrupted())
    assert list(tmp_path.iterdir()) == []


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    plan = ShardPlan(shards=3, reference_norm=1 / 3)
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    for damaged in ("{", '{"shards": [], "reference_norm": 1}'):
        (tmp_path / "plan.json").write_text(damaged)
        with pytest.raises(InputError, match=r"plan\.json: this part of an unfinished build"):
            read_plan(tmp_path)


def test_a_harvest_resumes_only_with_a_plan_and_blocks_that_are_whole(tmp_path: Path) -> None:
    def written() -> None:
        write_blocks(tmp_path, iter([[TokenBlock(0, 0, np.arange(5, dtype=np.int32))]]))
        write_plan(tmp_path, plan)

    plan = ShardPlan(shards=1, reference_norm=1.0)
    written()
    assert stored_plan(tmp_path) == plan
    for name in (BLOCKS, PLAN):
        (tmp_path / name).write_bytes(b"other")
        assert stored_plan(tmp_path) is None
        (tmp_path / name).unlink()
        assert stored_plan(tmp_path) is None
        written()
        assert stored_plan(tmp_path) == plan


def test_damaged_blocks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"blocks\.arrow: this part"):
        read_blocks(tmp_path, 0)
    (tmp_path / "blocks.arrow").write_bytes(b"ARROW1 nonsense")
    with pytest.raises(InputError, match=r"blocks\.arrow: this part"):
        read_blocks(tmp_path, 0)
