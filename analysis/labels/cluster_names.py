"""The names of clusters: words and phrases that several members share, with their evidence.

A member **fires most on** a term that is among its `TELLING` best terms. A name has up to
`LABEL_TERMS` terms that at least `LEAST_HOLDERS` members fire most on. They are chosen one after
another: each time the term with the largest score (class-based TF-IDF, see `naming.py`) times the
share of its holders that no earlier term of the name has; a term of at least half of the members
counts in full. There are up to `MOST_TERMS` if fewer than half fire most on the first ones.

Whole words and phrases come first. Punctuation, pieces of words and single letters name a cluster
only if its words do not: if the words have less than `FEW` times the share of the members'
activation that these have, and fewer members fire most on them. They are then described in words
(`descriptions.py`). A name that fits fewer than `MIXED` of the members begins with "mixed". Names
are distinct within a level of a space: the second of two equal names gets a further term of its own
cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from analysis.labels.descriptions import Kind, Readable, described
from analysis.labels.evidence import Evidence
from analysis.labels.naming import (
    LABEL_TERMS,
    LEAST_HOLDERS,
    SEPARATOR,
    Ballot,
    SharedTerm,
    shared_terms,
)
from analysis.runtime.arrays import Bools, Int32s, Ints

TELLING = 3
"""Best terms of a member that it fires most on."""
MOST_TERMS = 5
"""Terms of a name that needs many to describe half of the members."""
FEW = 0.5
"""Words name a cluster if they have at least this part of the activation that signs have."""
MIXED = 0.25
"""Share of the members below which a name does not describe the cluster as a whole."""


@dataclass(frozen=True)
class ClusterName:
    """The name of a cluster and the members that it describes."""

    text: str
    """Empty if the members share nothing."""
    kinds: list[Kind]
    """Of the terms of the name."""
    terms: list[str]
    """The terms of the name, best first."""
    holders: int
    """Members that fire most on one of its terms."""
    members: int
    """Members in all, duplicates as one and without dense ones."""


def cluster_names(
    members: Sequence[Ints | Int32s],
    levels: Sequence[tuple[str, int]],
    evidence: Evidence,
    tops: Sequence[Sequence[int]],
    readable: Readable,
) -> list[ClusterName]:
    """The names [C] of clusters with these members, at these spaces and levels.

    `tops` are the `top_terms` of every latent.
    """
    telling = _telling(evidence, tops, readable)
    plain = readable.plain
    words, signs = (
        shared_terms(members, levels, _ballot(evidence, telling, readable, which))
        for which in (plain, ~plain)
    )
    shares = _shares(evidence, readable, telling.shape)
    taken: set[tuple[str, int, str]] = set()
    return [
        _named(level, ids, by_words, by_signs, (telling, shares), readable, taken)
        for level, ids, by_words, by_signs in zip(levels, members, words, signs, strict=True)
    ]


def _telling(
    evidence: Evidence, tops: Sequence[Sequence[int]], readable: Readable
) -> scipy.sparse.csr_matrix:
    """[F, R], 1 for the readable terms that a latent fires most on."""
    rows = np.repeat(np.arange(len(tops)), [min(len(columns), TELLING) for columns in tops])
    held = [evidence.term[i, c] for i, columns in enumerate(tops) for c in columns[:TELLING]]
    return _ones(rows, readable.of_term[np.array(held, dtype=int)], (len(tops), readable))


def _ones(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, Readable]
) -> scipy.sparse.csr_matrix:
    size = (shape[0], len(shape[1].texts))
    result = scipy.sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), size)
    result.sum_duplicates()
    result.data[:] = 1
    return result


def _shares(
    evidence: Evidence, readable: Readable, shape: tuple[int, int]
) -> scipy.sparse.csr_matrix:
    """float32 [F, R], the share of a latent's activation on each readable term.

    It can exceed 1 where a token has several terms with one description.
    """
    latent, column = np.nonzero(evidence.term >= 0)
    term = readable.of_term[evidence.term[latent, column]]
    return scipy.sparse.csr_matrix((evidence.share[latent, column], (latent, term)), shape)


def _ballot(
    evidence: Evidence, telling: scipy.sparse.csr_matrix, readable: Readable, which: Bools
) -> Ballot:
    """Votes for the readable terms `which` bool [R] by their scores, not divided again."""
    latent, column = np.nonzero(evidence.score > 0)
    term = readable.of_term[evidence.term[latent, column]]
    score = evidence.score[latent, column].astype(np.float64)
    total = np.bincount(latent, score, minlength=len(evidence.term))
    inside = which[term]
    votes = scipy.sparse.csr_matrix(
        ((score / total[latent])[inside], (latent[inside], term[inside])), shape=telling.shape
    )
    holds = telling.tocsc(copy=True)
    holds.data[~np.repeat(which, np.diff(holds.indptr))] = 0
    holds = holds.tocsr()
    holds.eliminate_zeros()
    # A description that contains another one ("quotation marks with commas") does not repeat it.
    core = [
        text.casefold() if is_plain else str(place)
        for place, (text, is_plain) in enumerate(zip(readable.texts, readable.plain, strict=True))
    ]
    return Ballot(votes, holds, readable.texts, core)


def _named(
    level: tuple[str, int],
    members: Ints | Int32s,
    words: Sequence[SharedTerm],
    signs: Sequence[SharedTerm],
    of_latents: tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix],
    readable: Readable,
    taken: set[tuple[str, int, str]],
) -> ClusterName:
    """The name of one cluster, new on its level.

    of_latents: what each latent fires most on, and the shares of its activation, [F, R] each.
    """
    of_members, shares = (matrix[members] for matrix in of_latents)
    by_words, by_signs = (_chosen(terms, of_members, readable) for terms in (words, signs))
    with_words, with_signs = (_activation(shares, chosen) for chosen in (by_words, by_signs))
    of_words, of_signs = (_holders(of_members, chosen) for chosen in (by_words, by_signs))
    use_words = with_words >= FEW * with_signs or of_words >= of_signs
    ranked = [*words, *signs] if use_words else [*signs, *words]
    chosen = by_words if use_words else by_signs
    # Without a term that members share, the best terms of single members are better than nothing.
    chosen = chosen or [term.term for term in ranked[:LABEL_TERMS]]
    more = [t.term for t in ranked if t.term not in chosen]
    fits = _holders(of_members, chosen)
    start = "mixed: " if fits < MIXED * len(members) else ""
    text, used = _distinct(start, chosen, more, level, readable, taken)
    return ClusterName(
        text,
        [readable.kinds[t] for t in used],
        [readable.texts[t] for t in used],
        holders=_holders(of_members, used),
        members=len(members),
    )


def _holders(telling: scipy.sparse.csr_matrix, terms: Sequence[int]) -> int:
    """Members that fire most on one of some terms."""
    return int((telling[:, list(terms)].sum(axis=1) > 0).sum())


def _activation(shares: scipy.sparse.csr_matrix, terms: Sequence[int]) -> float:
    """Mean share of the members' activation on some terms; shares [m, R] of each."""
    of_member = np.asarray(shares[:, list(terms)].sum(axis=1)).ravel()
    return float(np.minimum(of_member, 1).mean()) if len(of_member) else 0.0


