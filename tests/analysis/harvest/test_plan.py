"""The plan of shards against cutting the whole corpus one block after the other."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.harvest.corpus import Document
from analysis.harvest.plan import BlockedCorpus, ShardPlan, plan_shards, read_plan, write_plan
from analysis.harvest.token_blocks import TokenBlock, token_blocks
from analysis.runtime.errors import InputError


@dataclass
class Numbers:
    """A tokenizer of numbers that are written out, which counts what it was asked for."""

    bos_token_id: int = 0
    read: int = 0

    def __call__(self, text: str, **settings: bool) -> dict[str, list[int]]:
        self.read += 1
        return {"input_ids": [int(word) for word in text.split()]}


@dataclass
class Texts:
    """Documents by their lengths; every seventh token is special."""

    lengths: list[int]
    readings: int = field(default=0)

    def __call__(self) -> Iterator[Document]:
        self.readings += 1
        number = 0
        for index, length in enumerate(self.lengths):
            words = [str((number + i) % 7 + 1) for i in range(length)]
            number += length
            if words:
                yield Document(3 * index, "", "", " ".join(words))


def one_after_the_other(
    blocks: list[TokenBlock], shard_tokens: int, window: int
) -> list[list[TokenBlock]]:
    """A shard is closed behind the window in which it is full."""
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
    st.lists(st.integers(0, 60), max_size=12),
    st.one_of(st.none(), st.integers(1, 200)),
    st.booleans(),
    st.integers(1, 80),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_each_shard_alone_is_its_part_of_the_whole(
    lengths: list[int],
    max_tokens: int | None,
    prepend_bos: bool,
    shard_tokens: int,
    window: int,
    order: random.Random,
) -> None:
    texts = Texts(lengths)
    given_too = {"special_token_ids": (7,), "prepend_bos": prepend_bos}
    whole = list(token_blocks(texts(), Numbers(), 8, max_tokens, **given_too))
    corpus = BlockedCorpus(texts, Numbers(), block_tokens=8, max_tokens=max_tokens, **given_too)
    plan = list(plan_shards(corpus, shard_tokens, window))
    expected = one_after_the_other(whole, shard_tokens, window)
    numbers = list(range(len(plan)))
    order.shuffle(numbers)
    found = {number: plain(corpus.of_shard(plan[number])) for number in numbers}
    assert [found[i] for i in range(len(plan))] == [plain(shard) for shard in expected]
    for shard, before in zip(plan[1:], expected, strict=False):
        last = before[-1]
        assert shard.last_before == (last.document, last.start + len(last) - 1)


def test_ascending_shards_cost_one_reading() -> None:
    texts, tokenizer = Texts([200, 5, 30, 90, 10, 1, 60]), Numbers()
    corpus = BlockedCorpus(texts, tokenizer, block_tokens=8)
    plan = list(plan_shards(corpus, shard_tokens=40, window_blocks=2))
    assert len(plan) > 8 and (texts.readings, tokenizer.read) == (1, 7)
    for shard in plan:
        corpus.of_shard(shard)
    assert (texts.readings, tokenizer.read) == (2, 14)
    corpus.of_shard(plan[0])
    corpus.of_shard(plan[-1])
    assert (texts.readings, tokenizer.read) == (3, 16)


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    corpus = BlockedCorpus(Texts([50, 30]), Numbers(), block_tokens=8)
    plan = ShardPlan(reference_norm=1 / 3, shards=list(plan_shards(corpus, 20, 2)))
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(InputError, match=r"plan\.json: is a damaged part"):
        read_plan(tmp_path)


def test_a_tokenizer_without_bos_is_refused() -> None:
    with pytest.raises(InputError, match="has no BOS"):
        BlockedCorpus(Texts([5]), SimpleNamespace(bos_token_id=None), prepend_bos=True)
