"""Latents that tell two sets of documents or windows apart, ranked by their AUC on held-out text.

The score of a unit is the largest activation of the latent in it, 0 if it is never active. The AUC
is the probability that a unit of the first set has a larger score than one of the second, where
equal scores count half (Mann and Whitney 1947): AUC = (R - a (a + 1) / 2) / (a b), with the sum R
of the ranks of the a units of the first set among all a + b.

The documents are split as for the labels: CANDIDATES latents are chosen by their AUC on two thirds
of the documents, and ranked by their AUC on the held-out third. The null repeats both steps with
the labels of the documents permuted: whole documents are shuffled, so that the windows of one stay
together. Its best AUC is what the same search finds where there is nothing to find.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.bundle import Bundle
from analysis.bundle.activations import LatentBlock
from analysis.bundle.positions import Unit
from analysis.labels.split import held_out_documents
from analysis.runtime.arrays import Bools, Float32s, Floats, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.selection.example_sets import examples_of, units_of_documents

CANDIDATES = 50
"""Latents that are chosen on the naming documents."""
DRAWS = 99
"""Permutations of the labels."""
LEAST = 5
"""Units of each set in each part of the documents."""
BLOCK = 1 << 22
"""Activations in memory at a time."""


@dataclass(frozen=True)
class ExampleRanking:
    """The candidates, the best on the held-out documents first."""

    unit: Unit
    counts: dict[str, tuple[int, int]]
    """Units of the first and second set, for the parts "naming" and "held out"."""
    latents: Ints
    """[k]"""
    auc: Floats
    """[k] on the held-out documents."""
    naming_auc: Floats
    """[k] on the documents by which the candidates were chosen."""
    active_first: Floats
    """[k] share of the held-out units of the first set in which the latent is active."""
    active_second: Floats
    """[k] the same of the second set."""
    null: Floats
    """[DRAWS] the best held-out AUC with permuted labels."""

    @property
    def p_values(self) -> Floats:
        """[k] share of draws, itself included, whose best AUC is at least as large."""
        above = (self.null[None, :] >= self.auc[:, None]).sum(axis=1)
        return (1 + above) / (1 + len(self.null))


@dataclass(frozen=True)
class _Part:
    """The units of one part of the documents."""

    units: Ints
    """[m] ascending."""
    labels: Float32s
    """[m, 1 + draws] 1 where the unit is in the first set: as given, then permuted."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Units of the first and the second set."""
        first = int(self.labels[:, 0].sum())
        return first, len(self.units) - first


def rank_by_examples(bundle: Bundle, first: str, second: str, unit: Unit) -> ExampleRanking:
    """The latents that are more active in the first set than in the second.

    `first` and `second` are texts of `examples_of`; an empty `second` is all other units, and units
    of both sets count for the first. Takes seconds. Raises InputError if a set cannot be read, or
    has fewer than LEAST units in a part of the documents.
    """
    is_first = examples_of(bundle, first, unit)
    others = examples_of(bundle, second, unit) if second.strip() else np.ones_like(is_first)
    parts = _parts(bundle, is_first, others & ~is_first, unit)
    naming, held_out = parts["naming"], parts["held out"]
    chosen = _candidates(bundle, naming, held_out, unit)
    order = np.argsort(-chosen.held_out[:, 0], kind="stable")
    latents = chosen.latents[order, 0]
    active = _active_shares(bundle, latents, held_out, unit)
    return ExampleRanking(
        unit,
        {"naming": naming.sizes, "held out": held_out.sizes},
        latents,
        chosen.held_out[order, 0].astype(np.float64),
        chosen.naming[order, 0].astype(np.float64),
        active[:, 0],
        active[:, 1],
        chosen.held_out[:, 1:].max(axis=0).astype(np.float64),
    )


def _parts(bundle: Bundle, first: Bools, second: Bools, unit: Unit) -> dict[str, _Part]:
    """The units of the two sets in both parts of the documents, with their permuted labels."""
    documents = units_of_documents(bundle, unit)
    seed = bundle.manifest.parameters.seed
    is_held_out = held_out_documents(bundle.kept_tokens.documents, seed)[documents]
    rng = np.random.default_rng(seed)
    parts = {}
    for name, inside in (("naming", ~is_held_out), ("held out", is_held_out)):
        units = np.flatnonzero((first | second) & inside)
        part = _Part(units, permuted(first[units], documents[units], rng))
        for which, size in zip(("first", "second"), part.sizes, strict=True):
            if size < LEAST:
                raise InputError(
                    f"Examples: the {which} set has {size} {unit}s among the {name} documents, but "
                    f"at least {LEAST} are needed; give a broader set."
                )
        parts[name] = part
    return parts


def permuted(labels: Bools, documents: Ints, rng: np.random.Generator) -> Float32s:
    """The labels [m] of units, then DRAWS columns of labels in which documents change places.

    `documents` [m] ascend. A column has the runs of labels of all documents in another order.
    """
    _, place = np.unique(documents, return_inverse=True)
    columns = [labels]
    for _ in range(DRAWS):
        order = rng.permutation(place.max(initial=-1) + 1)
        columns.append(labels[np.argsort(order[place], kind="stable")])
    return np.column_stack(columns).astype(np.float32)


