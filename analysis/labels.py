"""Names for latents and clusters, each with the evidence that a reader can check.

Class-based TF-IDF (Grootendorst 2022). For a **latent** the classes are the latents: a term (a
word, a piece of a word, or the word before; see `terms.py`) weighs its share of the latent's
activation, times log(1 + that share / its share of the corpus). The corpus' share stands in for
the frequency over classes, so that a latent that fires on "the" alone may be called "the". For a
**cluster** every member votes with one unit of its weights, and a term weighs
tf · log(1 + A / f): its share of the cluster's votes, the mean votes of a cluster, and the term's
votes in all clusters of the level; that again times n / (n + 1) for the n members that have the
term among their top tokens.

Memory: one block of latents' activations at a time, and `KEPT` terms of every latent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa
import scipy.sparse

from analysis.bundle import TABLES, Activations
from analysis.terms import token_terms

KEPT = 24
"""Terms kept of every latent, best first."""

TOP_TOKENS = 8
LABEL_TERMS = 3
CLUSTER_TERMS = 10
SEPARATOR = " · "

LEAST_TOKENS = 5
"""Active tokens below which a latent gets no name: too little to go by."""

LEAST_LIFT = 2.0
"""A term tells something if its share is at least this many times its share of the corpus."""

LEAST_SHARE = 0.05
"""A term names a latent if at least this share of its activation is on it,"""
RELATIVE_SCORE = 0.35
"""and if it weighs at least this much of the best term's weight."""

PIECE_WEIGHT = 0.75
"""A whole word goes before a piece of it,"""
BEFORE_WEIGHT = 0.7
"""and the word itself before the word before it, where both tell about the same,"""
BEFORE_SHARE = 0.2
"""and a word before counts only where at least this share of the activation follows it."""

SHORTEST_STEM = 4
"""A term that holds another of this many letters says the same: patient, patients."""


@dataclass(frozen=True)
class Evidence:
    """The most telling terms of every latent, best first."""

    term: np.ndarray
    """int32 [F, KEPT], index into `shown`; -1 where there are fewer."""
    share: np.ndarray
    """float32 [F, KEPT], share of the latent's activation that is on the term."""
    score: np.ndarray
    """float32 [F, KEPT], class-based TF-IDF."""
    active: np.ndarray
    """int64 [F], tokens on which the latent is active."""
    shown: Sequence[str]
    """[V], the terms."""
    core: Sequence[str]
    """[V], their letters in lower case."""
    frequency: np.ndarray
    """float64 [V], share of the kept tokens that have the term."""


@dataclass(frozen=True)
class LatentNames:
    """The name of every latent and its most telling tokens."""

    label: list[str]
    """[F]; empty where the latent fires on nearly everything or hardly at all."""
    top_tokens: list[list[str]]
    """[F], up to TOP_TOKENS each, best first."""


