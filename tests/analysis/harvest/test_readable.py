"""Tokens as readable text."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from analysis.harvest import readable
from analysis.harvest.readable import readable_tokens


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
    vocabulary = byte_level.get_vocab()
    ids = [vocabulary[mark] for mark in ("Ġ", "Ċ", "ĉ", "č")]
    assert readable_tokens(byte_level, ids) == [" ", "↵", "⇥", "␍"]
    assert readable_tokens(byte_level, [256]) == [" whale"]
    assert readable_tokens(byte_level, [byte_level.bos_token_id]) == ["<|im_start|>"]
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
    assert readable._shown(raw) == shown


def test_sentencepiece_marks_are_turned_back() -> None:
    vocabulary = {"<unk>": 0, "▁whale": 1, "<0x0A>": 2, "<0xC3>": 3, "é": 4, "▁▁": 5}
    model = models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), unk_token="<unk>")
    assert readable_tokens(tokenizer, range(6)) == ["<unk>", " whale", "↵", "⟨c3⟩", "é", "  "]
