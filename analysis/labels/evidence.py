"""The terms on which each latent fires more than other latents do, by class-based TF-IDF.

The classes are the latents (Grootendorst 2022). A term is a word, a piece of a word, the word
before, or a phrase (`terms.py`). With s its share of the latent's activation, f its occurrences per
token and h the number of tokens with it on which the latent fires, its score is

    s · log(1 + s / f) · h / (h + 1) · weight

where a word has weight 1, a piece .75, the word before .7 and a phrase .8.

f takes the place of the frequency over classes, so a latent that fires only on "the" can be called
"the".

Memory: one block of latents' activations at a time, and `KEPT` terms of every latent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from analysis.cooccurrence.incidence import ByLatent
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

KEPT = 32
"""Terms kept of every latent, best first."""

LEAST_LIFT = 2.0
"""A term counts if its share is at least this many times its share of the corpus."""

PIECE_WEIGHT = 0.75
"""Factor of the score of a piece: a whole word ranks before its pieces."""
BEFORE_WEIGHT = 0.7
"""Factor of the score of the word before: the word itself ranks before it."""
PHRASE_WEIGHT = 0.8
"""Factor of the score of a phrase: its word ranks before it unless the phrase is far rarer."""
CONTEXT_SHARE = 0.2
"""A word before and a phrase count only if they have at least this share of the activation."""


@dataclass(frozen=True)
class Evidence:
    """The best terms of every latent, best first."""

    term: Int32s
    """int32 [F, KEPT], index into `shown`; -1 pads rows with fewer."""
    share: Float32s
    """float32 [F, KEPT], share of the latent's activation that is on the term."""
    score: Float32s
    """float32 [F, KEPT], class-based TF-IDF."""
    active: Ints
    """int64 [F], tokens of the naming documents on which the latent is active."""
    shown: Sequence[str]
    """[V], the terms."""
    core: Sequence[str]
    """[V], their letters in lower case."""


def token_evidence(
    activations: ByLatent,
    terms: TokenTerms,
    *,
    naming: Bools,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> Evidence:
    """Score the terms on which each latent fires in the rows `naming` bool [N] of the token table.

    `memory_bytes` bounds the activations in memory; one latent is always read whole. `progress`
    counts latents.
    """
    importance = np.ones(len(terms.shown))
    importance[terms.first_piece : terms.first_before] = PIECE_WEIGHT
    importance[terms.first_before : terms.first_second] = BEFORE_WEIGHT
    importance[terms.first_second :] = PHRASE_WEIGHT
    least_share = LEAST_LIFT * terms.frequency
    least_share[terms.first_before :] = np.maximum(least_share[terms.first_before :], CONTEXT_SHARE)
    F = len(activations.latent_ends)
    active = np.zeros(F, dtype=np.int64)
    best = (
        np.full((F, KEPT), -1, dtype=np.int32),
        np.zeros((F, KEPT), dtype=np.float32),
        np.zeros((F, KEPT), dtype=np.float32),
    )
    # A row takes 8 bytes, and twice as many more while it is decoded.
    for block in activations.blocks_by_latent(most_rows=memory_bytes // 24):
        start, stop = int(block.latents[0]), int(block.latents[-1]) + 1
        offsets = np.concatenate([[0], block.ends])
        _weigh(
            (block.tokens.astype(np.int64), block.activations, offsets),
            naming,
            terms.kinds,
            terms.rate,
            importance,
            least_share,
            active[start:stop],
            (best[0][start:stop], best[1][start:stop], best[2][start:stop]),
        )
        progress(stop, F)
    return Evidence(*best, active, terms.shown, terms.core)


@numba.njit(cache=True)
def _weigh(
    block: tuple[np.ndarray, np.ndarray, np.ndarray],
    naming: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    rate: np.ndarray,
    importance: np.ndarray,
    least_share: np.ndarray,
    active: np.ndarray,
    best: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill active [n], and term, share and score [n, KEPT] of n latents from their activations.

    block: rows int64 and values float32 [m] of the activations, and offsets [n + 1] where each
    latent's begin; naming bool [N] are the rows that count; kinds are the terms int32 [N] of
    every token; rate, importance and least_share are [V].
    """
    rows, values, offsets = block
    weight = np.zeros(len(rate))
    hits = np.zeros(len(rate), dtype=np.int64)
    touched = np.empty(len(rate), dtype=np.int32)
    for i in range(len(offsets) - 1):
        total, count = 0.0, 0
        for at in range(offsets[i], offsets[i + 1]):
            if not naming[rows[at]]:
                continue
            active[i] += 1
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
            # One token is little evidence; ten are nearly as good as many.
            sureness = hits[t] / (hits[t] + 1.0)
            rarity = np.log1p(share / max(rate[t], 1e-12))
            if share >= least_share[t]:
                _insert(i, t, share, share * rarity * sureness * importance[t], best)
            weight[t], hits[t] = 0.0, 0


@numba.njit(cache=True)
def _insert(
    i: int,
    t: int,
    part: float,
    weight: float,
    best: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Insert a term into row i if it is among the best; ties go to the smaller term."""
    term, share, score = best
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
