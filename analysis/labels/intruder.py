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

Memory: `POOL` rows of each latent, and blocks within the memory setting.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse

from analysis.bundle import WORKING_BYTES, Activations, KeptTokens
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints, UInt32s
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

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
_VECTOR_BYTES = 144 * SHOWN * (2 * REACH + 1)
"""Bytes of the vectors of one trial, copies included."""
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
    picked = picked_by_words(trials.contexts, terms, kept, memory_bytes)
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


def picked_by_words(
    contexts: Ints, terms: TokenTerms, kept: KeptTokens, memory_bytes: int = MEMORY_BYTES
) -> Floats:
    """How far the words pick the last of the contexts [n, SHOWN]: 1, 0, or 1 / k in a tie of k."""
    picked = np.empty(len(contexts))
    most = max(1, memory_bytes // _VECTOR_BYTES)
    vectors = partial(_vectors, terms=terms, kept=kept)
    for start in range(0, len(contexts), most):
        picked[start : start + most] = _picked_foreign(contexts[start : start + most], vectors)
    return picked


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


def _vectors(rows: Ints, terms: TokenTerms, kept: KeptTokens) -> scipy.sparse.csr_array:
    """The contexts around the rows [n] as vectors [n, V] of length 1."""
    distance = np.arange(-REACH, REACH + 1)
    around = rows[:, None] + distance
    document = kept.documents_of(rows)
    starts, ends = kept.row_starts[document], kept.row_ends[document]
    inside = (around >= starts[:, None]) & (around < ends[:, None])
    rarity = -np.log(np.maximum(terms.frequency, 1 / max(kept.total, 1)))
    entries = []
    for kind in (terms.word, terms.piece, terms.before):
        term = np.where(inside, kind[np.where(inside, around, 0)], _NONE)
        context, place = np.nonzero(term != _NONE)
        of = term[context, place]
        entries.append((rarity[of] / (1.0 + np.abs(distance[place])) ** 2, context, of))
    weight, context, of = (np.concatenate(part) for part in zip(*entries, strict=True))
    matrix = scipy.sparse.csr_array((weight, (context, of)), shape=(len(rows), len(terms.shown)))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return scipy.sparse.csr_array(scipy.sparse.diags_array(1 / np.maximum(length, 1e-300)) @ matrix)


def _picked_foreign(contexts: Ints, vectors: Callable[[Ints], scipy.sparse.csr_array]) -> Floats:
    """How far the judge picks the last of the contexts [n, SHOWN]: 1, 0, or 1 / k in a tie of k."""
    n = len(contexts)
    matrix = vectors(contexts.ravel())
    trial = np.repeat(np.arange(n), SHOWN)
    ones = np.ones(len(trial))
    summed = scipy.sparse.csr_array((ones, (trial, np.arange(len(trial)))), shape=(n, len(trial)))
    together = (summed @ matrix)[trial]
    # The sum of the products with the others: with all, less the one with itself.
    itself = np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    shared = np.asarray(matrix.multiply(together).sum(axis=1)).ravel() - itself
    shared = np.round(shared.reshape(n, SHOWN), 9)
    least = shared == shared.min(axis=1, keepdims=True)
    return np.asarray(np.where(least[:, -1], 1 / least.sum(axis=1), 0.0))
