"""Forty searches of the shipped bundle: is a right latent among the first five?

The queries were written before any search of this bundle, by reading the words of its corpus and
labels. What is right is read off the tables, not off the index of the search: a latent is right for
some words if

- its label has one of them as a term, or
- one of them is the word of the strongest token in at least `LEAST_PICKED` of its top contexts, or
- at least `LEAST_AROUND` of its top contexts have the text of the query (context queries only).
"""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.labels import SEPARATOR
from analysis.latents.windows import rows_around
from analysis.selection.search import search
from tests.conftest import DEMO_BUNDLE

LEAST_RIGHT = 32
FIRST = 5
LEAST_PICKED = 5
LEAST_AROUND = 2
SPACED_WORD = re.compile(r"\w+")


class Query(NamedTuple):
    """A text that a reader types, and the words that a right latent is about."""

    text: str
    words: str
    in_context: bool = False


EXACT = [
    Query(word, word)
    for word in (
        "sugar",
        "garlic",
        "congress",
        "derivative",
        "elves",
        "socket",
        "constitution",
        "Christ",
    )
]
INFLECTED = [
    Query("minute", "minute minutes"),
    Query("onions", "onion onions"),
    Query("treaties", "treaty treaties"),
    Query("integrals", "integral integrals integration"),
    Query("exceptions", "exception exceptions"),
    Query("fights", "fight fights fighting fought"),
    Query("villages", "village villages"),
    Query("functions", "function functions"),
]
SYNONYMS = [
    Query("ocean", "sea seas ocean water waters"),
    Query("liberty", "liberty freedom free"),
    Query("commerce", "trade commerce"),
    Query("warriors", "soldiers soldier troops warriors"),
    Query("aid", "help aid support"),
    Query("labor", "work labor works"),
    Query("swift", "fast quick quickly speed swift"),
    Query("queen", "king kings queen prince"),
]
IN_CONTEXTS = [
    Query(word, word, in_context=True)
    for word in (
        "dragon",
        "mushrooms",
        "parliament",
        "battle",
        "speech",
        "astronomer",
        "oven",
        "shader",
    )
]
OTHER_LANGUAGES = [
    Query("Zwerge", "zwerg zwerge zwergen"),
    Query("orchi", "orchi orco"),
    Query("ennemis", "ennemi ennemis"),
    Query("unidades", "unidad unidades"),
    Query("batalha", "batalha batalhas"),
    Query("jednostki", "jednostka jednostki jednostek"),
    Query("musíme", "musíme"),
    Query("zwischen", "zwischen"),
]
QUERIES = EXACT + INFLECTED + SYNONYMS + IN_CONTEXTS + OTHER_LANGUAGES


class Judge:
    """Which latents are right for some words, by the tables of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.labels = bundle.latents["label"]
        self.contexts = bundle.contexts
        self.kept = bundle.kept_tokens
        self.length = bundle.manifest.parameters.context_tokens
        self.tokens = bundle.tokens["token"].cast("string").to_pylist()
        self.text = "".join(self.tokens).casefold()
        self.ends = np.cumsum([len(token.casefold()) for token in self.tokens])
        self.words = [(m.start(), m.end()) for m in SPACED_WORD.finditer(self.text)]
        self.starts = np.array([start for start, _ in self.words])

    def is_right(self, latent: int, query: Query) -> bool:
        """Whether the latent is about one of the words of the query."""
        wanted = set(query.words.casefold().split())
        terms = self.labels[latent].as_py().casefold().split(SEPARATOR)
        if wanted & set(terms):
            return True
        picked = self._picked(latent)
        words = Counter(self._word(row) in wanted for row in picked)
        if words[True] >= LEAST_PICKED:
            return True
        if not query.in_context:
            return False
        around = sum(query.text.casefold() in self._around(row) for row in picked)
        return around >= LEAST_AROUND

    def _picked(self, latent: int) -> list[int]:
        rows = self.contexts.of(latent).to_pylist()
        return [
            int(self.kept.row_starts[np.searchsorted(self.kept.documents, row["document"])])
            + row["position"]
            for row in rows
            if row["kind"] == "top"
        ]

    def _word(self, row: int) -> str:
        last = self.ends[row] - 1
        place = int(np.searchsorted(self.starts, last, side="right")) - 1
        start, end = self.words[place]
        return self.text[start:end] if last < end else ""

    def _around(self, row: int) -> str:
        window = rows_around(self.kept, np.array([row]), self.length).rows
        return "".join(self.tokens[i] for i in window).casefold()


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return open_bundle(DEMO_BUNDLE)


def test_forty_queries_of_five_kinds() -> None:
    assert len({query.text for query in QUERIES}) == 40


def test_a_right_latent_is_among_the_first_five(demo: Bundle) -> None:
    judge = Judge(demo)
    missed = [
        query.text
        for query in QUERIES
        if not any(
            judge.is_right(hit.item, query) for hit in search(demo, query.text).latents[:FIRST]
        )
    ]
    assert len(QUERIES) - len(missed) >= LEAST_RIGHT, missed
