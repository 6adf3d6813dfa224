"""The terms on which each latent fires more than others do, by class-based TF-IDF.

The classes are the latents (Grootendorst 2022): a term (a word, a piece of a word, or the word
before; see `terms.py`) weighs its share of the latent's activation, times
log(1 + that share / its share of the corpus). The corpus' share stands in for the frequency over
classes, so that a latent that fires on "the" alone may be called "the".

Memory: one block of latents' activations at a time, and `KEPT` terms of every latent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np

from analysis.bundle import Activations
from analysis.labels.terms import TokenTerms

KEPT = 24
"""Terms kept of every latent, best first."""

LEAST_LIFT = 2.0
"""A term tells something if its share is at least this many times its share of the corpus."""

PIECE_WEIGHT = 0.75
"""A whole word goes before a piece of it,"""
BEFORE_WEIGHT = 0.7
"""and the word itself before the word before it, where both tell about the same,"""
BEFORE_SHARE = 0.2
"""and a word before counts only where at least this share of the activation follows it."""


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
    """int64 [F], tokens of the naming documents on which the latent is active."""
    shown: Sequence[str]
    """[V], the terms."""
    core: Sequence[str]
    """[V], their letters in lower case."""


def token_evidence(
    activations: Activations,
    terms: TokenTerms,
    *,
    naming: np.ndarray,
    memory: int = 256_000_000,
    report: Callable[[int, int], None] | None = None,
) -> Evidence:
    """Weigh the terms on which each latent fires on the rows `naming` bool [N] of the token table.

    `memory` bounds the activations held at once, in bytes; one latent is always held whole.
    """
    importance = np.ones(len(terms.shown))
    importance[terms.first_piece : terms.first_before] = PIECE_WEIGHT
    importance[terms.first_before :] = BEFORE_WEIGHT
    least_share = LEAST_LIFT * terms.frequency
    least_share[terms.first_before :] = np.maximum(least_share[terms.first_before :], BEFORE_SHARE)
    F = len(activations.latent_ends)
    active = np.zeros(F, dtype=np.int64)
    found = (
        np.full((F, KEPT), -1, dtype=np.int32),
        np.zeros((F, KEPT), dtype=np.float32),
        np.zeros((F, KEPT), dtype=np.float32),
    )
    # A row is 8 bytes as it is read, and twice that while it is decoded.
    for block in activations.blocks_by_latent(most_rows=memory // 24):
        start, stop = int(block.latents[0]), int(block.latents[-1]) + 1
        offsets = np.concatenate([[0], block.ends])
        _weigh(
            (block.tokens.astype(np.int64), block.activations, offsets),
            naming,
            (terms.word, terms.piece, terms.before),
            terms.frequency,
            importance,
            least_share,
            active[start:stop],
            (found[0][start:stop], found[1][start:stop], found[2][start:stop]),
        )
        if report:
            report(stop, F)
    return Evidence(*found, active, terms.shown, terms.core)


@numba.njit(cache=True)
def _weigh(
    block: tuple[np.ndarray, np.ndarray, np.ndarray],
    naming: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    frequency: np.ndarray,
    importance: np.ndarray,
    least_share: np.ndarray,
    active: np.ndarray,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill active [n], and term, share and score [n, KEPT] of n latents from their activations.

    block: rows int64 and values float32 [m] of the activations, and offsets [n + 1] where each
    latent's begin; naming bool [N] are the rows that count; kinds are the terms int32 [N] of
    every token; frequency, importance and least_share are [V].
    """
    rows, values, offsets = block
    weight = np.zeros(len(frequency))
    hits = np.zeros(len(frequency), dtype=np.int64)
    touched = np.empty(len(frequency), dtype=np.int32)
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
