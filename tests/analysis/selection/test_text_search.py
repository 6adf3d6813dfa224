"""Searches in labels, explanations and top tokens, and the limit of a regular expression."""

import re
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.selection import text_search
from analysis.selection.text_search import (
    containing,
    index_of_words,
    latents_containing,
    latents_matching,
    matching,
)


def test_texts_that_contain_or_match() -> None:
    texts = pa.array(["Zebra, 42 km", "zebras", "", "É", "a.b"])
    assert containing("zebra")(texts).tolist() == [True, True, False, False, False]
    assert containing(".")(texts).tolist() == [False, False, False, False, True]
    assert containing("é")(texts).tolist() == [False, False, False, True, False]
    assert matching(r"ZEBRA\b|^é")(texts).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 200, 1_000])
def test_a_regular_expression_over_many_texts(total: int) -> None:
    texts = [f"{number:b}" for number in range(total)]
    expected = [re.search("101{2,}0$", text) is not None for text in texts]
    assert matching("101{2,}0$")(pa.array(texts, pa.string())).tolist() == expected


def test_a_label_in_another_chunk_is_of_its_latent(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    labels = pa.chunked_array([["x"] * 150, ["x"] * 7 + ["quagga"] + ["x"] * 42])
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = latents.set_column(
        latents.column_names.index("label"), "label", labels
    )
    assert np.flatnonzero(latents_matching(bundle, containing("QUAGGA"))).tolist() == [157]


def test_a_column_without_a_text_is_searched_too(planted_bundle: Bundle) -> None:
    latents = planted_bundle.latents
    empty = pa.chunked_array([[""] * 150, [""] * 50])
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = latents.set_column(
        latents.column_names.index("explanation"), "explanation", empty
    )
    assert latents_matching(bundle, matching("^$")).all()
    assert latents_matching(bundle, containing("")).all()
    assert not latents_matching(bundle, containing("quagga")).any()


def test_an_index_of_words_selects_the_same(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    words = ["", "Mako", "kilo", "\u212ailo", "É", "é", "a", "of", "off", "toast"]
    texts = [" ".join(rng.choice(words, 4)) for _ in range(400)]
    tokens = [list(rng.choice([" of", "of a", "a", "x"], 2)) for _ in range(200)]
    bundle = replace(planted_bundle)
    vars(bundle)["latents"] = pa.table(
        {"label": texts[:200], "explanation": texts[200:], "top_tokens": tokens}
    )
    vars(bundle).pop("top_words", None)
    searched = ["", " ", "  ", "o", "KILO", "\u212a", " of", "of ", " of ", "f t", "of a", "É  m",
                "a kilo o", "o k", "x", "Off  toast", "oast of a", "q"]  # fmt: skip
    plain = [latents_matching(bundle, containing(text)) for text in searched]
    monkeypatch.setattr(text_search, "MANY_LATENTS", 200)
    assert index_of_words(bundle) is not None
    counts = set()
    for text, mask in zip(searched, plain, strict=True):
        assert (latents_containing(bundle, text) == mask).all(), text
        counts.add(int(mask.sum()))
    assert len(counts) > 8
    monkeypatch.setattr(text_search, "MANY_LATENTS", 201)
    assert index_of_words(bundle) is None
    assert (latents_containing(bundle, "of a") == plain[searched.index("of a")]).all()


def test_the_time_of_a_regular_expression_is_limited_over_all_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(1_000))
    monkeypatch.setattr(time, "thread_time", lambda: next(clock) * 0.3)
    matches = matching("a+b")
    assert matches(pa.array(["ab"] * 3)).all()  # two steps of .3 s
    with pytest.raises(InputError, match=r"/a\+b/ takes longer than 1 s for this bundle"):
        matches(pa.array(["ab"] * 3))


def test_the_costliest_regular_expression_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_search, "MOST_SECONDS", 0.05)
    pattern = r"(\pL?){300}" + r"\pN" * 20
    texts = pa.array(["the quick brown fox jumps over it "] * 20_000)
    with pytest.raises(InputError, match="takes longer than"):
        matching(pattern)(texts)