def token_evidence(
    activations: Activations,
    tokens: pa.Table,
    *,
    memory: int = 256_000_000,
    report: Callable[[int, int], None] | None = None,
) -> Evidence:
    """Weigh the terms on which each latent fires; `tokens` is the bundle's table of that name.

    `memory` bounds the activations held at once, in bytes; one latent is always held whole.
    """
    terms = token_terms(tokens)
    importance = np.ones(len(terms.shown))
    importance[terms.first_piece : terms.first_before] = PIECE_WEIGHT
    importance[terms.first_before :] = BEFORE_WEIGHT
    least_share = LEAST_LIFT * terms.frequency
    least_share[terms.first_before :] = np.maximum(least_share[terms.first_before :], BEFORE_SHARE)
    ends = activations.latent_ends
    F = len(ends)
    found = (
        np.full((F, KEPT), -1, dtype=np.int32),
        np.zeros((F, KEPT), dtype=np.float32),
        np.zeros((F, KEPT), dtype=np.float32),
    )
    start = 0
    while start < F:
        before = int(ends[start - 1]) if start else 0
        # A row is 8 bytes as it is read, and twice that while it is decoded.
        stop = max(start + 1, int(np.searchsorted(ends, before + memory // 24, side="right")))
        rows, values, counts = activations.of_latents(start, stop)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        _weigh(
            rows.astype(np.int64),
            values.astype(np.float32),
            offsets,
            (terms.word, terms.piece, terms.before),
            terms.frequency,
            importance,
            least_share,
            (found[0][start:stop], found[1][start:stop], found[2][start:stop]),
        )
        start = stop
        if report:
            report(start, F)
    active = np.diff(ends, prepend=0)
    return Evidence(*found, active, terms.shown, terms.core, terms.frequency)


def top_terms(evidence: Evidence) -> list[list[int]]:
    """[F], the columns of `evidence` that are shown of each latent: no two that say the same."""
    return [_without_echoes(row[row >= 0], evidence.core, TOP_TOKENS) for row in evidence.term]


def name_latents(evidence: Evidence) -> LatentNames:
    """The label and the top tokens of every latent."""
    labels, tops = [], []
    for latent, columns in enumerate(top_terms(evidence)):
        tops.append([evidence.shown[evidence.term[latent, i]] for i in columns])
        telling = _telling(evidence, latent, columns)
        labels.append(SEPARATOR.join(evidence.shown[t] for t in telling))
    return LatentNames(labels, tops)


def name_clusters(clusters: pa.Table, memberships: pa.Table, evidence: Evidence) -> pa.Table:
    """The cluster table with `label` and `terms`; labels differ within a level.

    `clusters` is sorted by cluster and has at least cluster and level; `memberships` is the
    bundle's table.
    """
    F, V = evidence.term.shape[0], len(evidence.shown)
    tops = top_terms(evidence)
    has_term = _sparse(
        np.repeat(np.arange(F), [len(columns) for columns in tops]),
        np.array([evidence.term[i, c] for i, columns in enumerate(tops) for c in columns], int),
        shape=(F, V),
    )
    votes = _votes(evidence)
    named: dict[int, tuple[str, list[dict[str, object]]]] = {}
    cluster, level = clusters["cluster"].to_numpy(), clusters["level"].to_numpy()
    member, joined = (memberships[name].to_numpy() for name in ("latent", "cluster"))
    for ids in (cluster[level == one] for one in np.unique(level)):
        inside = np.isin(joined, ids)
        joins = _sparse(np.searchsorted(ids, joined[inside]), member[inside], (len(ids), F))
        weights, holders = _class_tf_idf(joins @ votes), (joins @ has_term).tocsr()
        terms = [_cluster_terms(weights, holders, row, evidence) for row in range(len(ids))]
        labels = _distinct([[str(term["term"]) for term in row] for row in terms])
        named |= dict(zip(ids.tolist(), zip(labels, terms, strict=True), strict=True))
    schema = TABLES["clusters"]
    for place, name in enumerate(("label", "terms")):
        kind = schema.field(name)
        values = pa.array([named[i][place] for i in cluster.tolist()], kind.type)
        clusters = clusters.append_column(kind, values)
    return clusters


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


def _sparse(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> scipy.sparse.csr_matrix:
    """A matrix with a 1 at every (row, column)."""
    ones = np.ones(len(rows), dtype=np.float32)
    return scipy.sparse.csr_matrix((ones, (rows, columns)), shape=shape)


def _votes(evidence: Evidence) -> scipy.sparse.csr_matrix:
    """[F, V]: one vote of every latent, divided over its terms by their weights."""
    latent, column = np.nonzero(evidence.score > 0)
    score = evidence.score[latent, column]
    total = np.bincount(latent, score, minlength=len(evidence.term))
    return scipy.sparse.csr_matrix(
        (score / total[latent], (latent, evidence.term[latent, column])),
        shape=(len(evidence.term), len(evidence.shown)),
    )


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
    evidence: Evidence,
) -> list[dict[str, object]]:
    """The best terms of one cluster, with weight and the members that have it as a top token."""
    span = slice(weights.indptr[row], weights.indptr[row + 1])
    terms = weights.indices[span]
    counts = np.asarray(holders[[row], :][:, terms].todense()).ravel()
    # What one member says is not what the cluster says.
    scores = weights.data[span] * counts / (counts + 1)
    order = np.lexsort((terms, -scores))[: 4 * CLUSTER_TERMS]
    order = order[scores[order] > 0]
    terms, scores, counts = terms[order], scores[order], counts[order]
    kept = _without_echoes(terms, evidence.core, CLUSTER_TERMS)
    return [
        {"term": evidence.shown[terms[k]], "score": float(scores[k]), "latents": int(count)}
        for k, count in zip(kept, counts[kept], strict=True)
    ]


def _distinct(terms: Sequence[Sequence[str]]) -> list[str]:
    """A label for each list of terms; where two would be equal, the later one says more."""
    taken: dict[str, int] = {}
    labels = []
    for row in terms:
        options = [SEPARATOR.join(row[:n]) for n in range(LABEL_TERMS, max(len(row), 3) + 1)]
        label = next((option for option in options if option not in taken), options[-1])
        taken[label] = taken.get(label, 0) + 1
        labels.append(label if taken[label] == 1 else f"{label} ({taken[label]})")
    return labels


@numba.njit(cache=True)
def _weigh(
    rows: np.ndarray,
    values: np.ndarray,
    offsets: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    frequency: np.ndarray,
    importance: np.ndarray,
    least_share: np.ndarray,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill term, share and score [n, KEPT] of n latents from their activations.

    rows int64 and values float32 [m] are the activations, offsets [n + 1] where each latent's
    begin; kinds are the terms int32 [N] of every token; frequency,
    importance and least_share are [V].
    """
    weight = np.zeros(len(frequency))
    hits = np.zeros(len(frequency), dtype=np.int64)
    touched = np.empty(len(frequency), dtype=np.int32)
    for i in range(len(offsets) - 1):
        total, count = 0.0, 0
        for at in range(offsets[i], offsets[i + 1]):
            total += values[at]
            for kind in kinds:
                t = kind[rows[at]]
                if t >= 0:
                    if hits[t] == 0:
                        touched[count] = t
                        count += 1
                    hits[t] += 1
                    weight[t] += values[at]
        for j in range(count):
            t = touched[j]
            share = weight[t] / total if total > 0 else 0.0
            # One hit tells little, ten tell nearly all.
            sureness = hits[t] / (hits[t] + 1.0)
            rarity = np.log1p(share / max(frequency[t], 1e-12))
            if share >= least_share[t]:
                _insert(i, t, share, share * rarity * sureness * importance[t], found)
            weight[t], hits[t] = 0.0, 0


@numba.njit(cache=True)
def _insert(
    i: int,
    t: int,
    part: float,
    weight: float,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Put a term in its place in row i, if it is among the best; equal ones by smaller term."""
    term, share, score = found
    worth = np.float32(weight)
    place = term.shape[1]
    while place > 0 and (
        worth > score[i, place - 1]
        or (worth == score[i, place - 1] and (t < term[i, place - 1] or term[i, place - 1] < 0))
    ):
        place -= 1
    if place == term.shape[1]:
        return
    for k in range(term.shape[1] - 1, place, -1):
        term[i, k], share[i, k], score[i, k] = term[i, k - 1], share[i, k - 1], score[i, k - 1]
    term[i, place], share[i, place], score[i, place] = t, part, worth
