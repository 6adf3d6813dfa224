"""Words in contexts, against the windows that the pages show, joined and searched in Python."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import Bundle, KeptTokens
from analysis.latents.windows import WindowReader
from analysis.runtime.errors import InputError
from analysis.selection import context_index as module
from analysis.selection.context_index import ContextIndex, context_index, first_contexts


@pytest.fixture(scope="module")
def windows(planted_bundle: Bundle) -> list[tuple[int, str]]:
    """The latent and the text of every strongest context."""
    contexts = planted_bundle.contexts.all()
    contexts = contexts.filter(pc.equal(contexts["kind"].cast(pa.string()), "top"))
    length = planted_bundle.manifest.parameters.context_tokens
    read = WindowReader.of(planted_bundle).read(contexts, length)
    texts = ["".join(tokens).lower() for tokens in read["tokens"].to_pylist()]
    return list(zip(read["latent"].to_pylist(), texts, strict=True))


def _searched(windows: list[tuple[int, str]]) -> Iterator[str]:
    """Pieces of contexts of every length, words, and what is nowhere."""
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 5, 9, 20, 60):
        for _ in range(6):
            text = windows[rng.integers(len(windows))][1]
            start = rng.integers(max(1, len(text) - length))
            yield text[start : start + length]
    yield from ("the", "zzzz", "whale", "x" * 500)


def test_latents_with_a_text_in_a_context(
    planted_bundle: Bundle, windows: list[tuple[int, str]]
) -> None:
    index, hits = context_index(planted_bundle), set()
    for text in _searched(windows):
        expected = {latent for latent, window in windows if text in window}
        assert set(np.flatnonzero(index.latents_with(text.upper()))) == expected, text
        hits.add(len(expected))
    assert len(hits) > 8


def test_an_empty_text_selects_all_latents_with_contexts(
    planted_bundle: Bundle, windows: list[tuple[int, str]]
) -> None:
    mask = context_index(planted_bundle).latents_with("")
    assert set(np.flatnonzero(mask)) == {latent for latent, _ in windows}


def _small() -> ContextIndex:
    """Two documents, "abcde" and "fghi", one letter each token; a context is three tokens."""
    document = np.array([0] * 5 + [1] * 4)
    return ContextIndex(
        n_latents=9,
        text=np.frombuffer(b"abcdefghi", dtype=np.uint8),
        starts=np.arange(10, dtype=np.int32),
        kept=KeptTokens.of(document, np.ones(9, dtype=np.bool_)),
        first=np.arange(10, dtype=np.int32),
        latents=np.arange(9, dtype=np.int32),
        length=3,
    )


@pytest.mark.parametrize(
    ("text", "latents"),
    [
        ("a", [0, 1]), ("b", [0, 1, 2]), ("e", [3, 4]), ("f", [5, 6]), ("i", [7, 8]),
        ("bc", [1, 2]), ("bcd", [2]), ("abcd", []), ("de", [3, 4]), ("cde", [3]),
        ("ef", []), ("def", []), ("efg", []), ("ia", []), ("hi", [7, 8]),
    ],
)  # fmt: skip
def test_a_context_holds_the_whole_text_inside_its_document(text: str, latents: list[int]) -> None:
    assert np.flatnonzero(_small().latents_with(text)).tolist() == latents


def test_texts_are_found_across_the_pieces_that_are_compared(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle, windows: list[tuple[int, str]]
) -> None:
    index = context_index(planted_bundle)
    texts = list(_searched(windows))[:20]
    whole = [index.latents_with(text) for text in texts]
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    for text, mask in zip(texts[:6], whole, strict=False):
        assert (index.latents_with(text) == mask).all()


def test_the_first_context_of_each_token() -> None:
    rows = np.array([0, 0, 2, 5], dtype=np.int32)
    assert first_contexts(rows, 6).tolist() == [0, 2, 2, 3, 3, 3, 4]
    assert first_contexts(rows[:0], 2).tolist() == [0, 0, 0]


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_CONTEXTS"])
def test_the_memory_is_limited(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle, limit: str
) -> None:
    monkeypatch.setattr(module, limit, 1_000)
    with pytest.raises(InputError, match="search labels and tokens instead"):
        context_index.__wrapped__(planted_bundle)  # type: ignore[attr-defined]


def test_a_corpus_is_searched_up_to_its_limits(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    assert (module.MOST_BYTES, module.MOST_CONTEXTS) == (256_000_000, 24_000_000)
    index = context_index(planted_bundle)
    for name, size in (("MOST_BYTES", len(index.text)), ("MOST_CONTEXTS", len(index.latents))):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, size)
            context_index.__wrapped__(planted_bundle)  # type: ignore[attr-defined]
            patch.setattr(module, name, size - 1)
            with pytest.raises(InputError, match="search labels and tokens instead"):
                context_index.__wrapped__(planted_bundle)  # type: ignore[attr-defined]
