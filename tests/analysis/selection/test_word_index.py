"""The index of words, against the texts split in Python."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.selection import word_index as module
from analysis.selection.word_index import word_index

LABELS = ["a b", "", "b  a b", "É", "a", " c "]
EXPLANATIONS = ["", "c a", "é", "a", "", "b a"]
TOP_TOKENS = [[" a b", "c"], [], ["a"], ["a", "a"], ["zz"], [" "]]


def small(bundle: Bundle) -> Bundle:
    """A bundle of six latents, whose labels are in two chunks."""
    own = replace(bundle)
    vars(own)["latents"] = pa.table(
        {
            "label": pa.chunked_array([LABELS[:2], LABELS[2:]]),
            "explanation": pa.array(EXPLANATIONS),
            "top_tokens": pa.array(TOP_TOKENS),
        }
    )
    vars(own).pop("top_words", None)
    return own


def expected() -> dict[str, list[int]]:
    """The latents of every piece and top token."""
    owners: dict[str, set[int]] = {}
    texts = zip(LABELS, EXPLANATIONS, TOP_TOKENS, strict=True)
    for latent, (label, explanation, tokens) in enumerate(texts):
        pieces = [part for text in (label, explanation) if text for part in text.split(" ")]
        for piece in [*pieces, *tokens]:
            owners.setdefault(piece, set()).add(latent)
    return {word: sorted(latents) for word, latents in owners.items()}


@pytest.mark.parametrize("at_once", [1, 4, 65_536])
def test_every_word_has_its_latents(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    index = word_index(small(planted_bundle))
    assert index is not None
    words = index.words.to_pylist()
    latents = np.split(index.latents, index.first[1:-1])
    assert dict(zip(words, map(np.ndarray.tolist, latents), strict=True)) == expected()


def test_words_select_the_latents_of_any(planted_bundle: Bundle) -> None:
    index = word_index(small(planted_bundle))
    assert index is not None
    for chosen in (["zz"], ["c", "zz"], ["a", "b"], []):
        hits = np.isin(index.words.to_pylist(), chosen)
        owners = set().union(*(expected()[word] for word in chosen))
        assert set(np.flatnonzero(index.latents_with(hits)).tolist()) == owners


def test_too_many_words_have_no_index(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 12 texts with 8 spaces, and 7 top tokens.
    monkeypatch.setattr(module, "MOST_PIECES", 27)
    assert word_index(small(planted_bundle)) is not None
    monkeypatch.setattr(module, "MOST_PIECES", 26)
    assert word_index(small(planted_bundle)) is None
