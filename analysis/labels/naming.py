"""Labels out of the evidence, and the words that the members of a cluster share.

A **latent** is called by its most telling terms. For a **cluster** every member votes with one unit
of its weights, and a term weighs tf · log(1 + A / f) (class-based TF-IDF, Grootendorst 2022): its
share of the cluster's votes, the mean votes of a cluster, and the term's votes in all clusters of
the level; that again times n / (n + 1) for the n members that have the term. The same weighing
finds the tokens that the members raise and the words that their explanations share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse

from analysis.labels.evidence import Evidence

TOP_TOKENS = 8
LABEL_TERMS = 3
CLUSTER_TERMS = 10
SEPARATOR = " · "

LEAST_TOKENS = 5
"""Active tokens of the naming documents below which a latent gets no name: too little to go by."""

LEAST_SHARE = 0.05
"""A term names a latent if at least this share of its activation is on it,"""
RELATIVE_SCORE = 0.35
"""and if it weighs at least this much of the best term's weight."""

SHORTEST_STEM = 4
"""A term that holds another of this many letters says the same: patient, patients."""


@dataclass(frozen=True)
class LatentNames:
    """The name of every latent and its most telling tokens."""

    label: list[str]
    """[F]; empty where the latent fires on nearly everything or hardly at all."""
    label_terms: list[list[int]]
    """[F], the terms that the label is made of."""
    top_tokens: list[list[str]]
    """[F], up to TOP_TOKENS each, best first."""


@dataclass(frozen=True)
class SharedTerm:
    """A term that tells what the members of a cluster have in common."""

    term: int
    score: float
    latents: int
    """Members that have it."""


@dataclass(frozen=True)
class Ballot:
    """What every latent votes for, out of a vocabulary."""

    votes: scipy.sparse.csr_matrix
    """[F, V], one unit of every latent that has a term, divided over its terms."""
    holds: scipy.sparse.csr_matrix
    """[F, V], 1 where the latent counts as a holder of the term."""
    shown: Sequence[str]
    """[V], the terms."""
    core: Sequence[str]
    """[V], their letters in lower case."""


def top_terms(evidence: Evidence) -> list[list[int]]:
    """[F], the columns of `evidence` that are shown of each latent: no two that say the same."""
    return [_without_echoes(row[row >= 0], evidence.core, TOP_TOKENS) for row in evidence.term]


def name_latents(evidence: Evidence, tops: Sequence[Sequence[int]]) -> LatentNames:
    """The label and the top tokens of every latent; `tops` are its `top_terms`."""
    terms = [_telling(evidence, latent, columns) for latent, columns in enumerate(tops)]
    return LatentNames(
        label=[SEPARATOR.join(evidence.shown[t] for t in row) for row in terms],
        label_terms=terms,
        top_tokens=[
            [evidence.shown[evidence.term[latent, i]] for i in columns]
            for latent, columns in enumerate(tops)
        ],
    )


def token_ballot(evidence: Evidence, tops: Sequence[Sequence[int]]) -> Ballot:
    """Every latent votes for its terms by their weights, and holds its `top_terms`."""
    latent, column = np.nonzero(evidence.score > 0)
    shape = (len(evidence.term), len(evidence.shown))
    votes = _divided(latent, evidence.term[latent, column], evidence.score[latent, column], shape)
    holders = np.repeat(np.arange(shape[0]), [len(columns) for columns in tops])
    held = [evidence.term[i, c] for i, columns in enumerate(tops) for c in columns]
    ones = np.ones(len(held), dtype=np.float32)
    holds = scipy.sparse.csr_matrix((ones, (holders, np.array(held, int))), shape=shape)
    return Ballot(votes, holds, evidence.shown, evidence.core)


