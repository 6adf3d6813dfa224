"""How well a name holds on documents that it was not made from.

A name is read as a prediction: wherever one of its terms stands in the held-out documents, the
latent should fire, and nowhere else. The unit is a **word** of these documents (one occurrence of
it, in scripts without spaces one token), since a latent that is called "strawberry" rightly fires
on one of its pieces alone. N is their number; masked tokens are no part of a word.

- **predicted**: the word, one of its pieces, or the word before it, as the term says, is among the
  name's terms;
- **active**: the latent fires on one of the word's tokens. A cluster is active where any of its
  members is; dense members are left out, or it would be active everywhere.

    precision = |predicted ∩ active| / |predicted|      recall = |predicted ∩ active| / |active|
    lift      = precision / (|active| / N)

Precision is not balanced between active and silent words: for a rare latent it is what a reader
meets who goes by the name. Lift tells how far chance alone would come: a name that tells nothing
has lift 1, also for a large cluster that is active on half of all words. Nothing is told below
`LEAST_CONTEXTS` active words; where no term occurs in the held-out documents recall is 0 and there
is no precision.

All names are scored in one pass over the held-out activations, in the order of the tokens. Memory:
a few numbers for every name, and a block of activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import Activations
from analysis.labels.terms import TokenTerms

LEAST_CONTEXTS = 5
"""Active held-out words below which a name gets no score."""

_ROW_BYTES = 24  # a token's activations as they are read and decoded, each

Floats = npt.NDArray[np.float32]
Groups = Sequence[Sequence[int] | npt.NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Scores:
    """What was counted for each of n names, int64 [n] each."""

    predicted: npt.NDArray[np.int64]
    active: npt.NDArray[np.int64]
    both: npt.NDArray[np.int64]
    named: npt.NDArray[np.bool_]
    """Whether it has terms at all."""
    words: int
    """N, held-out words."""

    @property
    def precision(self) -> Floats:
        """float32 [n], NaN where nothing can be told."""
        return self._ratio(self.both, self.predicted)

    @property
    def recall(self) -> Floats:
        """float32 [n], NaN where nothing can be told."""
        return self._ratio(self.both, self.active)

    @property
    def lift(self) -> Floats:
        """float32 [n], NaN where nothing can be told."""
        return self._ratio(self.both * self.words, self.predicted * self.active)

    def parts(self, sizes: Sequence[int]) -> list["Scores"]:
        """The scores of the first names, of those behind them, and so on."""
        bounds = np.cumsum([0, *sizes])
        return [
            Scores(
                self.predicted[a:b], self.active[a:b], self.both[a:b], self.named[a:b], self.words
            )
            for a, b in pairwise(bounds.tolist())
        ]

    def _ratio(self, part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> Floats:
        told = self.named & (self.active >= LEAST_CONTEXTS) & (whole > 0)
        ratio = np.full(len(part), np.nan)
        np.divide(part, whole, out=ratio, where=told)
        return ratio.astype(np.float32)


def score_names(
    members: Groups,
    label_terms: Groups,
    activations: Activations,
    terms: TokenTerms,
    *,
    held_out: npt.NDArray[np.bool_],
    memory: int = 256_000_000,
) -> Scores:
    """Score n names, each of some latents (one for a latent's) and made of some terms.

    held_out bool [N] are the rows of the token table that count: kept, and of a document that was
    held out. `memory` bounds the activations that are held at once, in bytes.
    """
    of_latent = _inverted(members, len(activations.latent_ends))
    of_term = _inverted(label_terms, len(terms.shown))
    counts = np.zeros((3, len(members)), dtype=np.int64)
    last = np.full((2, len(members)), -1, dtype=np.int64)
    words = np.array([0, -1], dtype=np.int64)
    for block in activations.blocks_by_token(memory // _ROW_BYTES):
        rows = slice(block.first, block.stop)
        _count(
            (block.latents, block.offsets),
            held_out[rows],
            terms.occurrence[rows],
            tuple(kind[rows] for kind in (terms.word, terms.piece, terms.before)),
            of_latent,
            of_term,
            words,
            (last, counts),
        )
    named = np.array([len(row) > 0 for row in label_terms], dtype=bool)
    return Scores(counts[0], counts[1], counts[2], named, int(words[0]))


def _inverted(groups: Groups, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each item below `size` the groups that hold it: ends [size + 1] and groups, by item."""
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

    block: the active latents of the rows one after the other, and offsets [m + 1] into them;
    occurrence [m] is the word of a row; kinds are its terms [m], -1 for none; words: N and the
    last word that was counted; state: the last word on which each name was predicted and active
    [2, n], and the counts [3, n].
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
    """A name is predicted (0) or active (1) on a word; each word counts once."""
    if last[what, name] == word:
        return
    last[what, name] = word
    counts[what, name] += 1
    if last[1 - what, name] == word:
        counts[2, name] += 1
