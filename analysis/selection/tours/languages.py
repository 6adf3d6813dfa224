"""Whether a latent fires on the same passages in several languages.

Translations of a passage are documents whose titles differ only in the language in brackets at the
end, as "The Elvish Treasury, passage 1 (pl)". Of two translations, only tokens count that the other
one does not contain: shared names, digits and pieces of words do not.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import stats

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.errors import InputError

_LANGUAGE = re.compile(r"^(.*) \(([A-Za-z_-]{2,12})\)$")
LEAST_LANGUAGES = 3
NAMES = {
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
"""Of frequent languages, by the word in brackets."""


@dataclass(frozen=True)
class LanguageAgreement:
    """The three or more languages in which a latent fires on the same passages."""

    languages: tuple[str, ...]
    """Every two of them agree at least as well as `p` says; the strongest three first."""
    counts: tuple[int, ...]
    """Passages on which it fires in each of them."""
    passages: int
    p: float
    """The largest p of Fisher's exact test among the pairs of the strongest three languages."""
    triples: int
    """Ways to choose three of the languages."""


@dataclass(frozen=True)
class Translations:
    """The documents of every passage that exists in all languages."""

    languages: tuple[str, ...]
    documents: Ints
    """[passages, languages] index of the document."""
    counted: Bools
    """[rows of the token table, languages] whether a token counts beside this language: it is in
    no token of that translation of its passage."""


@kept_for_bundle
def translations(bundle: Bundle) -> Translations:
    """The passages with translations. Raises InputError if there are fewer than three languages."""
    passages: dict[str, dict[str, int]] = defaultdict(dict)
    for document, title in enumerate(bundle.documents["title"].to_pylist()):
        if match := _LANGUAGE.match(title):
            passages[match[1]][match[2]] = document
    # Other titles also end with a word in brackets, but have no translations.
    translated = [p for p in passages.values() if len(p) >= LEAST_LANGUAGES]
    languages = sorted({name for passage in translated for name in passage})
    complete = [p for p in translated if len(p) == len(languages)]
    if len(languages) < LEAST_LANGUAGES or not complete:
        raise InputError(
            f"{bundle.name}: has no passages in {LEAST_LANGUAGES} languages, which a tour needs."
        )
    documents = np.array([[passage[name] for name in languages] for passage in complete])
    return Translations(tuple(languages), documents, _counted(bundle, documents))


def _counted(bundle: Bundle, documents: Ints) -> Bools:
    ends = bundle.kept_tokens.row_ends
    tokens = bundle.tokens["token"].combine_chunks()
    marks = np.zeros((len(tokens), documents.shape[1]), dtype=bool)
    for passage in documents:
        spans = [slice(int(ends[d - 1]) if d else 0, int(ends[d])) for d in passage.tolist()]
        texts = [tokens[span].cast(pa.string()).to_pylist() for span in spans]
        for a, b in itertools.combinations(range(len(texts)), 2):
            marks[spans[a], b], marks[spans[b], a] = untranslated([texts[a], texts[b]])
    return marks


def untranslated(texts: Sequence[Sequence[str]]) -> list[list[bool]]:
    """Which tokens of each translation of a passage no other one contains.

    texts holds the tokens of each translation. Case and spaces do not matter, and tokens without
    a letter never count.
    """
    plain = [[token.strip().casefold() for token in tokens] for tokens in texts]
    sets = [set(tokens) for tokens in plain]
    marks = []
    for own, tokens in enumerate(plain):
        others: set[str] = set().union(*(s for place, s in enumerate(sets) if place != own))
        marks.append([bool(re.search(r"[^\W\d_]", t)) and t not in others for t in tokens])
    return marks


def agreement_of(bundle: Bundle, latent: int) -> LanguageAgreement:
    """The languages in which a latent fires on the same passages, and how surely.

    Raises InputError if the bundle has no translations in three languages.
    """
    known = translations(bundle)
    rows = bundle.activations.of_latent(latent)[0]
    documents = bundle.kept_tokens.documents_of(rows)
    active = np.zeros((bundle.documents.num_rows, len(known.languages)), dtype=bool)
    for language in range(len(known.languages)):
        active[documents[known.counted[rows, language]], language] = True
    return _strongest(active[known.documents], known.languages)


def _strongest(fires: Bools, languages: Sequence[str]) -> LanguageAgreement:
    """The best three languages, and those that agree with them.

    fires [passages, a, b]: whether the latent fires on the passage in a, on tokens that b lacks.
    """
    total = len(languages)
    p = np.ones((total, total))
    for a, b in itertools.combinations(range(total), 2):
        p[a, b] = p[b, a] = _joint(fires[:, a, b], fires[:, b, a])

    def weakest(triple: tuple[int, ...]) -> float:
        return float(max(p[a, b] for a, b in itertools.combinations(triple, 2)))

    triples = list(itertools.combinations(range(total), LEAST_LANGUAGES))
    best = min(triples, key=weakest)
    largest = weakest(best)
    chosen = list(best)
    for more in range(total):
        if more not in chosen and all(p[more, one] <= largest for one in chosen):
            chosen.append(more)
    return LanguageAgreement(
        tuple(languages[i] for i in chosen),
        tuple(int(fires[:, i].any(axis=1).sum()) for i in chosen),
        len(fires),
        largest,
        len(triples),
    )


def _joint(first: Bools, second: Bools) -> float:
    """P(as many joint passages or more) if the passages of one language were shuffled."""
    joint = int((first & second).sum())
    return float(stats.hypergeom.sf(joint - 1, len(first), int(first.sum()), int(second.sum())))
