"""The intruder test: can the foreign one of five contexts be recognised by its words?

A trial shows `SHOWN` contexts from held-out documents, all of different documents. Four are of the
latent (or of members of the cluster): the token of a document on which it is most active, out of
the quarter of its documents where it is most active. One is foreign: such a context of another
latent, on whose token neither the latent nor any member is active. A judge that knows no meaning
picks the context that shares the least words with the others. Chance is 1 / SHOWN = .2. The test is
that of Chang et al. 2009 for topic models, with words in the place of a reader.

A context is a vector over the terms within `REACH` tokens of its token (words, pieces, and words
before), where a term at distance d with the share f of the corpus weighs log(1 / f) / (1 + d)²,
scaled to length 1. The judge picks the context with the smallest sum of inner products with the
other four; a tie counts in part.

Memory: `POOL` rows of each latent, a few numbers for each term and thread, and blocks within the
memory setting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numba
import numpy as np

from analysis.bundle import WORKING_BYTES, Activations, KeptTokens
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress
from analysis.runtime.threads import over_spans

SHOWN = 5
"""Contexts of a trial, the foreign one included."""
OWN = SHOWN - 1
TRIALS = 8
"""Trials of each latent and cluster."""
POOL = OWN * TRIALS
"""Contexts drawn of each latent."""
REACH = 10
"""Tokens on each side of the token that belong to a context."""
CANDIDATES = 6
"""Foreign contexts drawn for a trial; the first that fits is shown."""
STRONGEST = 0.25
"""Share of a latent's documents, those where it is most active, from which contexts are drawn."""
MOST_TRIED = 1_024
"""Contexts of a cluster among which those of a trial are looked for."""
CHANCE = 1 / SHOWN
_NONE = -1


@dataclass(frozen=True)
class IntruderScores:
    """The results of n latents or clusters; arrays [n]."""

    right: Float32s
    """Share of the trials in which the foreign context was picked; NaN without a trial."""
    trials: Int32s
    """Trials that could be made, at most TRIALS: the contexts must be of different documents."""


@dataclass(frozen=True)
class Trials:
    """n trials that can be shown."""

    group: Ints
    """[n] the latent or cluster, as an index into the groups; ascending."""
    contexts: Ints
    """[n, SHOWN] rows of the token table; the last is the foreign one."""


@dataclass(frozen=True)
class _Drawn:
    """The contexts of n trials, as rows of the token table."""

    group: Ints
    """[n] the latent or cluster, as an index into the groups; ascending."""
    own: Ints
    """[n, OWN]"""
    foreign: Ints
    """[n, CANDIDATES]; -1 for a candidate that does not fit."""


