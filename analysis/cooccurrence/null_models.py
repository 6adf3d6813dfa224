"""Null models of the joint count of two latents, with exact tails.

Tokens of one document are not independent. Latents fire in bursts, so two unrelated latents that
fire in the same documents share more tokens than they would if all tokens were shuffled. Both null
models keep the bursts:

- `circular_shift`: inside each document one latent is shifted against the other, and wraps around
  at the document's end. In a document of T kept tokens all T shifts are equally likely. Their
  joint counts are the circular cross-correlation of the two latents: how often each difference of
  positions, modulo T, occurs. A document of more than LONGEST kept tokens is cut into equal
  stretches, and each stretch is shifted separately.
- `document_permutation`: whole documents are permuted within strata of similar length, and the
  documents in which both latents fire are counted. In a stratum of D documents, of which a fires
  in d_a and b in d_b, that count is hypergeometric(D, d_a, d_b). The sum over the strata is the
  exact conditional test of Cochran, Mantel and Haenszel.

In both models the count is a sum of independent small counts, so its tails are computed exactly
(`tails.py`). No random numbers are drawn, and the result does not depend on a seed.

Limits. The shift destroys the position in the document: two latents that both fire at the beginning
of documents are called related. The permutation rejects too often where topics depend on length
(7.6 % at a nominal 5 % on planted data).

Time of a pair: under the shift the products n_a n_b summed over the stretches that the two share,
then the convolution. Memory: a few arrays of the length of the shorter list, per thread.
"""

from functools import partial
from typing import NamedTuple

import numba
import numpy as np

from analysis.bundle import Activations, KeptTokens
from analysis.cooccurrence.joint import shared
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, Parts, tails_of_sum
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.runtime.threads import over_spans

LONGEST = 2_048
"""Most kept tokens that are shifted as one stretch. In longer documents the topic changes, so two
latents that fire in the same chapter would seem to share tokens."""

MOST_STRATA = 10
SMALLEST_STRATUM = 15
"""Fewest documents per stratum on average; equal lengths always share a stratum."""


class Positions(NamedTuple):
    """Where each latent of a block fires. Latents are addressed by their index in the block."""

    tokens: Ints
    """[m] kept tokens, counted from 0; ascending in each latent, one latent after another."""
    ends: Ints
    """[latents] where each latent's part of `tokens` ends."""

    def of(self, index: int) -> Ints:
        """The tokens of one latent."""
        return self.tokens[(self.ends[index - 1] if index else 0) : self.ends[index]]


class PairTests(NamedTuple):
    """The joint counts of n pairs and their distribution under a null; arrays [n]."""

    observed: Ints
    expected: Floats
    """Mean under the null."""
    std: Floats
    """Standard deviation under the null."""
    p_more: Floats
    """P(count >= observed), in (0, 1]."""
    p_fewer: Floats
    """P(count <= observed), in (0, 1]."""
    exact: Bools
    """False where the tails are approximate."""

    @staticmethod
    def blank(n: int) -> "PairTests":
        """Arrays for n pairs: counts of 0 and p-values of 1."""
        return PairTests(
            observed=np.zeros(n, dtype=np.int64),
            expected=np.zeros(n),
            std=np.zeros(n),
            p_more=np.ones(n),
            p_fewer=np.ones(n),
            exact=np.zeros(n, dtype=np.bool_),
        )

    def take(self, chosen: Ints | Bools) -> "PairTests":
        """The chosen pairs, by index or by mask."""
        return PairTests._make(column[chosen] for column in self)


def positions_of(activations: Activations, kept: KeptTokens, latents: Ints) -> Positions:
    """Where each of the ascending latents fires."""
    tokens, counts = activations.tokens_of(latents)
    return Positions(kept.before[tokens].astype(np.int64), np.cumsum(counts))


