"""Words of scripts without spaces: read off planted detectors, and found by a lexicon."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.labels.evidence import token_evidence
from analysis.labels.explanations import content_words, unspaced_words, word_terms
from analysis.labels.naming import latent_names, top_terms
from analysis.labels.scoring import score_names
from analysis.labels.split import split_tokens
from analysis.labels.terms import terms_of_units
from analysis.labels.units import token_units
from analysis.labels.unspaced import (
    LEAST_TOKENS,
    segmented,
    words_of_latents,
)
from tests.analysis.labels.corpora import stored_activations, token_table

WORDS = {
    "English": "strawberry elephant university computer river mountain government language "
    "friend yellow quickly history music doctor window kitchen the of a in",
    "Chinese": "草莓 大象 大学 电脑 河流 山脉 政府 语言 图书馆 黄色 自行车 历史 水 火 山 木 "
    "的 是 在 了",
    "Japanese": "いちご 大学 コンピュータ 川 山 政府 言語 友達 黄色 走る 美しい 歴史 音楽 水 火 木 "
    "は の が を",
    "Thai": "สตรอเบอร์รี่ ช้าง มหาวิทยาลัย คอมพิวเตอร์ แม่น้ำ ภูเขา รัฐบาล ภาษา เพื่อน สีเหลือง เร็ว "
    "วิ่ง สวย ดนตรี หมอ ประวัติศาสตร์ ที่ และ ใน เป็น",
}
PLANTED = 16

Cut = Callable[[str], list[str]]


def _bytes(text: str) -> list[str]:
    """Each byte of a character that is not ASCII as a token of its own."""
    return [
        part
        for c in text
        for part in ([c] if c.isascii() else [f"⟨{byte:02x}⟩" for byte in c.encode()])
    ]


def _pieces(text: str) -> list[str]:
    """Words and their endings, as a tokenizer for spaced text has them."""
    return [text[:5], text[5:]] if len(text) > 5 else [text]


@pytest.mark.parametrize("only_last", [False, True])
@pytest.mark.parametrize(
    ("script", "cut"),
    [
        ("English", _pieces),
        ("English", _bytes),
        ("Chinese", list),
        ("Chinese", _bytes),
        ("Japanese", list),
        ("Japanese", _bytes),
        ("Thai", list),
        ("Thai", _bytes),
    ],
)
def test_planted_detectors_are_named_in_full(
    script: str, cut: Cut, only_last: bool, tmp_path: Path
) -> None:
    """Their right explanations are precise, and those of other words are not."""
    words = WORDS[script].split()
    rng = np.random.default_rng(0)
    documents = rng.choice(len(words), (40, 80))
    tokens, owner = [], []
    for document in documents:
        cuts = [cut(" " * (script == "English") + words[i]) for i in document]
        tokens.append([token for parts in cuts for token in parts])
        owner += [
            -1 if part == " " or (only_last and place < len(parts) - 1) else i
            for i, parts in zip(document, cuts, strict=True)
            for place, part in enumerate(parts)
        ]
    fires = np.array(owner)[:, None] == np.arange(PLANTED)
    activations = stored_activations(tmp_path, fires * rng.uniform(1, 2, fires.shape))
    table = token_table(*tokens)
    split = split_tokens(table, 0)
    units = token_units(table)
    lexicon = words_of_latents(activations, units, split.naming)
    for word in words:
        lexicon.update(unspaced_words(word))
    terms = terms_of_units(units, split.naming, lexicon)
    evidence = token_evidence(activations, terms, naming=split.naming)
    names = latent_names(evidence, top_terms(evidence))
    named = [name.text.split(" · ")[0].casefold() for name in names]
    right = words[:PLANTED]
    assert sum(a == b.casefold() for a, b in zip(named, right, strict=True)) >= PLANTED - 1
    wrong = right[5:] + right[:5]
    scores = score_names(
        [[latent] for latent in range(PLANTED)] * 2,
        word_terms([content_words(text) for text in (*right, *wrong)], terms),
        activations,
        terms,
        held_out=split.held_out,
    )
    assert (scores.precision[:PLANTED] >= 0.9).all()
    assert (scores.recall[:PLANTED] >= 0.9).all()
    assert np.nanmax(scores.precision[PLANTED:]) <= 0.1


def _divided(text: str, lexicon: set[str]) -> list[str]:
    units = token_units(token_table(list(text)))
    continues = segmented(units, lexicon)
    parts: list[str] = []
    for character, goes_on in zip(text, continues, strict=True):
        if goes_on:
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def test_the_longest_entry_of_the_lexicon_is_a_word_from_left_to_right() -> None:
    lexicon = {"草莓", "草莓酱", "酱油"}
    assert _divided("吃草莓酱油", lexicon) == ["吃", "草莓酱", "油"]
    assert _divided("吃草莓和酱油", lexicon) == ["吃", "草莓", "和", "酱油"]
    assert _divided("草莓草莓", lexicon) == ["草莓", "草莓"]
    assert _divided("草。莓", lexicon) == ["草", "。", "莓"]
    assert _divided("草莓", set()) == ["草", "莓"]


def test_no_word_spans_documents_or_spaces() -> None:
    units = token_units(token_table(["草"], ["莓"], ["草", " 莓"]))
    assert not segmented(units, {"草莓"}).any()


def test_a_word_covers_whole_tokens() -> None:
    units = token_units(token_table(["吃草", "莓的", "酱"]))
    assert segmented(units, {"草莓"}).tolist() == [False, True, False]


def _found(tokens: list[list[str]], rows: list[int], folder: Path) -> set[str]:
    table = token_table(*tokens)
    values = np.zeros((table.num_rows, 1))
    values[rows] = 1
    activations = stored_activations(folder, values)
    return words_of_latents(activations, token_units(table), np.ones(len(values), bool))


@pytest.mark.parametrize("count", [LEAST_TOKENS - 1, LEAST_TOKENS])
def test_a_word_needs_five_occurrences(count: int, tmp_path: Path) -> None:
    documents = [[c, "草", "莓"] for c in "一二三四五六七八九"[:count]]
    found = _found(documents, [3 * i + 2 for i in range(count)], tmp_path)
    assert found == ({"草莓"} if count == 5 else set())


def test_a_word_does_not_grow_to_the_right_of_what_the_latent_fires_on(tmp_path: Path) -> None:
    documents = [[c, "草", "莓", "酱"] for c in "一二三四五六"]
    assert _found(documents, [4 * i + 2 for i in range(6)], tmp_path) == {"草莓"}


def test_a_word_grows_only_while_nearly_all_occurrences_agree(tmp_path: Path) -> None:
    documents = [["草" if i < 8 else "蓝", "莓"] for i in range(10)]
    assert _found(documents, [2 * i + 1 for i in range(10)], tmp_path) == set()
    documents = [["草" if i < 9 else "蓝", "莓"] for i in range(10)]
    assert _found(documents, [2 * i + 1 for i in range(10)], tmp_path) == {"草莓"}


@pytest.mark.parametrize("others", [54, 55])
def test_the_core_of_a_word_has_a_tenth_of_the_tokens(others: int, tmp_path: Path) -> None:
    """Six of 60 or 61 tokens; each of the others is of another word."""
    documents = [["草", "莓"]] * 6 + [[chr(0x5000 + i)] for i in range(others)]
    rows = [*range(1, 12, 2), *range(12, 12 + others)]
    assert _found(documents, rows, tmp_path) == ({"草莓"} if others == 54 else set())


def test_at_most_three_words_are_read_off_one_latent(tmp_path: Path) -> None:
    words = ["草莓", "大象", "电脑", "河流"]
    documents = [list(word) for word in words for _ in range(5)]
    found = _found(documents, list(range(1, 40, 2)), tmp_path)
    assert len(found) == 3 and found < set(words)
    (tmp_path / "runs").mkdir()
    found = _found(documents, list(range(40)), tmp_path / "runs")
    assert len(found) == 3 and found < set(words)


@pytest.mark.parametrize("characters", [16, 17])
def test_the_longest_word_has_16_characters(characters: int, tmp_path: Path) -> None:
    """Units of two characters, so that there are few of them."""
    word = "".join(chr(0x5000 + i) for i in range(characters))
    document = [word[i : i + 2] for i in range(0, characters, 2)]
    found = _found([document] * 5, list(range(5 * len(document))), tmp_path)
    assert found == ({word} if characters == 16 else set())


def test_a_word_grows_to_16_units(tmp_path: Path) -> None:
    text = [chr(0x5000 + i) for i in range(21)]
    found = _found([text] * 6, [21 * i + 20 for i in range(6)], tmp_path)
    assert found == {"".join(text[-16:])}
