"""Children of one parent, compared with each other on the parent's tokens.

A latent that implies another is called its child. Over the whole corpus, siblings share tokens
because both depend on their parent. Their joint tokens are therefore tested among the parent's
tokens: positions are counted in these tokens, document by document, and one sibling is shifted
against the other (`null_models.circular_shift`).

Memory: the activations of a batch of families, within the memory setting (or of one family).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.bundle import Activations, KeptTokens
from analysis.cooccurrence.null_models import (
    PairTests,
    Positions,
    circular_shift,
    positions_of,
)
from analysis.cooccurrence.position_profile import Stretches, bins_of, stretches
from analysis.cooccurrence.significance import WORKING_BYTES
from analysis.runtime.arrays import Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

MOST_CHILDREN = 128
"""Most children of a parent that are compared: those that are active on most of its tokens."""
MOST_SIBLING_PAIRS = 2_000_000
"""Most sibling pairs in total. Parents with few children come first."""


@dataclass(frozen=True)
class Family:
    """A parent, and those of its children that are compared."""

    parent: int
    children: Ints
    """Ascending."""


@dataclass(frozen=True)
class Families:
    """All families of two or more compared children; small families come first."""

    families: list[Family]
    pairs_left_out: int
    """Sibling pairs beyond MOST_CHILDREN and MOST_SIBLING_PAIRS."""


@dataclass(frozen=True)
class SiblingTests:
    """Tested pairs of siblings; arrays [n]. Two latents may have several parents."""

    a: Ints
    b: Ints
    """Above a."""
    parent: Ints
    tests: PairTests
    """Counts of the parent's tokens."""

    def __len__(self) -> int:
        return len(self.a)

    def take(self, chosen: Ints) -> "SiblingTests":
        """The chosen pairs, by index."""
        return SiblingTests(
            self.a[chosen], self.b[chosen], self.parent[chosen], self.tests.take(chosen)
        )


def families_of(implications: Ints, joint: Ints) -> Families:
    """Families from implications [n, 2] (child, parent) with their joint tokens [n]."""
    child, parent = implications.T
    order = np.lexsort((child, -joint, parent))
    parents, starts = np.unique(parent[order], return_index=True)
    families: list[Family] = []
    compared = 0
    sizes = np.diff(starts, append=len(order))
    for i in np.argsort(sizes, kind="stable"):
        children = np.sort(child[order][starts[i] : starts[i] + min(sizes[i], MOST_CHILDREN)])
        pairs = len(children) * (len(children) - 1) // 2
        if pairs and compared + pairs <= MOST_SIBLING_PAIRS:
            families.append(Family(int(parents[i]), children))
            compared += pairs
    return Families(families, int((sizes * (sizes - 1) // 2).sum()) - compared)


def sibling_tests(
    activations: Activations,
    kept: KeptTokens,
    families: list[Family],
    *,
    least_expected: float,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> SiblingTests:
    """Test the siblings of each family for which the shift expects at least `least_expected`."""
    counts = activations.latent_counts
    ends = stretches(kept).ends
    tested: list[SiblingTests] = []
    done = 0
    for batch in _batches(families, counts, memory_bytes):
        latents = np.unique(np.concatenate([[each.parent, *each.children] for each in batch]))
        positions = positions_of(activations, kept, latents)
        tested += [_tested(each, latents, positions, kept, ends, least_expected) for each in batch]
        done += len(batch)
        progress(done, len(families))
    return _joined(tested)


def _joined(tested: list[SiblingTests]) -> SiblingTests:
    """One family after another."""
    none = np.empty(0, dtype=np.int64)
    every = [SiblingTests(none, none, none, PairTests.blank(0)), *tested]
    return SiblingTests(
        np.concatenate([each.a for each in every]),
        np.concatenate([each.b for each in every]),
        np.concatenate([each.parent for each in every]),
        PairTests._make(map(np.concatenate, zip(*(each.tests for each in every), strict=True))),
    )


def _batches(families: list[Family], counts: Ints, memory_bytes: int) -> Iterator[list[Family]]:
    """Consecutive families whose activations fit the memory setting, or one family."""
    most = memory_bytes // WORKING_BYTES
    batch: list[Family] = []
    held = 0
    for family in families:
        needed = int(counts[family.parent] + counts[family.children].sum())
        if batch and held + needed > most:
            yield batch
            batch, held = [], 0
        batch.append(family)
        held += needed
    if batch:
        yield batch


def _tested(
    family: Family,
    latents: Ints,
    positions: Positions,
    kept: KeptTokens,
    ends: Ints,
    least_expected: float,
) -> SiblingTests:
    """The sibling pairs of one family that are tested; `latents` are those of `positions`."""
    parent = positions.of(int(np.searchsorted(latents, family.parent)))
    children = [positions.of(int(i)) for i in np.searchsorted(latents, family.children)]
    pairs = np.column_stack(np.triu_indices(len(children), 1))
    inside, bins = _inside(parent, children), bins_of(kept, parent)
    shifted = Stretches.of(np.searchsorted(parent, ends), bins)
    tests = circular_shift(inside, bins[inside.tokens], shifted, pairs, least_expected)
    chosen = np.flatnonzero(tests.expected >= least_expected)
    a, b = family.children[pairs[chosen]].T
    return SiblingTests(a, b, np.full(len(chosen), family.parent), tests.take(chosen))


def _inside(parent: Ints, children: list[Ints]) -> Positions:
    """Where the children fire, counted in the parent's tokens; other tokens are dropped."""
    inside = [np.flatnonzero(np.isin(parent, child, assume_unique=True)) for child in children]
    return Positions(np.concatenate(inside), np.cumsum([len(each) for each in inside]))