def stretches(kept: KeptTokens) -> Ints:
    """End of each stretch that is shifted as one, in kept tokens: a document or a part of one."""
    lengths = kept.lengths
    parts = np.maximum(-(-lengths // LONGEST), 1)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts) + 1
    begins, lengths, parts = (np.repeat(v, parts) for v in (kept.ends - lengths, lengths, parts))
    return begins + lengths * part // parts


def strata_of(kept: KeptTokens) -> Ints:
    """The stratum [documents] of each document; -1 for a document without kept tokens.

    Strata are quantile groups of the number of kept tokens.
    """
    lengths = kept.lengths
    counted = lengths[lengths > 0]
    groups = int(np.clip(len(counted) // SMALLEST_STRATUM, 1, MOST_STRATA))
    inner = np.arange(1, groups) / groups
    bounds = np.unique(np.quantile(counted, inner)) if len(counted) else np.empty(0)
    return np.where(lengths > 0, np.searchsorted(bounds, lengths), -1)


def circular_shift(
    positions: Positions, stretch_ends: Ints, pairs: Ints, least_expected: float = 0.0
) -> PairTests:
    """Test joint tokens of pairs [n, 2] by shifting one latent inside stretches.

    Positions and `stretch_ends` may count the tokens of a third latent instead of all kept tokens.
    A pair whose mean is below `least_expected` is counted but not tested: its p-values are 1.
    """
    tests = PairTests.blank(len(pairs))
    longest = int(np.diff(stretch_ends, prepend=0).max(initial=1))
    work = partial(
        _shift_pairs, positions, stretch_ends, pairs, least_expected, LARGEST_CONVOLUTION, longest
    )
    over_spans(len(pairs), partial(work, tests))
    return tests


def document_permutation(
    positions: Positions, kept: KeptTokens, strata: Ints, pairs: Ints
) -> PairTests:
    """Test joint documents of pairs [n, 2] by permuting documents inside `strata` [documents]."""
    owner = np.repeat(np.arange(len(positions.ends)), np.diff(positions.ends, prepend=0))
    document = np.searchsorted(kept.ends, positions.tokens, side="right")
    first = np.append(True, (np.diff(owner) > 0) | (np.diff(document) > 0))[: len(owner)]
    ends = np.cumsum(np.bincount(owner[first], minlength=len(positions.ends)))
    sizes = np.bincount(strata[strata >= 0], minlength=1)
    tests = PairTests.blank(len(pairs))
    documents = Positions(document[first], ends)
    work = partial(_document_pairs, documents, strata, sizes, pairs, LARGEST_CONVOLUTION)
    over_spans(len(pairs), partial(work, tests))
    return tests


class _SharedStretches(NamedTuple):
    """The stretches in which both latents of a pair fire; arrays [n]."""

    length: Ints
    a_start: Ints
    """Where a's positions in the stretch begin in its list."""
    a_stop: Ints
    b_start: Ints
    b_stop: Ints


@numba.njit(nogil=True, cache=True)
def _shift_pairs(  # noqa: PLR0913, PLR0917 - a kernel
    positions: Positions,
    stretch_ends: Ints,
    pairs: Ints,
    least_expected: float,
    largest: int,
    longest: int,
    tests: PairTests,
    start: int,
    stop: int,
) -> None:
    """Fill the tests of pairs start..stop-1; no stretch has more than `longest` tokens."""
    counts = np.zeros(longest, dtype=np.int64)
    for i in range(start, stop):
        a = _list(positions, pairs[i, 0])
        b = _list(positions, pairs[i, 1])
        both = _shared_stretches(a, b, stretch_ends)
        n_a, n_b = both.a_stop - both.a_start, both.b_stop - both.b_start
        mean = (n_a * n_b / both.length).sum()
        tests.expected[i] = mean
        if mean < least_expected:
            tests.observed[i] = shared(a, b)
            continue
        observed, parts = _shift_chances(a, b, both, counts)
        tails = tails_of_sum(parts, observed, largest)
        tests.observed[i] = observed
        tests.std[i] = tails.std
        tests.p_more[i], tests.p_fewer[i] = tails.more, tails.fewer
        tests.exact[i] = tails.exact


@numba.njit(nogil=True, cache=True)
def _list(positions: Positions, index: int) -> Ints:
    return positions.tokens[(positions.ends[index - 1] if index else 0) : positions.ends[index]]


@numba.njit(nogil=True, cache=True)
def _shared_stretches(a: Ints, b: Ints, ends: Ints) -> _SharedStretches:
    """The stretches that hold positions of both ascending lists."""
    most = min(len(a), len(b))
    length = np.empty(most, dtype=np.int64)
    a_start, a_stop = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    b_start, b_stop = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    i, j, n = 0, 0, 0
    while i < len(a) and j < len(b):
        stretch = np.searchsorted(ends, max(a[i], b[j]), side="right")
        begin = ends[stretch - 1] if stretch else 0
        i += int(np.searchsorted(a[i:], begin))
        j += int(np.searchsorted(b[j:], begin))
        after_a = i + np.searchsorted(a[i:], ends[stretch])
        after_b = j + np.searchsorted(b[j:], ends[stretch])
        if after_a > i and after_b > j:
            length[n] = ends[stretch] - begin
            a_start[n], a_stop[n] = i, after_a
            b_start[n], b_stop[n] = j, after_b
            n += 1
        i, j = after_a, after_b
    return _SharedStretches(length[:n], a_start[:n], a_stop[:n], b_start[:n], b_stop[:n])


@numba.njit(nogil=True, cache=True)
def _shift_chances(a: Ints, b: Ints, both: _SharedStretches, counts: Ints) -> tuple[int, Parts]:
    """The joint count, and the distribution of each stretch's joint count under the shift.

    `counts` is zero on entry and on return; it has one entry per token of the longest stretch.
    """
    most = np.minimum(both.a_stop - both.a_start, both.b_stop - both.b_start)
    chances = np.zeros(most.sum() + len(most))
    ends = np.empty(len(most), dtype=np.int64)
    lows = np.empty(len(most), dtype=np.int64)
    observed, start = 0, 0
    for i in range(len(most)):
        length = both.length[i]
        of_a = a[both.a_start[i] : both.a_stop[i]]
        of_b = b[both.b_start[i] : both.b_stop[i]]
        _correlate(of_a, of_b, length, counts)
        observed += counts[0]
        part = chances[start : start + most[i] + 1]
        _count_counts(of_a, of_b, length, counts, part)
        low, high = 0, len(part) - 1
        while part[low] == 0:
            low += 1
        while part[high] == 0:
            high -= 1
        for k in range(low, high + 1):
            chances[start + k - low] = part[k] / length
        start += high - low + 1
        chances[start : start + low] = 0.0
        lows[i], ends[i] = low, start
    return observed, Parts(chances[:start], ends, lows)


@numba.njit(nogil=True, cache=True)
def _correlate(a: Ints, b: Ints, length: int, counts: Ints) -> None:
    """Add to counts [length] the joint count at every shift of b."""
    for i in range(len(a)):
        for j in range(len(b)):
            shift = a[i] - b[j]
            counts[shift + length if shift < 0 else shift] += 1


@numba.njit(nogil=True, cache=True)
def _count_counts(a: Ints, b: Ints, length: int, counts: Ints, part: Floats) -> None:
    """Set part[c] to the number of shifts with c joint tokens, and reset `counts` to zero."""
    if len(a) * len(b) > length:
        for shift in range(length):
            part[counts[shift]] += 1
            counts[shift] = 0
        return
    met = 0
    for i in range(len(a)):
        for j in range(len(b)):
            shift = a[i] - b[j]
            shift += length if shift < 0 else 0
            if counts[shift]:
                part[counts[shift]] += 1
                counts[shift] = 0
                met += 1
    part[0] = length - met


@numba.njit(nogil=True, cache=True)
def _document_pairs(
    documents: Positions,
    strata: Ints,
    sizes: Ints,
    pairs: Ints,
    largest: int,
    tests: PairTests,
    start: int,
    stop: int,
) -> None:
    """Fill the tests of pairs start..stop-1, from the ascending documents of each latent."""
    for i in range(start, stop):
        a = _list(documents, pairs[i, 0])
        b = _list(documents, pairs[i, 1])
        with_a, with_b = np.zeros_like(sizes), np.zeros_like(sizes)
        for document in a:
            with_a[strata[document]] += 1
        for document in b:
            with_b[strata[document]] += 1
        observed = shared(a, b)
        tails = tails_of_sum(_stratum_chances(sizes, with_a, with_b), observed, largest)
        tests.observed[i] = observed
        tests.expected[i], tests.std[i] = tails.mean, tails.std
        tests.p_more[i], tests.p_fewer[i] = tails.more, tails.fewer
        tests.exact[i] = tails.exact


@numba.njit(nogil=True, cache=True)
def _stratum_chances(sizes: Ints, with_a: Ints, with_b: Ints) -> Parts:
    """The hypergeometric distribution of each stratum's joint count."""
    chances = np.empty(np.minimum(with_a, with_b).sum() + len(sizes))
    ends = np.empty(len(sizes), dtype=np.int64)
    lows = np.empty(len(sizes), dtype=np.int64)
    start = 0
    for i in range(len(sizes)):
        low = max(0, with_a[i] + with_b[i] - sizes[i])
        high = min(with_a[i], with_b[i])
        part = chances[start : start + high - low + 1]
        _hypergeometric(sizes[i], with_a[i], with_b[i], low, part)
        start += len(part)
        lows[i], ends[i] = low, start
    return Parts(chances[:start], ends, lows)


@numba.njit(nogil=True, cache=True)
def _hypergeometric(n: int, n_a: int, n_b: int, low: int, part: Floats) -> None:
    """Fill `part` with the probabilities of low, low + 1, ... joint documents among n.

    Ratios of neighbours are multiplied outwards from the mode, so that nothing overflows.
    """
    mode = min(max((n_a + 1) * (n_b + 1) // (n + 2) - low, 0), len(part) - 1)
    part[mode] = 1.0
    for k in range(mode, len(part) - 1):
        x = low + k
        part[k + 1] = part[k] * ((n_a - x) * (n_b - x)) / ((x + 1.0) * (n - n_a - n_b + x + 1))
    for k in range(mode, 0, -1):
        x = low + k
        part[k - 1] = part[k] * (x * (n - n_a - n_b + x + 0.0)) / ((n_a - x + 1.0) * (n_b - x + 1))
    part /= part.sum()
