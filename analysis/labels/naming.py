"""Labels from the evidence, and the words that the members of a cluster share.

The label of a **latent** is its best terms. For a **cluster**, every member has one vote, divided
over its terms by their scores. A term's score is tf · log(1 + A / f) · n / (n + 1), where tf is its
share of the cluster's votes, A the mean number of votes of a cluster, f the term's votes in all
clusters of the level (class-based TF-IDF, Grootendorst 2022), and n the number of members that have
the term. The same score finds the tokens that the members promote and the words that their
explanations share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse

from analysis.labels import SEPARATOR
from analysis.labels.evidence import Evidence
from analysis.runtime.arrays import Int32s, Ints

TOP_TOKENS = 8
"""Maximum number of terms shown for a latent."""
LABEL_TERMS = 3
"""Maximum number of terms in a label."""
CLUSTER_TERMS = 10
"""Maximum number of terms stored for a cluster."""

LEAST_TOKENS = 5
"""Active tokens in the naming documents below which a latent gets no label."""

LEAST_SHARE = 0.05
"""Minimum share of a latent's activation on a term of its label."""
RELATIVE_SCORE = 0.35
"""Minimum score of a term of a label, relative to the label's first term."""

LEAST_HOLDERS = 2
"""Members that must promote a token, or be explained by a word, for the cluster to have it."""

SHORTEST_STEM = 4
"""A term repeats another of at least this many letters that it contains: patients, patient."""


@dataclass(frozen=True)
class Name:
    """A label or an explanation, with the terms by which it is scored."""

    text: str
    """Empty if there is none."""
    terms: list[int]
    """Terms of the corpus, best first."""


@dataclass(frozen=True)
class SharedTerm:
    """A term that the members of a cluster share."""

    term: int
    """Index into the vocabulary of its ballot."""
    score: float
    """As in the header."""
    latents: int
    """Members that have it."""


@dataclass(frozen=True)
class Ballot:
    """The votes of every latent over a vocabulary of V terms."""

    votes: scipy.sparse.csr_matrix
    """[F, V], one vote of every latent that has a term, divided over its terms."""
    holds: scipy.sparse.csr_matrix
    """[F, V], 1 if the latent counts as a holder of the term."""
    shown: Sequence[str]
    """[V], the terms."""
    core: Sequence[str]
    """[V], their letters in lower case."""


def top_terms(evidence: Evidence) -> list[list[int]]:
    """[F], the columns of `evidence` that are shown of each latent; none repeats another."""
    return [_without_echoes(row[row >= 0], evidence.core, TOP_TOKENS) for row in evidence.term]


def latent_names(evidence: Evidence, tops: Sequence[Sequence[int]]) -> list[Name]:
    """The label [F] of every latent; `tops` are its `top_terms`.

    Empty for a latent that fires on nearly everything or hardly at all.
    """
    terms = [_label_terms(evidence, latent, columns) for latent, columns in enumerate(tops)]
    return [Name(SEPARATOR.join(evidence.shown[t] for t in row), row) for row in terms]


def top_tokens(evidence: Evidence, tops: Sequence[Sequence[int]]) -> list[list[str]]:
    """[F], the `top_terms` of every latent as text, best first, up to TOP_TOKENS each."""
    return [
        [evidence.shown[evidence.term[latent, i]] for i in columns]
        for latent, columns in enumerate(tops)
    ]


def token_ballot(evidence: Evidence, tops: Sequence[Sequence[int]]) -> Ballot:
    """Every latent votes for its terms by their scores, and holds its `top_terms`."""
    latent, column = np.nonzero(evidence.score > 0)
    shape = (len(evidence.term), len(evidence.shown))
    votes = _divided(latent, evidence.term[latent, column], evidence.score[latent, column], shape)
    holders = np.repeat(np.arange(shape[0]), [len(columns) for columns in tops])
    held = [evidence.term[i, c] for i, columns in enumerate(tops) for c in columns]
    ones = np.ones(len(held), dtype=np.float32)
    holds = scipy.sparse.csr_matrix((ones, (holders, np.array(held, int))), shape=shape)
    return Ballot(votes, holds, evidence.shown, evidence.core)


def promoted_ballot(logits: pa.Table, latents: int) -> Ballot:
    """Every latent votes for the tokens that it promotes, by their effects on the logits.

    `logits` is the bundle's table. Tokens that differ only in case or in a leading space are one.
    """
    rows = logits.filter(
        pc.and_(
            pc.equal(pc.cast(logits["sign"], pa.string()), "positive"),
            pc.greater(logits["effect"], 0),
        )
    )
    tokens = pc.dictionary_encode(rows["token"].combine_chunks())
    shown = [token.strip() or token for token in tokens.dictionary.to_pylist()]
    codes = tokens.indices.to_numpy(zero_copy_only=False)
    return _word_ballot(rows["latent"].to_numpy(), codes, shown, rows["effect"].to_numpy(), latents)


def explained_ballot(words: Sequence[Sequence[str]]) -> Ballot:
    """Every latent votes evenly for the content words [F] of its explanation."""
    latent = np.repeat(np.arange(len(words)), [len(row) for row in words])
    shown = [word for row in words for word in row]
    ones = np.ones(len(shown))
    return _word_ballot(latent, np.arange(len(shown)), shown, ones, len(words))