def intruder_scores(
    groups: Sequence[Ints | Int32s],
    activations: Activations,
    kept: KeptTokens,
    terms: TokenTerms,
    *,
    held_out: Bools,
    seed: int,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> IntruderScores:
    """Test the groups, each an array of latents: a single latent, or the members of a cluster.

    `held_out` bool [N] are the kept rows of the token table in held-out documents. `seed` fixes the
    contexts. Foreign contexts come from latents of other groups of the same size class: any latent
    that is in some group.
    """
    trials = draw_trials(
        groups,
        activations,
        kept,
        held_out=held_out,
        seed=seed,
        memory_bytes=memory_bytes,
        progress=progress,
    )
    picked = picked_by_words(trials.contexts, terms, kept)
    count = np.bincount(trials.group, minlength=len(groups))
    right = np.bincount(trials.group, picked, minlength=len(groups))
    with np.errstate(invalid="ignore", divide="ignore"):
        return IntruderScores((right / count).astype(np.float32), count.astype(np.int32))


def draw_trials(
    groups: Sequence[Ints | Int32s],
    activations: Activations,
    kept: KeptTokens,
    *,
    held_out: Bools,
    seed: int,
    trials: int = TRIALS,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> Trials:
    """Draw up to `trials` trials of each group; the other arguments are as in `intruder_scores`."""
    most_rows = memory_bytes // WORKING_BYTES
    latents = np.unique(np.concatenate([np.empty(0, np.int64), *groups])).astype(np.int64)
    pool = _pools(latents, activations, kept, held_out, seed, most_rows, progress, trials)
    drawn = _drawn(groups, latents, pool, kept, seed)
    _drop_active(drawn, groups, activations, latents, most_rows)
    foreign = _first_that_fits(drawn.foreign)
    made = foreign != _NONE
    return Trials(drawn.group[made], np.column_stack([drawn.own[made], foreign[made]]))


def picked_by_words(contexts: Ints, terms: TokenTerms, kept: KeptTokens) -> Floats:
    """How far the words pick the last of the contexts [n, SHOWN]: 1, 0, or 1 / k in a tie of k."""
    shared = np.empty(contexts.shape)
    document = kept.documents_of(contexts)
    kernel = partial(
        _fill_shared,
        contexts,
        (kept.row_starts[document], kept.row_ends[document]),
        (terms.word, terms.piece, terms.before),
        -np.log(np.maximum(terms.frequency, 1 / max(kept.total, 1))),
        shared,
    )
    over_spans(len(contexts), kernel)
    shared = np.round(shared, 9)
    least = shared == shared.min(axis=1, keepdims=True)
    return np.asarray(np.where(least[:, -1], 1 / least.sum(axis=1), 0.0))


def _pools(
    latents: Ints,
    activations: Activations,
    kept: KeptTokens,
    held_out: Bools,
    seed: int,
    most_rows: float,
    progress: Progress,
    trials: int = TRIALS,
) -> Ints:
    """Held-out active rows int64 [latents, OWN · trials]; each OWN are of different documents.

    A latent that is active in fewer than OWN held-out documents has the row -1 everywhere.
    """
    pool = np.full((len(latents), OWN * trials), _NONE, dtype=np.int64)
    if not len(latents):
        return pool
    for i, (latent, tokens, values) in enumerate(activations.each_of(latents, most_rows)):
        strongest = _strongest(tokens, values, kept, held_out)
        if len(strongest) >= OWN:
            random = np.random.default_rng([seed, latent])
            order = random.random((trials, len(strongest)))
            pool[i] = strongest[np.argpartition(order, OWN - 1, axis=1)[:, :OWN].ravel()]
        if (i + 1) % 1_000 == 0:
            progress(i + 1, len(latents))
    return pool


def _strongest(tokens: UInt32s, values: Float32s, kept: KeptTokens, held_out: Bools) -> Ints:
    """The rows [n] on which a latent is most active, one of each of its strongest documents.

    At least OWN documents are taken if there are as many. Ties go to the smaller row.
    """
    counts = held_out[tokens]
    rows, values = tokens[counts].astype(np.int64), values[counts]
    document = kept.documents_of(rows)
    order = np.lexsort((rows, -values, document))
    best = order[np.flatnonzero(np.diff(document, prepend=-1))]
    best = best[np.lexsort((rows[best], -values[best]))]
    return rows[best[: max(OWN, math.ceil(STRONGEST * len(best)))]]


def _drawn(
    groups: Sequence[Ints | Int32s], latents: Ints, pool: Ints, kept: KeptTokens, seed: int
) -> _Drawn:
    """The contexts of all trials of all groups; a candidate of a document in the trial is -1."""
    has_pool = pool[:, 0] != _NONE
    donors = np.flatnonzero(has_pool)
    group, own = [np.empty(0, np.int64)], [np.empty((0, OWN), np.int64)]
    for i, members in enumerate(groups):
        places = np.searchsorted(latents, members)
        places = places[has_pool[places]]
        if not len(places):
            continue
        if len(members) == 1:
            rows = pool[places[0]].reshape(-1, OWN)
        else:
            random = np.random.default_rng([seed, len(groups), i])
            rows = _of_members(pool[places], kept, random)
        group.append(np.full(len(rows), i))
        own.append(rows)
    groups_of, owns = np.concatenate(group), np.concatenate(own)
    random = np.random.default_rng([seed, len(groups)])
    shape = (len(owns), CANDIDATES)
    if not len(owns):
        return _Drawn(groups_of, owns, np.empty(shape, dtype=np.int64))
    columns = random.integers(0, pool.shape[1], shape)
    foreign = pool[donors[random.integers(0, len(donors), shape)], columns]
    inside = kept.documents_of(owns)
    same = (kept.documents_of(foreign)[:, :, None] == inside[:, None, :]).any(axis=2)
    foreign[same] = _NONE
    return _Drawn(groups_of, owns, foreign)


def _of_members(pool: Ints, kept: KeptTokens, random: np.random.Generator) -> Ints:
    """As many rows [t, OWN] as the pool [members, OWN · t] allows, each of different documents.

    Each is also of different members if there are enough.
    """
    rows: list[Ints] = []
    document = kept.documents_of(pool)
    for _ in range(pool.shape[1] // OWN):
        # Members in a random order, then again with another context of each.
        members, columns = random.permutation(len(pool)), random.permutation(pool.shape[1])
        places = np.arange(min(pool.size, MOST_TRIED))
        drawn = members[places % len(pool)], columns[places // len(pool)]
        _, first = np.unique(document[drawn], return_index=True)
        if len(first) >= OWN:
            rows.append(pool[drawn][np.sort(first)[:OWN]])
    return np.array(rows, dtype=np.int64).reshape(-1, OWN)


def _drop_active(
    trials: _Drawn,
    groups: Sequence[Ints | Int32s],
    activations: Activations,
    latents: Ints,
    most_rows: float,
) -> None:
    """Set candidates to -1 on which a member of the trial's group is active."""
    if not len(trials.group):
        return
    ends = np.searchsorted(trials.group, np.arange(len(groups) + 1))
    members = np.concatenate([np.asarray(one, dtype=np.int64) for one in groups])
    of = np.repeat(np.arange(len(groups)), [len(one) for one in groups])
    order = np.argsort(members, kind="stable")
    members, of = members[order], of[order]
    for latent, tokens, _ in activations.each_of(latents, most_rows):
        first, stop = np.searchsorted(members, [latent, latent + 1])
        for group in of[first:stop]:
            candidates = trials.foreign[ends[group] : ends[group + 1]]
            place = np.minimum(np.searchsorted(tokens, candidates), max(len(tokens) - 1, 0))
            if len(tokens):
                candidates[tokens[place] == candidates] = _NONE


def _first_that_fits(foreign: Ints) -> Ints:
    """The first candidate of each trial [n] that is not -1; -1 if none fits."""
    if not len(foreign):
        return np.empty(0, dtype=np.int64)
    first = np.argmax(foreign != _NONE, axis=1)
    return foreign[np.arange(len(foreign)), first]


@numba.njit(nogil=True, cache=True)
def _fill_shared(
    contexts: Ints,
    documents: tuple[Ints, Ints],
    kinds: tuple[Int32s, Int32s, Int32s],
    rarity: Floats,
    shared: Floats,
    start: int,
    stop: int,
) -> None:
    """Fill rows start to stop of shared [n, SHOWN]: each context's inner products with the others.

    `documents` is where the document of each context starts and ends, in rows.
    """
    weight, together = np.zeros((SHOWN, len(rarity))), np.zeros(len(rarity))
    met = np.empty((SHOWN, len(kinds) * (2 * REACH + 1)), np.int64)
    listed = np.zeros(SHOWN, np.int64)
    for trial in range(start, stop):
        for i in range(SHOWN):
            row, own = contexts[trial, i], weight[i]
            listed[i] = 0
            first = max(row - REACH, documents[0][trial, i])
            for at in range(first, min(row + REACH + 1, documents[1][trial, i])):
                for kind in kinds:
                    term = kind[at]
                    if term >= 0 and rarity[term] > 0:
                        if own[term] == 0:
                            met[i, listed[i]] = term
                            listed[i] += 1
                        own[term] += rarity[term] / (1.0 + abs(at - row)) ** 2
            squared = 0.0
            for term in met[i, : listed[i]]:
                squared += own[term] ** 2
            for term in met[i, : listed[i]]:
                own[term] /= np.sqrt(squared)
                together[term] += own[term]
        for i in range(SHOWN):
            shared[trial, i] = 0.0
            for term in met[i, : listed[i]]:
                shared[trial, i] += weight[i, term] * (together[term] - weight[i, term])
        for i in range(SHOWN):
            for term in met[i, : listed[i]]:
                weight[i, term] = together[term] = 0.0
