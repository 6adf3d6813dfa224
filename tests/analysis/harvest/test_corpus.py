"""Reading corpora, cutting blocks, the mask and readable tokens."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from analysis.harvest import corpus
from analysis.harvest.corpus import (
    Document,
    MaskCounts,
    MaskPolicy,
    TokenBlock,
    batch_mask,
    batches,
    corpus_hash,
    kept_mask,
    read_corpus,
    readable_token,
    readable_tokens,
    reference_norm,
    token_blocks,
)
from analysis.runtime.errors import InputError

TEXTS = ["Call me Ishmael.", "  ", "Ça va ?\nOui.", "def f(x):\n\treturn x"]


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


# --- reading -----------------------------------------------------------------------------------


def as_parquet(folder: Path) -> Path:
    table = pa.table({"text": TEXTS, "title": ["a", "b", "c", "d"], "other": [1, 2, 3, 4]})
    pq.write_table(table, folder / "c.parquet", row_group_size=2)
    return folder / "c.parquet"


def as_jsonl(folder: Path) -> Path:
    rows = [{"text": text, "title": title} for text, title in zip(TEXTS, "abcd", strict=True)]
    path = folder / "c.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def as_dataset(folder: Path, opened: Any = pa.ipc.new_stream) -> Path:
    """A dataset with splits, as Hugging Face's save_to_disk lays it out: Arrow streams."""
    train = folder / "dataset" / "train"
    train.mkdir(parents=True)
    (folder / "dataset" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    table = pa.table({"title": ["a", "b", "c", "d"], "text": pa.array(TEXTS, pa.large_string())})
    for number, part in enumerate((table.slice(0, 3), table.slice(3))):
        name = train / f"data-0000{number}-of-00002.arrow"
        with pa.OSFile(str(name), "wb") as sink, opened(sink, table.schema) as writer:
            writer.write_table(part)
    return folder / "dataset"


def as_arrow_files(folder: Path) -> Path:
    return as_dataset(folder, pa.ipc.new_file)


@pytest.mark.parametrize("made", [as_parquet, as_jsonl, as_dataset, as_arrow_files])
def test_every_kind_gives_the_same_documents(made: Callable[[Path], Path], tmp_path: Path) -> None:
    read = list(read_corpus(made(tmp_path)))
    # The blank document is passed over; the others keep their places.
    assert [(d.index, d.title, d.text) for d in read] == [
        (0, "a", TEXTS[0]),
        (2, "c", TEXTS[2]),
        (3, "d", TEXTS[3]),
    ]


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "whale.txt").write_text("One.\n\nTwo.", encoding="utf-8")
    assert list(read_corpus(tmp_path / "whale.txt")) == [
        Document(0, "whale", "whale.txt", "One.\n\nTwo.")
    ]


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def parquet_of(**columns: list[Any]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "c.parquet")
        return folder / "c.parquet"

    return write


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda folder: folder / "no.txt", "There is no corpus at"),
        (lambda folder: folder, "holds no .arrow, .parquet, .jsonl or .txt file"),
        (written("c.docx", b"PK"), "of no known kind"),
        (written("c.txt", b""), "holds no text"),
        (written("c.txt", b" \n\t "), "holds no text"),
        (written("c.txt", b"caf\xe9"), "not UTF-8 text at byte 3"),
        (written("c.jsonl", b""), "holds no text"),
        (written("c.jsonl", b'{"text": "a"}\n{"text": '), "Line 2 .* is not JSON"),
        (written("c.jsonl", b'{"words": "a"}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": 5}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'["text"]'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": "\xff"}'), "Line 1 .* is not JSON"),
        (written("c.parquet", b"PAR1 nonsense"), "cannot be read as Parquet"),
        (written("c.arrow", b"nonsense of some length"), "cannot be read as Arrow"),
        (parquet_of(body=["a"]), r"no `text` column of strings \(its columns: body\)"),
        (parquet_of(text=[1, 2]), "no `text` column of strings"),
        (parquet_of(text=pa.array([], pa.string())), "holds no text"),
        (parquet_of(text=[None, " "]), "holds no text"),
    ],
)
def test_what_is_no_corpus_is_refused_in_one_sentence(
    made: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    path = made(tmp_path)
    with pytest.raises(InputError, match=message) as refused:
        list(read_corpus(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_truncated_parquet_page_is_refused(tmp_path: Path) -> None:
    path = as_parquet(tmp_path)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        list(read_corpus(path))


def test_budgets_bound_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = parquet_of(text=["x" * 100_000] * 50)(tmp_path)
    monkeypatch.setattr(corpus, "MAX_ROW_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match="smaller row groups"):
        list(read_corpus(bomb))
    monkeypatch.setattr(corpus, "MAX_ROW_GROUP_BYTES", 1 << 30)
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_CHARACTERS", 99_999)
    with pytest.raises(InputError, match=r"Document 0 .* 100,000 characters"):
        list(read_corpus(bomb))


def test_corpus_hash_follows_the_content(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path)
    before = corpus_hash(path)
    assert re.fullmatch("[0-9a-f]{64}", before)
    other = tmp_path / "other.jsonl"
    other.write_bytes(path.read_bytes())
    assert corpus_hash(other) == before
    other.write_bytes(path.read_bytes() + b"\n")
    assert corpus_hash(other) != before
    assert corpus_hash(as_dataset(tmp_path)) == corpus_hash(tmp_path / "dataset")
    with pytest.raises(InputError, match="There is no corpus"):
        corpus_hash(tmp_path / "nothing")


# --- blocks ------------------------------------------------------------------------------------


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
    arguments = {"special_token_ids": special, "sink_positions": 1}
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


# --- the mask ----------------------------------------------------------------------------------


def test_special_tokens_go_wherever_they_stand_and_so_do_first_positions() -> None:
    ids = np.array([[7, 5, 0, 6], [0, 8, 8, 1]])
    assert kept_mask(ids, {0, 1}).tolist() == [
        [False, True, False, True],
        [False, True, True, False],
    ]
    assert kept_mask(ids, frozenset(), 2)[:, :2].any() == np.False_
    assert kept_mask(ids, (), 0).all()
    assert kept_mask(ids[0], {6}, 1).tolist() == [False, True, True, False]


def test_each_position_is_left_out_for_one_reason() -> None:
    blocks = [
        TokenBlock(0, 0, np.array([5, 6, 0, 7], np.int32)),
        TokenBlock(1, 0, np.array([0, 6, 6], np.int32)),
    ]
    (batch,) = batches(blocks, 8)
    norms = np.array([[24_000, 141, 24_000, 15_000], [24_000, 130, 150, 99_000]])
    policy = MaskPolicy(special_token_ids=(0, 1))
    kept, counts = batch_mask(batch, policy, norms, median_norm=141.0)
    assert kept.tolist() == [[False, True, False, False], [False, True, True, False]]
    assert counts == MaskCounts(kept=3, special=2, sink_position=1, sink_norm=1)
    # Padding is counted nowhere.
    assert counts.kept + counts.special + counts.sink_position + counts.sink_norm == 7
    assert counts + counts == MaskCounts(kept=6, special=4, sink_position=2, sink_norm=2)
    assert reference_norm(batch, norms) == 15_000  # of the seven text positions


def test_mask_policy_survives_a_manifest() -> None:
    policy = MaskPolicy(special_token_ids=(0, 2), sink_positions=1, sink_norm_ratio=50)
    assert MaskPolicy.model_validate_json(policy.model_dump_json()) == policy


# --- readable tokens ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def byte_level() -> PreTrainedTokenizerFast:
    """GPT-2's kind: every byte a token, no merges, one special token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {mark: place for place, mark in enumerate(alphabet)} | {"Ġwhale": 256}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|im_start|>", special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>")


def test_every_byte_of_a_byte_level_token_is_itself(byte_level: PreTrainedTokenizerFast) -> None:
    """Against the tokenizer's own decoder, on all that ASCII can print."""
    text = "".join(chr(code) for code in range(0x20, 0x7F))
    ids = byte_level(text)["input_ids"]
    assert "".join(readable_tokens(byte_level, ids)) == text == byte_level.decode(ids)


def test_byte_level_marks_are_turned_back(byte_level: PreTrainedTokenizerFast) -> None:
    marks = byte_level.convert_tokens_to_ids(["Ġ", "Ċ", "ĉ", "č"])
    assert readable_tokens(byte_level, marks) == [" ", "↵", "⇥", "␍"]
    assert readable_token(byte_level, 256) == " whale"
    assert readable_token(byte_level, byte_level.bos_token_id) == "<|im_start|>"
    # "é" is two bytes, so here two tokens: each shows its part of the character.
    assert readable_tokens(byte_level, byte_level("é\x00")["input_ids"]) == ["⟨c3⟩", "⟨a9⟩", "␀"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b" caf\xc3\xa9", " café"),
        (b"\xe2\x80", "⟨e2 80⟩"),
        (b"a\xe2\x80", "a⟨e2 80⟩"),
        (b"\x80\x94 b", "⟨80⟩⟨94⟩ b"),
        (b"\xff\xc3\xa9\xf0\x9f", "⟨ff⟩é⟨f0 9f⟩"),
        (b"\r\n", "␍↵"),
        (b"", ""),
    ],
)
def test_parts_of_characters_are_shown_as_bytes(raw: bytes, shown: str) -> None:
    assert corpus._shown(raw) == shown


def test_sentencepiece_marks_are_turned_back() -> None:
    vocabulary = {"<unk>": 0, "▁whale": 1, "<0x0A>": 2, "<0xC3>": 3, "é": 4, "▁▁": 5}
    model = models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), unk_token="<unk>")
    assert readable_tokens(tokenizer, range(6)) == ["<unk>", " whale", "↵", "⟨c3⟩", "é", "  "]