def _chosen(
    terms: Sequence[SharedTerm], telling: scipy.sparse.csr_matrix, readable: Readable
) -> list[int]:
    """The terms of a name; telling [m, R]: what each member fires most on."""
    shared = [term for term in terms if term.latents >= LEAST_HOLDERS]
    holds = np.asarray(telling[:, [term.term for term in shared]].todense()) > 0
    scores = np.array([term.score for term in shared])
    words = [_words(term.term, readable) for term in shared]
    covered = np.zeros(len(holds), dtype=bool)
    chosen: list[int] = []
    if not shared:
        return []
    while len(chosen) < (LABEL_TERMS if 2 * covered.sum() >= len(holds) else MOST_TERMS):
        new = (holds & ~covered[:, None]).sum(axis=0) / np.maximum(holds.sum(axis=0), 1)
        new[2 * holds.sum(axis=0) >= len(holds)] = 1
        repeats = np.array([any(own & words[i] for i in chosen) for own in words])
        gain = np.where(repeats, 0, scores * new)
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        covered |= holds[:, best]
    return [shared[i].term for i in chosen]


def _words(term: int, readable: Readable) -> set[str]:
    """What no other term of a name repeats: the words of a word or phrase, or a description."""
    if readable.kinds[term] is not Kind.PLAIN:
        return {f"description {term}"}
    return set(readable.texts[term].casefold().split())


def _distinct(
    start: str,
    chosen: Sequence[int],
    more: Sequence[int],
    level: tuple[str, int],
    readable: Readable,
    taken: set[tuple[str, int, str]],
) -> tuple[str, list[int]]:
    """A text that is new on the level and its terms: with a further term, or else with a number."""
    if not chosen:
        return "", []
    options = [list(chosen), *([*chosen, term] for term in more)]
    texts = [start + _text(terms, readable) for terms in options]
    free = [i for i, text in enumerate(texts) if (*level, text) not in taken]
    at, text = (free[0], texts[free[0]]) if free else (0, texts[0])
    number = 2
    while (*level, text) in taken:
        text = f"{texts[0]} ({number})"
        number += 1
    taken.add((*level, text))
    return text, options[at]


def _text(terms: Sequence[int], readable: Readable) -> str:
    """The words and phrases, and the description of the other terms; what is best comes first."""
    plain = [readable.texts[t] for t in terms if readable.kinds[t] is Kind.PLAIN]
    rest = [t for t in terms if readable.kinds[t] is not Kind.PLAIN]
    parts = [SEPARATOR.join(plain)]
    parts.append(described([readable.kinds[t] for t in rest], [readable.texts[t] for t in rest]))
    if rest and rest[0] == terms[0]:
        parts.reverse()
    return SEPARATOR.join(part for part in parts if part)
