"""Terms and label words that are more frequent among some latents than among the rest.

The unit is the **latent**. Each latent counts alike: its share on a term is the part of its own
activation that falls on tokens with the term, and the share of a group is the mean over its
latents. With one more latent in either group that fires everywhere alike, so that few latents
cannot give an extreme value,

    lift = ((n · share + f) / (n + 1)) / ((m · share of the rest + f) / (m + 1))

where n and m are the numbers of latents and f is the term's share of the tokens. A latent **holds**
a term if at least `HELD` of its activation is on it, and at least `LEAST_LIFT` times f.

p is the hypergeometric chance that as many latents or more hold the term if the n latents were
drawn at random from the n + m. q corrects for all terms that some latent holds
(Benjamini-Hochberg). Latents that fire together are not independent, so q is too small for a
selection of near-duplicates.

At most `MOST_SELECTED` of the latents and `MOST_REST` others are read: those in evenly spaced row
groups of the activations. Memory: one block of activations, and six numbers for each term.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pyarrow as pa
from scipy import stats

from analysis.bundle import Activations
from analysis.bundle.tables import ROW_GROUP
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.labels import SEPARATOR
from analysis.labels.corpus_terms import CorpusTerms
from analysis.labels.evidence import LEAST_LIFT
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Floats, Ints

MOST_SELECTED = 512
MOST_REST = 1_024
MOST_GROUPS = 96
"""Row groups of the activations in which selected latents are read."""
LEAST_GROUPS = 16
"""Row groups from which the rest comes, at least."""
HELD = 0.05
"""Share of a latent's activation from which it holds a term."""
SIGNIFICANT = 0.05
"""q below which a term is listed first."""
KEPT_TERMS = 200
NAMING_WORDS = 3
"""Label words that describe a group."""


@dataclass(frozen=True)
class SampledLatents:
    """The latents that are read, ascending, out of all that are active."""

    selected: Ints
    rest: Ints
    all_selected: int
    """Active latents that are selected."""
    all_rest: int
    """Active latents that are not."""


