"""CPU time of the mask of every kind of selection, on a synthetic latent table.

    .venv/bin/python -m bench.bench_selection [--latents N] [--rounds R] [--contexts C]

Labels are words of a vocabulary with the skew of a corpus, maps are two-dimensional normal, and
each latent has ten top tokens and C strongest contexts in a corpus of ten tokens for each latent.
Prints the median CPU milliseconds of each selection and its target at a million latents: a box 20,
a lasso of 100 corners 150, a search 200. The indexes are built before; the first line states how
long that took and how much memory the index of the contexts has.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle, KeptTokens
from analysis.bundle.open import TopWords
from analysis.selection import And, InContext, Search, Selection, drawn_lasso, evaluate, parse
from analysis.selection.context_index import ContextIndex, first_contexts
from analysis.selection.word_index import word_index

VOCABULARY = 50_000
TOP_TOKENS = 10
DOCUMENT = 512
"""Tokens of a document."""
EXPLANATION = 12
"""Words of an explanation."""


@dataclass(frozen=True)
class _Tables:
    """What selections read of a bundle."""

    latents: pa.Table
    top_words: TopWords


def _words(rng: np.random.Generator, size: int | tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Indices of words; the n-th most frequent has a share in proportion to n^-1.3."""
    return np.minimum(rng.zipf(1.3, size) - 1, VOCABULARY - 1)


def _vocabulary(rng: np.random.Generator) -> npt.NDArray[np.str_]:
    lengths = rng.integers(2, 10, VOCABULARY)
    return np.array(["".join(chr(97 + c) for c in rng.integers(0, 26, n)) for n in lengths])


def synthetic(latents: int, contexts: int) -> tuple[Bundle, ContextIndex]:
    """A latent table with what selections read of it, and the index of its contexts."""
    rng = np.random.default_rng(0)
    words = _vocabulary(rng)
    x, y = rng.standard_normal((2, latents), dtype=np.float32)
    off_map = rng.random(latents) < 0.05
    table = pa.table(
        {
            "label": [", ".join(row) for row in words[_words(rng, (latents, 3))]],
            "explanation": [" ".join(row) for row in words[_words(rng, (latents, EXPLANATION))]],
            "x": pa.array(x, mask=off_map),
            "y": pa.array(y, mask=off_map),
            "density": np.exp(rng.normal(-8, 1.5, latents)),
            "flag": pa.array(rng.integers(0, 2, latents)).cast(pa.string()),
        }
    )
    top = TopWords(
        pa.array(words),
        _words(rng, latents * TOP_TOKENS).astype(np.int32),
        np.repeat(np.arange(latents), TOP_TOKENS),
    )
    bundle = cast("Bundle", _Tables(table, top))
    return bundle, _index(rng, words, latents, contexts)


def _index(
    rng: np.random.Generator, words: npt.NDArray[np.str_], latents: int, contexts: int
) -> ContextIndex:
    tokens = 10 * latents
    codes = _words(rng, tokens)
    spaced = pa.array(" " + words.astype(object), pa.large_string())
    text = np.frombuffer(spaced.take(pa.array(codes)).buffers()[2], dtype=np.uint8)
    lengths = pc.binary_length(spaced).to_numpy()[codes]
    rows = np.sort(rng.integers(0, tokens, latents * contexts).astype(np.int32))
    owners = rng.permutation(np.repeat(np.arange(latents, dtype=np.int32), contexts))
    document = np.arange(tokens) // DOCUMENT
    return ContextIndex(
        latents,
        text,
        np.concatenate([[0], lengths]).cumsum(dtype=np.int32),
        KeptTokens.of(document, np.ones(tokens, dtype=np.bool_)),
        first_contexts(rows, tokens),
        owners,
        21,
    )


def _lasso(radius: float) -> Selection:
    """A lasso of 100 corners around the middle, with a ragged outline."""
    rng = np.random.default_rng(1)
    turns = 2 * math.pi * np.arange(100) / 100
    radii = radius * rng.uniform(0.7, 1.3, 100)
    points = np.stack([radii * np.cos(turns), radii * np.sin(turns)], axis=1)
    return drawn_lasso([(float(a), float(b)) for a, b in points])


def main(latents: int, rounds: int, contexts: int) -> None:
    """Print the median milliseconds of every selection."""
    began = time.process_time()
    bundle, index = synthetic(latents, contexts)
    size = sum(a.nbytes for a in (index.text, index.starts, index.first, index.latents))
    print(f"{latents:,} latents; made in {time.process_time() - began:.0f} s of CPU time; ", end="")
    print(f"contexts {len(index.latents):,}, text {index.text.nbytes / 1e6:.0f} MB, ", end="")
    print(f"index {size / 1e6:.0f} MB")
    began = time.process_time()
    by_word = word_index(bundle)
    assert by_word is not None
    size = by_word.words.nbytes + by_word.first.nbytes + by_word.latents.nbytes
    print(f"index of {len(by_word.words):,} words: ", end="")
    print(f"{size / 1e6:.0f} MB, {time.process_time() - began:.1f} s of CPU time")
    common, rare = (str(bundle.top_words.words[place]) for place in (3, 9_000))
    cases: dict[str, tuple[Selection, int | None]] = {
        "box": (parse("box(-1,0.5,-2,1)"), 20),
        "lasso, 100 corners, 40 % inside": (_lasso(1.0), 150),
        "lasso, 100 corners, all inside": (_lasso(9.0), 150),
        "search, common word": (Search(common), 200),
        "search, rare word": (Search(rare), 200),
        "search, one letter": (Search("a"), 200),
        "search, two words": (And((Search(common), Search(rare))), 200),
        "search, a phrase": (Search(f"{common} {rare}"), 200),
        "search, a common phrase": (Search(f"{common} {common}"), 200),
        "regular expression": (parse("/^(ab|cd).*e$/"), None),
        "range": (parse("density=1e-4..1e-3"), None),
        "contexts, common word": (InContext(f" {common} "), 200),
        "contexts, rare word": (InContext(rare), 200),
        "contexts, one letter": (InContext("a"), None),
    }
    for name, (selection, target) in cases.items():
        seconds = []
        for _ in range(rounds):
            began = time.process_time()
            mask = _mask(selection, bundle, index)
            seconds.append(time.process_time() - began)
        aim = "" if target is None else f"   at most {target}"
        print(
            f"{name:<34}{1e3 * statistics.median(seconds):8.1f} ms {mask.sum():>10,} selected{aim}"
        )


def _mask(selection: Selection, bundle: Bundle, index: ContextIndex) -> Any:
    if isinstance(selection, InContext):
        return index.latents_with(selection.text)
    return evaluate(selection, bundle)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contexts", type=int, default=20)
    options = parser.parse_args()
    main(options.latents, options.rounds, options.contexts)
