"""Cutting documents into blocks and padding blocks into batches."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.harvest.corpus import Document
from analysis.harvest.mask import kept_mask
from analysis.harvest.token_blocks import TokenBlock, batches, bos, halved, token_blocks
from analysis.runtime.errors import InputError
from tests.analysis.harvest.tiny_model import tiny_language_model


class Words:
    """A tokenizer for tests: a word is a token, its id is the number in it."""

    bos_token_id = 99

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [int(word) for word in text.split()]}


def documents(*lengths: int) -> list[Document]:
    """Documents whose token ids say where they come from: 1000 * (document + 1) + position."""
    return [
        Document(i, "", "", " ".join(str(1000 * (i + 1) + j) for j in range(length)))
        for i, length in enumerate(lengths)
    ]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(2, 12),
    st.booleans(),
)
def test_blocks_never_span_documents_and_lose_nothing(
    lengths: list[int], size: int, bos: bool
) -> None:
    blocks = list(
        token_blocks(documents(*lengths), Words(), size, sink_positions=0, prepend_bos=bos)
    )
    seen = []
    for block in blocks:
        assert 0 < len(block) <= size
        assert (block.token_ids[0] == 99) == bos
        for offset, token in list(enumerate(block.token_ids))[int(bos) :]:
            assert token == 1000 * (block.document + 1) + block.start + offset
            seen.append(int(token))
    assert seen == [1000 * (i + 1) + j for i, n in enumerate(lengths) for j in range(n)]


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(2, 12), st.integers(1, 150))
def test_the_cut_is_exact_in_kept_tokens(lengths: list[int], size: int, wanted: int) -> None:
    special = {1003, 1010, 2001, 3000}
    arguments: dict[str, Any] = {"special_token_ids": special, "sink_positions": 1}
    everything = list(token_blocks(documents(*lengths), Words(), size, **arguments))
    cut = list(token_blocks(documents(*lengths), Words(), size, wanted, **arguments))

    def kept(blocks: list[TokenBlock]) -> list[int]:
        return [
            int(token)
            for block in blocks
            for token in block.token_ids[kept_mask(block.token_ids, special, 1)]
        ]

    assert kept(cut) == kept(everything)[:wanted]


def test_blocks_that_keep_nothing_are_left_out() -> None:
    blocks = list(token_blocks(documents(5, 1, 2), Words(), 4))
    assert [(block.document, block.start, len(block)) for block in blocks] == [(0, 0, 4), (2, 0, 2)]


@settings(max_examples=50)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(1, 64), st.integers(1, 9))
def test_batches_hold_each_block_once_within_the_budget(
    lengths: list[int], budget: int, window: int
) -> None:
    blocks = [TokenBlock(i, 0, np.arange(1, n + 1, dtype=np.int32)) for i, n in enumerate(lengths)]
    made = list(batches(iter(blocks), budget, window))
    order = [block.document for batch in made for block in batch.blocks]
    assert sorted(order) == list(range(len(lengths)))
    # All of a window leaves before the next window's first.
    assert [place // window for place in order] == sorted(place // window for place in order)
    for batch in made:
        assert batch.token_ids.size <= budget or len(batch.blocks) == 1
        for row, block in enumerate(batch.blocks):
            assert batch.attention_mask[row].tolist() == [1] * len(block) + [0] * (
                batch.token_ids.shape[1] - len(block)
            )
            assert batch.token_ids[row, : len(block)].tolist() == block.token_ids.tolist()


def test_bad_arguments_are_refused() -> None:
    class NoBos:
        bos_token_id = None

    with pytest.raises(InputError, match="max_tokens is 0"):
        list(token_blocks(documents(3), Words(), 4, 0))
    with pytest.raises(InputError, match="no BOS token"):
        bos(NoBos())
    assert bos(Words()) == 99


def test_stored_token_ids_are_not_tokenised_again() -> None:
    tokenizer = tiny_language_model().tokenizer
    stored = [Document(0, "a", "", "", (0, 5, 6, 7)), Document(2, "b", "", "", (8, 0, 9))]
    plain = [b.token_ids.tolist() for b in token_blocks(stored, tokenizer, 8)]
    assert plain == [[0, 5, 6, 7], [8, 0, 9]]
    # A BOS that is stored already is not doubled.
    headed = [
        (b.start, b.token_ids.tolist())
        for b in token_blocks(stored, tokenizer, 8, prepend_bos=True)
    ]
    assert headed == [(-1, [0, 5, 6, 7]), (-1, [0, 8, 0, 9])]


@pytest.mark.parametrize("wrong", [-1, 42])
def test_token_ids_of_another_tokenizer_are_refused(wrong: int) -> None:
    tokenizer = tiny_language_model().tokenizer
    assert len(tokenizer) == 42
    stored = [Document(0, "a", "", "", (5, 41, wrong), "row 1 of c.parquet")]
    with pytest.raises(InputError, match=rf"token id {wrong} \(row 1 of c.parquet\)"):
        list(token_blocks(stored, tokenizer, 8))


def test_a_batch_is_halved_by_its_blocks() -> None:
    blocks = [TokenBlock(i, 0, np.arange(n, dtype=np.int32)) for i, n in enumerate((5, 4, 3, 2, 1))]
    (batch,) = batches(blocks, 25)
    halves = halved(batch)
    assert halves is not None
    assert [len(half.blocks) for half in halves] == [2, 3]
    assert [half.token_ids.shape for half in halves] == [(2, 5), (3, 3)]
    assert halves[0].blocks + halves[1].blocks == batch.blocks
    assert halves[1].attention_mask.sum() == 6
    (single,) = batches(blocks[:1], 25)
    assert halved(single) is None