def sampled_latents(activations: Activations, mask: Bools) -> SampledLatents:
    """Which latents of the mask [F] and which others are read; dead latents are left out."""
    counts = activations.latent_counts
    active = counts > 0
    group = (activations.latent_ends - counts) // ROW_GROUP
    selected, rest = np.flatnonzero(mask & active), np.flatnonzero(~mask & active)
    own = np.unique(group[selected])
    wanted = -(-len(own) * MOST_SELECTED // max(len(selected), 1))
    own = own[_even(len(own), min(wanted, MOST_GROUPS))]
    every = np.unique(group[active])
    read = np.union1d(own, every[_even(len(every), LEAST_GROUPS)])
    selected_read = selected[np.isin(group[selected], own)]
    rest_read = rest[np.isin(group[rest], read)]
    return SampledLatents(
        selected_read[_even(len(selected_read), MOST_SELECTED)],
        rest_read[_even(len(rest_read), MOST_REST)],
        len(selected),
        len(rest),
    )


def enriched_terms(
    activations: Activations, sample: SampledLatents, corpus: CorpusTerms
) -> pa.Table:
    """The terms on which the selected latents fire more than the rest.

    Columns: term, share and share_rest (of the activation), lift, latents and latents_rest (that
    hold it), tokens (active ones with the term, summed over the selected latents), q. At most
    `KEPT_TERMS` rows: those with q below `SIGNIFICANT` first, then by share · log(lift).
    """
    terms = corpus.terms
    is_selected = np.zeros(len(activations.latent_ends), dtype=np.int64)
    is_selected[sample.selected] = 1
    sums = np.zeros((2, len(terms.shown)))
    holders = np.zeros((2, len(terms.shown)), dtype=np.int64)
    tokens = np.zeros((2, len(terms.shown)), dtype=np.int64)
    # Least share of a latent that holds the term.
    held = np.maximum(HELD, LEAST_LIFT * terms.frequency)
    for block in activations.blocks_by_latent(np.union1d(sample.selected, sample.rest)):
        _add_shares(
            (block.tokens, block.activations, block.ends, is_selected[block.latents]),
            corpus.place,
            terms.kinds,
            held,
            (sums, holders, tokens),
        )
    n, m = len(sample.selected), len(sample.rest)
    f = terms.frequency
    lift = ((sums[1] + f) / (n + 1)) / np.maximum((sums[0] + f) / (m + 1), 1e-300)
    share, share_rest = sums[1] / max(n, 1), sums[0] / max(m, 1)
    q = _q_values(holders[1], holders[0], n, m)
    score = share * np.log(np.maximum(lift, 1.0))
    listed = np.flatnonzero((lift > 1) & (holders[1] > 0))
    order = _without_repeats(_ranked(listed, score, q), terms)
    return pa.table(
        {
            "term": pa.array([terms.shown[t] for t in order.tolist()], pa.string()),
            "share": share[order],
            "share_rest": share_rest[order],
            "lift": lift[order],
            "latents": holders[1][order],
            "latents_rest": holders[0][order],
            "tokens": tokens[1][order],
            "q": q[order],
        }
    )


def enriched_label_words(labels: Sequence[str], mask: Bools, live: Bools) -> pa.Table:
    """The words of the labels [F] that are more frequent among the latents of the mask [F].

    Columns and order as in `enriched_terms`, without tokens. All latents that are `live` [F] are
    counted. For the lift, half a latent with the word and half a latent without it are added to
    both groups.
    """
    inside, outside = np.flatnonzero(mask & live).tolist(), np.flatnonzero(~mask & live).tolist()
    own = Counter(word for i in inside for word in _words_of(labels[i]))
    others = Counter(word for i in outside for word in _words_of(labels[i]))
    n, m = len(inside), len(outside)
    words = sorted(own.keys() | others.keys())
    a = np.array([own[word] for word in words], dtype=np.int64)
    b = np.array([others[word] for word in words], dtype=np.int64)
    lift = ((a + 0.5) / (n + 1)) / ((b + 0.5) / (m + 1))
    q = _q_values(a, b, n, m)
    listed = np.flatnonzero((a > 0) & (lift > 1))
    order = _ranked(listed, np.asarray(a * np.log(np.maximum(lift, 1.0))), q)[:KEPT_TERMS]
    return pa.table(
        {
            "term": pa.array([words[i] for i in order.tolist()], pa.string()),
            "share": (a / max(n, 1))[order],
            "share_rest": (b / max(m, 1))[order],
            "lift": lift[order],
            "latents": a[order],
            "latents_rest": b[order],
            "q": q[order],
        }
    )


def shared_label_words(
    labels: Sequence[str], groups: Sequence[Sequence[int]], mask: Bools
) -> list[list[str]]:
    """Up to `NAMING_WORDS` words of the labels [F] for each group of latents of the mask [F].

    A word is in the labels of at least two latents of the group, and more frequent than in all of
    the mask; the best have the largest a · log((a / n) / (b / m)), where a of the n latents of the
    group and b of the m of the mask have the word.
    """
    every = np.flatnonzero(mask).tolist()
    of_mask = Counter(word for i in every for word in _words_of(labels[i]))
    names = []
    for group in groups:
        held = Counter(word for i in group for word in _words_of(labels[i]))
        score = {
            word: a * math.log(a / len(group) / (of_mask[word] / len(every)))
            for word, a in held.items()
            if a > 1
        }
        best = sorted((word for word in score if score[word] > 0), key=lambda w: (-score[w], w))
        names.append(best[:NAMING_WORDS])
    return names


def _words_of(label: str) -> set[str]:
    return {word for word in label.split(SEPARATOR) if word}


def _even(count: int, most: int) -> Ints:
    """At most `most` evenly spaced indices below `count`."""
    if count <= most:
        return np.arange(count)
    return np.arange(most) * count // max(most, 1)


def _q_values(held: Ints, held_rest: Ints, n: int, m: int) -> Floats:
    """q [V] of the numbers of selected and of other latents that hold each term."""
    tested = np.flatnonzero(held + held_rest)
    q = np.ones(len(held))
    some = tested[held[tested] > 0]
    # Many terms have the same two numbers.
    pairs, of_term = np.unique(
        np.column_stack([held[some], held_rest[some]]), axis=0, return_inverse=True
    )
    p = stats.hypergeom.sf(pairs[:, 0] - 1, n + m, pairs.sum(axis=1), n)
    q[some] = benjamini_hochberg(np.clip(p, 0, 1)[of_term], len(tested))
    return q


def _ranked(listed: Ints, score: Floats, q: Floats) -> Ints:
    """The listed terms: first those with a small q, then by score; ties go to the smaller id."""
    return listed[np.lexsort((listed, -score[listed], q[listed] >= SIGNIFICANT))]


def _without_repeats(order: Ints, terms: TokenTerms) -> Ints:
    """The first `KEPT_TERMS` of the terms that repeat no better term of another kind."""
    firsts = (terms.first_piece, terms.first_before, terms.first_second, terms.first_first)
    kept: list[int] = []
    seen: dict[str, int] = {}
    for term in order.tolist():
        kind = sum(term >= first for first in firsts)
        core = terms.core[term]
        if seen.setdefault(core, kind) == kind:
            kept.append(term)
        if len(kept) == KEPT_TERMS:
            break
    return np.array(kept, dtype=np.int64)


@numba.njit(cache=True)
def _add_shares(
    block: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    place: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    held: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Add each latent of a block to the sums of its side.

    block: token rows and activations of all latents, where each latent's end, and its side (1 if
    selected). place [N]: the index of a row in `kinds`, -1 if its document is not read. held [V]:
    least share of a latent that holds a term. sums [2, V]: shares, latents that hold it, tokens.
    """
    tokens, values, ends, sides = block
    shares, holders, counts = sums
    weight = np.zeros(len(held))
    hits = np.zeros(len(held), dtype=np.int64)
    touched = np.empty(len(held), dtype=np.int32)
    start = 0
    for i in range(len(ends)):
        total, count, side = 0.0, 0, sides[i]
        for at in range(start, ends[i]):
            row = place[tokens[at]]
            if row < 0:
                continue
            total += values[at]
            for kind in kinds:
                t = kind[row]
                if t >= 0:
                    if hits[t] == 0:
                        touched[count] = t
                        count += 1
                    hits[t] += 1
                    weight[t] += values[at]
        start = ends[i]
        for j in range(count):
            t = touched[j]
            share = weight[t] / total if total > 0 else 0.0
            shares[side, t] += share
            counts[side, t] += hits[t]
            if share >= held[t]:
                holders[side, t] += 1
            weight[t], hits[t] = 0.0, 0