class _Candidates(NamedTuple):
    """The latents with the largest AUC on the naming documents, for each column of labels."""

    latents: Ints
    """[k, 1 + draws] the best first; of equal ones the smaller id."""
    naming: Float32s
    """[k, 1 + draws] their AUC on the naming documents."""
    held_out: Float32s
    """[k, 1 + draws] and on the held-out documents."""


def _candidates(bundle: Bundle, naming: _Part, held_out: _Part, unit: Unit) -> _Candidates:
    """The best CANDIDATES, kept while the blocks of latents pass."""
    none = np.empty((0, 1 + DRAWS))
    best = _Candidates(none.astype(np.int64), none.astype(np.float32), none.astype(np.float32))
    for block in bundle.activations.blocks_by_latent(most_rows=BLOCK):
        auc, held = (_auc(bundle, block, part, unit) for part in (naming, held_out))
        ids = np.broadcast_to(block.latents.astype(np.int64)[:, None], auc.shape)
        latents = np.concatenate([best.latents, ids])
        naming_auc = np.concatenate([best.naming, auc])
        held_out_auc = np.concatenate([best.held_out, held])
        order = np.argsort(-naming_auc, axis=0, kind="stable")[:CANDIDATES]
        best = _Candidates(
            np.take_along_axis(latents, order, axis=0),
            np.take_along_axis(naming_auc, order, axis=0),
            np.take_along_axis(held_out_auc, order, axis=0),
        )
    return best


def _auc(bundle: Bundle, block: LatentBlock, part: _Part, unit: Unit) -> Float32s:
    """The AUC [latents of the block, 1 + draws], for each column of labels."""
    # Imported here because scipy would delay the first page by a second.
    from scipy.sparse import csr_array  # noqa: PLC0415

    m = len(part.units)
    first = part.labels.sum(axis=0)
    scores = _scores(bundle, block, part, unit)
    zeros = m - np.bincount(scores.latent, minlength=len(block.latents))
    rank_of_zero = (zeros + 1) / 2
    above = zeros[scores.latent] + _ranks(scores) - rank_of_zero[scores.latent]
    matrix = csr_array(
        (above.astype(np.float32), (scores.latent, scores.unit)), (len(block.latents), m)
    )
    ranks = matrix @ part.labels + rank_of_zero[:, None] * first
    return ((ranks - first * (first + 1) / 2) / (first * (m - first))).astype(np.float32)


@dataclass(frozen=True)
class _Scores:
    """The largest activation of a latent in a unit; pairs with none are left out."""

    latent: Int32s
    """[n] index in the block, ascending."""
    unit: Ints
    """[n] index among the units of the part, ascending for one latent."""
    score: Float32s
    """[n]"""


def _scores(bundle: Bundle, block: LatentBlock, part: _Part, unit: Unit) -> _Scores:
    of_token = bundle.kept_tokens.units_of(block.tokens, unit)
    place = np.searchsorted(part.units, of_token)
    inside = part.units[np.minimum(place, len(part.units) - 1)] == of_token
    latent = np.repeat(np.arange(len(block.latents), dtype=np.int32), block.counts)[inside]
    place, values = place[inside], block.activations[inside]
    starts = np.flatnonzero((np.diff(latent, prepend=-1) != 0) | (np.diff(place, prepend=-1) != 0))
    largest = np.maximum.reduceat(values, starts) if len(starts) else values
    return _Scores(latent[starts], place[starts], largest)


def _ranks(scores: _Scores) -> Floats:
    """The rank [n] of each score among those of its latent, from 1; equal ones share the mean."""
    order = np.lexsort((scores.score, scores.latent))
    latent, score = scores.latent[order], scores.score[order]
    begins = np.flatnonzero(np.diff(latent, prepend=-1) != 0)
    place = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    ties = np.flatnonzero(
        (np.diff(latent, prepend=-1) != 0) | (np.diff(score, prepend=np.nan) != 0)
    )
    sizes = np.diff(ties, append=len(order))
    ranks = np.empty(len(order))
    ranks[order] = np.repeat(place[ties] + (sizes + 1) / 2, sizes)
    return ranks


def _active_shares(bundle: Bundle, latents: Ints, part: _Part, unit: Unit) -> Floats:
    """In which share of the units of both sets the latents [k] are active, [k, 2]."""
    shares = np.zeros((len(latents), 2))
    order = np.argsort(latents)
    is_first = part.labels[:, 0] > 0
    for block in bundle.activations.blocks_by_latent(latents[order], most_rows=BLOCK):
        scores = _scores(bundle, block, part, unit)
        rows = order[np.searchsorted(latents[order], block.latents)]
        for column, chosen in enumerate((is_first, ~is_first)):
            active = scores.latent[chosen[scores.unit]]
            shares[rows, column] = np.bincount(active, minlength=len(rows)) / chosen.sum()
    return shares
