"""Statistical tests of pairs of latents: do they share more, or fewer, tokens than by chance?

Three questions, each with its null:

- *Are they active on the same tokens?* All kept tokens are shuffled. Tokens of one document are
  not independent, so this test calls too many pairs significant; it is shown for comparison. Its
  tails are hypergeometric where fewer than RARE joint tokens are expected. Elsewhere they are
  those of the signed root of G^2; chi-square would understate p for rare latents.
- *Do they share documents?* Documents are permuted within strata of similar length.
- *Do they share tokens, given the documents that they share?* One latent is shifted inside each
  document, and the mean is corrected by the position profiles of both latents.

`document_null` and `null_models` have the last two. To test many pairs, activations are read in
blocks that fit the memory setting.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from analysis.bundle import Activations, Bundle, KeptTokens, spans_within
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.cooccurrence.association import TwoByTwo, expected, g_squared
from analysis.cooccurrence.document_null import (
    document_parts,
    document_permutation,
    strata_of,
)
from analysis.cooccurrence.null_models import (
    PairTests,
    Positions,
    circular_shift,
    positions_of,
    shift_parts,
)
from analysis.cooccurrence.position_profile import BINS, Stretches, bins_of, stretches
from analysis.cooccurrence.power import smallest_lift
from analysis.runtime.arrays import Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

RARE = 5.0
"""Expected joint tokens below which the token-level test is hypergeometric; Dunning 1993."""

WORKING_BYTES = 24
"""Bytes per activation of a block: its token, its position, and a copy of both."""

Kind = Literal["tokens", "documents", "shift"]


@dataclass(frozen=True)
class PairTest:
    """One test of one pair. Its p-values are not corrected for multiple testing."""

    kind: Kind
    question: str
    null: str
    """What is random under the null."""
    statistic: str
    """What is counted."""
    observed: int
    expected: float
    """The exact mean under the null."""
    std: float
    """The exact standard deviation under the null."""
    p_more: float
    """P(X >= observed), in (0, 1]."""
    p_fewer: float
    """P(X <= observed), in (0, 1]."""
    exact: bool
    """False where the tails are approximate: from G^2, or from a saddlepoint."""
    smallest_lift: float | None
    """The smallest lift that the test could have shown, as in `power`; None for tokens."""


class _Wording(NamedTuple):
    question: str
    null: str
    statistic: str


_WORDING: dict[Kind, _Wording] = {
    "tokens": _Wording(
        "Are they active on the same tokens?",
        "all kept tokens are shuffled, as if the tokens of a document were independent",
        "kept tokens on which both fire",
    ),
    "documents": _Wording(
        "Do they share documents?",
        "whole documents are permuted among documents of similar length",
        "documents in which both fire",
    ),
    "shift": _Wording(
        "Do they share tokens, beyond sharing documents?",
        "one is shifted against the other inside each document, wrapping around at its end, with a "
        "correction for where in documents each of the two fires",
        "kept tokens on which both fire",
    ),
}


def tests_of_pair(bundle: Bundle, a: int, b: int) -> tuple[PairTest, ...]:
    """The tests of one pair: of tokens, of documents, and by the shift, in this order.

    Raises ValueError if a and b are the same latent.
    """
    if a == b:
        raise ValueError(f"a and b must be different latents, but both are {a}")
    kept = bundle.kept_tokens
    positions = positions_of(bundle.activations, kept, np.array([min(a, b), max(a, b)]))
    return _tests_of_two(positions, kept, _stretches(bundle), _strata(bundle))


@kept_for_bundle
def _stretches(bundle: Bundle) -> Stretches:
    return stretches(bundle.kept_tokens)


@kept_for_bundle
def _strata(bundle: Bundle) -> Ints:
    return strata_of(bundle.kept_tokens)


def compile_tests() -> None:
    """Compile the kernels of `tests_of_pair`, or load them from numba's cache.

    Compiling takes tens of seconds. The kernels run on two latents that fire on the same tokens.
    """
    kept = KeptTokens.of(np.array([0, 0, 1]), np.ones(3, dtype=bool))
    positions = Positions(np.array([0, 2, 0, 2]), np.array([2, 4]))
    _tests_of_two(positions, kept, stretches(kept), strata_of(kept))


def _tests_of_two(
    positions: Positions, kept: KeptTokens, whole: Stretches, strata: Ints
) -> tuple[PairTest, ...]:
    pair = np.array([[0, 1]])
    bins = bins_of(kept, positions.tokens)
    shifted = circular_shift(positions, bins, whole, pair)
    permuted = document_permutation(positions, kept, strata, pair)
    n1, n2 = np.diff(positions.ends, prepend=0)
    table = TwoByTwo.from_margins(shifted.observed, n1, n2, kept.total)
    by_document = smallest_lift(document_parts(positions, kept, strata))
    return (
        _single("tokens", token_tests(table), None),
        _single("documents", permuted, by_document),
        _single("shift", shifted, smallest_lift(shift_parts(positions, bins, whole))),
    )


def _single(kind: Kind, tests: PairTests, lift: float | None) -> PairTest:
    """The only test in `tests`, with its wording and the smallest lift that it could have shown."""
    return PairTest(
        kind,
        *_WORDING[kind],
        observed=int(tests.observed[0]),
        expected=float(tests.expected[0]),
        std=float(tests.std[0]),
        p_more=float(tests.p_more[0]),
        p_fewer=float(tests.p_fewer[0]),
        exact=bool(tests.exact[0]),
        smallest_lift=lift,
    )


def token_tests(table: TwoByTwo) -> PairTests:
    """The token-level tests of n tables, or of one."""
    n, n1, n2, joint = (
        np.atleast_1d(values).astype(np.int64)
        for values in (table.n, table.n1, table.n2, table.n11)
    )
    mean = np.atleast_1d(expected(table))
    rare = mean < RARE
    # scipy's hypergeometric std is NaN for N = 1 and warns for degenerate margins.
    below = np.maximum(n.astype(np.float64) ** 2 * (n - 1), 1.0)
    std = np.sqrt(mean * (n - n1) * (n - n2) * n / below)
    root = np.sign(joint - mean) * np.sqrt(np.atleast_1d(g_squared(table)))
    more, fewer = stats.norm.sf(root), stats.norm.cdf(root)
    margins = n[rare], n1[rare], n2[rare]
    more[rare] = stats.hypergeom.sf(joint[rare] - 1, *margins)
    fewer[rare] = stats.hypergeom.cdf(joint[rare], *margins)
    smallest = np.finfo(np.float64).tiny
    more, fewer = np.clip(more, smallest, 1.0), np.clip(fewer, smallest, 1.0)
    return PairTests(joint, mean, std, more, fewer, rare)


def document_tests(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> PairTests:
    """Test whether the two latents of each pair [n, 2] share documents."""
    strata = strata_of(kept)

    def test(positions: Positions, local: Ints) -> PairTests:
        return document_permutation(positions, kept, strata, local)

    return _in_blocks(activations, kept, pairs, test, memory_bytes, progress)


def shift_tests(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    *,
    least_expected: float = 0.0,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> PairTests:
    """Test whether the two latents of each pair [n, 2] share tokens, beyond sharing documents.

    A pair whose expected count is below `least_expected` is counted but not tested: its p-values
    are 1.
    """
    whole = stretches(kept)

    def test(positions: Positions, local: Ints) -> PairTests:
        bins = bins_of(kept, positions.tokens)
        return circular_shift(positions, bins, whole, local, least_expected)

    return _in_blocks(activations, kept, pairs, test, memory_bytes, progress)


def _in_blocks(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    test: Callable[[Positions, Ints], PairTests],
    memory_bytes: int,
    progress: Progress,
) -> PairTests:
    """Test the pairs in groups whose activations fit the memory setting.

    `test` takes positions and pairs of indices into them.
    """
    result = PairTests.blank(len(pairs))
    done = 0
    for group in _groups(activations, pairs, memory_bytes):
        latents, local = np.unique(pairs[group], return_inverse=True)
        tests = test(positions_of(activations, kept, latents), local.reshape(-1, 2))
        for column, values in zip(result, tests, strict=True):
            column[group] = values
        done += len(group)
        progress(done, len(pairs))
    return result


def _groups(activations: Activations, pairs: Ints, memory_bytes: int) -> Iterator[Ints]:
    """Indices of pairs [n, 2] whose latents come from the same two blocks of latents."""
    held = activations.latent_counts + BINS * 8 // WORKING_BYTES  # with the profile of each latent
    spans = list(spans_within(held, memory_bytes // (2 * WORKING_BYTES)))
    block = np.repeat(np.arange(len(spans)), [stop - start for start, stop in spans])
    key = block[pairs[:, 0]] * len(spans) + block[pairs[:, 1]]
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    yield from (group for group in np.split(order, cuts) if len(group))
