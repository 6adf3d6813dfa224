"""How well a name predicts activity on documents that were not used to make it.

A name is a prediction: the latent should fire on every occurrence of one of the name's terms in the
held-out documents, and on no other word. The unit is a **word** of these documents (one occurrence;
one token in scripts without spaces), because a latent with the label "strawberry" may fire on only
one of its pieces. N is the number of words. Masked tokens belong to no word.

- **predicted**: the word, one of its pieces, or the word before it is among the name's terms,
  depending on the kind of the term;
- **active**: the latent fires on one of the word's tokens. A cluster is active if any of its
  members is; dense members are left out, since they would make it active everywhere.

    precision = |predicted ∩ active| / |predicted|      recall = |predicted ∩ active| / |active|
    lift      = precision / (|active| / N)

Active and silent words are not balanced, so precision is what a reader of the name sees, even for a
rare latent. Lift compares it with chance: a name without information has lift 1, also for a large
cluster that is active on half of all words. There are no scores below `LEAST_CONTEXTS` active
words. If no term occurs in the held-out documents, recall is 0 and precision is undefined.

All names are scored in one pass over the held-out activations, in token order. Memory: a few
numbers for every name, and a block of activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np

from analysis.bundle import Activations
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES

LEAST_CONTEXTS = 5
"""Active held-out words below which a name gets no score."""

_ROW_BYTES = 24
"""Bytes of one activation while it is read and decoded."""

Groups = Sequence[Sequence[int] | Ints | Int32s]
"""For each name some latents or some terms."""


@dataclass(frozen=True)
class Scores:
    """The counts of n names, int64 [n] each, and the scores that follow from them."""

    predicted: Ints
    """Words that a name predicts."""
    active: Ints
    """Words on which its latents are active."""
    both: Ints
    """Words that are predicted and active."""
    named: Bools
    """Whether a name has any terms."""
    words: int
    """N, held-out words."""

    @property
    def precision(self) -> Float32s:
        """float32 [n], NaN if undefined."""
        return self._ratio(self.both, self.predicted)

    @property
    def recall(self) -> Float32s:
        """float32 [n], NaN if undefined."""
        return self._ratio(self.both, self.active)

    @property
    def lift(self) -> Float32s:
        """float32 [n], NaN if undefined."""
        return self._ratio(self.both * self.words, self.predicted * self.active)

    def parts(self, sizes: Sequence[int]) -> list["Scores"]:
        """The scores of consecutive groups of names of these sizes."""
        bounds = np.cumsum([0, *sizes])
        return [
            Scores(
                self.predicted[a:b], self.active[a:b], self.both[a:b], self.named[a:b], self.words
            )
            for a, b in pairwise(bounds.tolist())
        ]

    def _ratio(self, part: Ints, whole: Ints) -> Float32s:
        is_defined = self.named & (self.active >= LEAST_CONTEXTS) & (whole > 0)
        ratio = np.full(len(part), np.nan)
        np.divide(part, whole, out=ratio, where=is_defined)
        return ratio.astype(np.float32)


def score_names(
    members: Groups,
    label_terms: Groups,
    activations: Activations,
    terms: TokenTerms,
    *,
    held_out: Bools,
    memory_bytes: int = MEMORY_BYTES,
) -> Scores:
    """Score n names. Name i belongs to the latents members[i] and has the terms label_terms[i].

    held_out bool [N] selects the kept rows of the token table in held-out documents. `memory_bytes`
    bounds the activations in memory.
    """
    of_latent = _inverted(members, len(activations.latent_ends))
    of_term = _inverted(label_terms, len(terms.shown))
    counts = np.zeros((3, len(members)), dtype=np.int64)
    last = np.full((2, len(members)), -1, dtype=np.int64)
    words = np.array([0, -1], dtype=np.int64)
    for block in activations.blocks_by_token(memory_bytes // _ROW_BYTES):
        rows = slice(block.first, block.stop)
        _count(
            (block.latents, block.offsets),
            held_out[rows],
            terms.occurrence[rows],
            tuple(kind[rows] for kind in terms.kinds),
            of_latent,
            of_term,
            words,
            (last, counts),
        )
    named = np.array([len(row) > 0 for row in label_terms], dtype=bool)
    return Scores(counts[0], counts[1], counts[2], named, int(words[0]))


def _inverted(groups: Groups, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each item below `size` the groups that contain it: ends [size + 1], groups by item."""
    group = np.repeat(np.arange(len(groups)), [len(items) for items in groups])
    item = np.array([one for items in groups for one in items], dtype=np.int64)
    order = np.argsort(item, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(item, minlength=size))])
    return ends.astype(np.int64), group[order].astype(np.int64)


@numba.njit(cache=True)
def _count(
    block: tuple[np.ndarray, np.ndarray],
    held_out: np.ndarray,
    occurrence: np.ndarray,
    kinds: tuple[np.ndarray, ...],
    of_latent: tuple[np.ndarray, np.ndarray],
    of_term: tuple[np.ndarray, np.ndarray],
    words: np.ndarray,
    state: tuple[np.ndarray, np.ndarray],
) -> None:
    """Add m rows of the token table to the counts of predicted, active and both words.

    block: the active latents of all rows, and offsets [m + 1] into them. occurrence [m]: the word
    of each row. kinds: its terms [m], -1 for none. words: N and the last word that was counted.
    state: the last word on which each name was predicted and active [2, n], and the counts [3, n].
    """
    latents, offsets = block
    last, counts = state
    for row in range(len(occurrence)):
        if not held_out[row]:
            continue
        word = occurrence[row]
        if words[1] != word:
            words[0] += 1
            words[1] = word
        for kind in kinds:
            t = kind[row]
            if t >= 0:
                for k in range(of_term[0][t], of_term[0][t + 1]):
                    _mark(0, of_term[1][k], word, last, counts)
        for at in range(offsets[row], offsets[row + 1]):
            latent = np.int64(latents[at])
            for k in range(of_latent[0][latent], of_latent[0][latent + 1]):
                _mark(1, of_latent[1][k], word, last, counts)


@numba.njit(cache=True)
def _mark(what: int, name: int, word: int, last: np.ndarray, counts: np.ndarray) -> None:
    """Count that a name is predicted (what = 0) or active (1) on a word, once for each word."""
    if last[what, name] == word:
        return
    last[what, name] = word
    counts[what, name] += 1
    if last[1 - what, name] == word:
        counts[2, name] += 1