def raised_ballot(logits: pa.Table, latents: int) -> Ballot:
    """Every latent votes for the tokens that it raises, by their effects.

    `logits` is the bundle's table; tokens that differ in case or in the space before are one.
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
    """Every latent votes for the content words [F] of its explanation, evenly."""
    latent = np.repeat(np.arange(len(words)), [len(row) for row in words])
    shown = [word for row in words for word in row]
    ones = np.ones(len(shown))
    return _word_ballot(latent, np.arange(len(shown)), shown, ones, len(words))


def shared_terms(
    clusters: pa.Table, memberships: pa.Table, ballot: Ballot, least_latents: int = 1
) -> list[list[SharedTerm]]:
    """The terms [clusters] that members share, best first, distinct between those of a level.

    `clusters` is sorted by cluster and has cluster and level; `memberships` is the bundle's table;
    a term counts where at least `least_latents` members hold it.
    """
    cluster, level = clusters["cluster"].to_numpy(), clusters["level"].to_numpy()
    member, joined = (memberships[name].to_numpy() for name in ("latent", "cluster"))
    found: dict[int, list[SharedTerm]] = {}
    for ids in (cluster[level == one] for one in np.unique(level)):
        inside = np.isin(joined, ids)
        ones = np.ones(int(inside.sum()), dtype=np.float32)
        joins = scipy.sparse.csr_matrix(
            (ones, (np.searchsorted(ids, joined[inside]), member[inside])),
            shape=(len(ids), ballot.votes.shape[0]),
        )
        weights, holders = _class_tf_idf(joins @ ballot.votes), (joins @ ballot.holds).tocsr()
        for row, one in enumerate(ids.tolist()):
            found[one] = _cluster_terms(weights, holders, row, ballot.core, least_latents)
    return [found[one] for one in cluster.tolist()]


def cluster_labels(
    clusters: pa.Table, terms: Sequence[Sequence[SharedTerm]], shown: Sequence[str]
) -> tuple[list[str], list[list[int]]]:
    """The label of each cluster, distinct within its level, and the terms that it is made of."""
    taken: dict[tuple[int, str], int] = {}
    labels: list[str] = []
    label_terms: list[list[int]] = []
    for level, row in zip(clusters["level"].to_pylist(), terms, strict=True):
        ids = [found.term for found in row]
        label, chosen = _distinct([shown[t] for t in ids], level, taken)
        labels.append(label)
        label_terms.append(ids[:chosen])
    return labels, label_terms


def _telling(evidence: Evidence, latent: int, columns: Sequence[int]) -> list[int]:
    """The terms that may name the latent, out of some columns of its evidence, best first."""
    if evidence.active[latent] < LEAST_TOKENS:
        return []
    chosen: list[int] = []
    least = 0.0
    for i in columns:
        term, share = int(evidence.term[latent, i]), float(evidence.share[latent, i])
        score = float(evidence.score[latent, i])
        if share >= LEAST_SHARE and score >= least:
            least = least or RELATIVE_SCORE * score
            chosen.append(term)
    return chosen[:LABEL_TERMS]


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
    """Whether two cores are the same word, or one an inflection or a piece of the other."""
    short, long = sorted((text, earlier), key=len)
    return short == long or (len(short) >= SHORTEST_STEM and short in long)


def _word_ballot(
    latent: np.ndarray, code: np.ndarray, texts: Sequence[str], weight: np.ndarray, latents: int
) -> Ballot:
    """latent [n] votes for texts[code [n]] with a weight [n]; texts that differ in case are one."""
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
    """Weights tf · log(1 + A / f) of the terms of every class, from their votes [classes, V]."""
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
    """The best terms of one cluster, with weight and the members that have them."""
    span = slice(weights.indptr[row], weights.indptr[row + 1])
    held = slice(holders.indptr[row], holders.indptr[row + 1])
    terms = weights.indices[span]
    counts = np.zeros(len(terms))
    _, at, of = np.intersect1d(
        terms, holders.indices[held], assume_unique=True, return_indices=True
    )
    counts[at] = holders.data[held][of]
    # What one member says is not what the cluster says.
    scores = weights.data[span] * counts / (counts + 1) * (counts >= least_latents)
    order = np.lexsort((terms, -scores))[: 4 * CLUSTER_TERMS]
    order = order[scores[order] > 0]
    terms, scores, counts = terms[order], scores[order], counts[order]
    return [
        SharedTerm(int(terms[k]), float(scores[k]), int(counts[k]))
        for k in _without_echoes(terms, core, CLUSTER_TERMS)
    ]


def _distinct(
    texts: Sequence[str], level: int, taken: dict[tuple[int, str], int]
) -> tuple[str, int]:
    """A label and how many texts it is made of; where it is taken in the level, it says more."""
    if not texts:
        return "", 0
    counts = range(min(LABEL_TERMS, len(texts)), len(texts) + 1)
    options = {SEPARATOR.join(texts[:n]): n for n in counts}
    label = next((text for text in options if (level, text) not in taken), [*options][-1])
    again = taken[level, label] = taken.get((level, label), 0) + 1
    return (label if again == 1 else f"{label} ({again})"), options[label]