def shared_terms(
    members: Sequence[Ints | Int32s],
    levels: Sequence[tuple[str, int]],
    ballot: Ballot,
    least_latents: int = 1,
) -> list[list[SharedTerm]]:
    """The terms [C] that the members of each cluster share, best first.

    `members` [C] are the latents of each cluster and `levels` [C] its space and level; clusters are
    compared with those of the same level. A term counts if at least `least_latents` members hold
    it.
    """
    terms: list[list[SharedTerm]] = [[] for _ in members]
    by_level: dict[tuple[str, int], list[int]] = {}
    for place, level in enumerate(levels):
        by_level.setdefault(level, []).append(place)
    for places in by_level.values():
        membership = membership_matrix([members[place] for place in places], ballot.votes.shape[0])
        weights = _class_tf_idf(membership @ ballot.votes)
        holders = (membership @ ballot.holds).tocsr()
        for row, place in enumerate(places):
            terms[place] = _cluster_terms(weights, holders, row, ballot.core, least_latents)
    return terms


def membership_matrix(members: Sequence[Ints | Int32s], latents: int) -> scipy.sparse.csr_matrix:
    """float32 [C, latents], 1 for every member of each cluster."""
    row = np.repeat(np.arange(len(members)), [len(ids) for ids in members])
    column = np.concatenate([np.empty(0, dtype=np.int64), *members])
    ones = np.ones(len(row), dtype=np.float32)
    return scipy.sparse.csr_matrix((ones, (row, column)), shape=(len(members), latents))


def _label_terms(evidence: Evidence, latent: int, columns: Sequence[int]) -> list[int]:
    """The terms of a latent's label, out of some columns of its evidence that are best first."""
    if evidence.active[latent] < LEAST_TOKENS:
        return []
    share, score = (row[latent].astype(np.float64) for row in (evidence.share, evidence.score))
    telling = [i for i in columns if share[i] >= LEAST_SHARE]
    if not telling:
        return []
    chosen = [i for i in telling if score[i] >= RELATIVE_SCORE * score[telling[0]]]
    return [int(evidence.term[latent, i]) for i in chosen[:LABEL_TERMS]]


def _without_echoes(terms: np.ndarray, core: Sequence[str], most: int) -> list[int]:
    """Places in `terms` [n] of the first `most` that do not repeat an earlier one."""
    kept: list[int] = []
    for i, term in enumerate(terms.tolist()):
        if len(kept) == most:
            break
        if not any(_echo(core[term], core[int(terms[k])]) for k in kept):
            kept.append(i)
    return kept


def _echo(text: str, earlier: str) -> bool:
    """Whether one core contains the other: as a stem, a piece, or a word of a phrase."""
    short, long = sorted((text, earlier), key=len)
    return (len(short) >= SHORTEST_STEM and short in long) or short in (long, *long.split())


def _word_ballot(
    latent: np.ndarray, code: np.ndarray, texts: Sequence[str], weight: np.ndarray, latents: int
) -> Ballot:
    """The ballot where latent [n] votes for texts[code [n]] with a weight [n].

    Texts that differ only in case are one.
    """
    places: dict[str, int] = {}
    shown: list[str] = []
    term_of = np.empty(len(texts), dtype=np.int64)
    for i, text in enumerate(texts):
        term_of[i] = places.setdefault(text.casefold(), len(places))
        if term_of[i] == len(shown):
            shown.append(text)
    votes = _divided(latent, term_of[code], weight, (latents, len(shown)))
    holds = votes.copy()
    holds.data = np.ones_like(holds.data)
    return Ballot(votes, holds, shown, list(places))


def _divided(
    latent: np.ndarray, term: np.ndarray, weight: np.ndarray, shape: tuple[int, int]
) -> scipy.sparse.csr_matrix:
    """[F, V]: one vote of every latent, divided over its terms by their weights."""
    total = np.bincount(latent, weight, minlength=shape[0])
    return scipy.sparse.csr_matrix((weight / total[latent], (latent, term)), shape=shape)


def _class_tf_idf(votes: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Scores tf · log(1 + A / f) of the terms of every class, from their votes [classes, V]."""
    of_class = np.asarray(votes.sum(axis=1)).ravel()
    of_term = np.asarray(votes.sum(axis=0)).ravel()
    weights = votes.tocsr(copy=True)
    rows = np.repeat(np.arange(len(of_class)), np.diff(weights.indptr))
    rarity = np.log1p(of_class.mean() / of_term[weights.indices])
    weights.data = weights.data / of_class[rows] * rarity
    return weights


def _cluster_terms(
    weights: scipy.sparse.csr_matrix,
    holders: scipy.sparse.csr_matrix,
    row: int,
    core: Sequence[str],
    least_latents: int,
) -> list[SharedTerm]:
    """The best terms of one cluster, with their scores and the number of members that hold them."""
    span = slice(weights.indptr[row], weights.indptr[row + 1])
    held = slice(holders.indptr[row], holders.indptr[row + 1])
    terms = weights.indices[span]
    counts = np.zeros(len(terms))
    _, at, of = np.intersect1d(
        terms, holders.indices[held], assume_unique=True, return_indices=True
    )
    counts[at] = holders.data[held][of]
    # A term of a single member does not describe the cluster.
    scores = weights.data[span] * counts / (counts + 1) * (counts >= least_latents)
    order = np.lexsort((terms, -scores))[: 4 * CLUSTER_TERMS]
    order = order[scores[order] > 0]
    terms, scores, counts = terms[order], scores[order], counts[order]
    return [
        SharedTerm(int(terms[k]), float(scores[k]), int(counts[k]))
        for k in _without_echoes(terms, core, CLUSTER_TERMS)
    ]
