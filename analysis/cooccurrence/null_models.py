"""The null model of joint tokens: one latent is shifted against the other inside documents.

Tokens of one document are not independent. Latents fire in bursts, so two unrelated latents that
fire in the same documents share more tokens than they would if all tokens were shuffled. A shift
keeps the bursts. Inside each document one latent is shifted against the other, and wraps around at
the document's end. In a document of T kept tokens all T shifts are equally likely. Their joint
counts are the circular cross-correlation of the two latents: how often each difference of
positions, modulo T, occurs. A document of more than LONGEST kept tokens is cut into equal
stretches, and each stretch is shifted separately.

A shift destroys the position in the document, so two latents that both fire at the beginning of
documents meet more often than it expects. Therefore the mean is corrected by the position profiles
of both (`position_profile.py`), and the chances are tilted to the corrected mean (`tails.tilted`).

The count is a sum of independent small counts, so its tails are computed exactly (`tails.py`). No
random numbers are drawn, and the result does not depend on a seed. `bench/bench_tests.py` measures
how often the test rejects where there is nothing to find, and its power.

Time of a pair: under the shift the products n_a n_b summed over the stretches that the two share,
then the convolution. Memory: a few arrays of the length of the shorter list, per thread.
"""

from functools import partial
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import Activations, KeptTokens
from analysis.cooccurrence.joint import shared
from analysis.cooccurrence.position_profile import (
    BINS,
    Bins,
    Profiles,
    Stretches,
    joint_rates,
    position_ratio,
    profiles,
)
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, Parts, tails_of_sum, tilted
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.runtime.threads import over_spans


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


def circular_shift(
    positions: Positions,
    bins: Bins,
    stretches: Stretches,
    pairs: Ints,
    least_expected: float = 0.0,
) -> PairTests:
    """Test joint tokens of pairs [n, 2] by shifting one latent inside stretches.

    `bins` [m] are the bins of the positions. Positions, bins and stretches may count the tokens of
    a third latent instead of all kept tokens. A pair whose mean is below `least_expected` is
    counted but not tested: its p-values are 1.
    """
    tests = PairTests.blank(len(pairs))
    longest = int(np.diff(stretches.ends, prepend=0).max(initial=1))
    where = profiles(positions.ends, positions.tokens, bins, stretches)
    work = partial(_shift_pairs, positions, bins, stretches, where, pairs, least_expected)
    over_spans(len(pairs), partial(work, LARGEST_CONVOLUTION, longest, tests))
    return tests


def shift_parts(positions: Positions, bins: Bins, stretches: Stretches) -> Parts:
    """The null of `circular_shift` for a block of two latents: one part for each shared stretch."""
    a, b = positions.of(0), positions.of(1)
    where = profiles(positions.ends, positions.tokens, bins, stretches)
    both = _shared_stretches(a, b, stretches.ends)
    longest = int(np.diff(stretches.ends, prepend=0).max(initial=1))
    _, parts = _shift_chances(a, b, both, np.zeros(longest, dtype=np.int64))
    mean = _expected(positions, bins, both, stretches.widths, where, 0, 1)
    return tilted(parts, mean)


class _SharedStretches(NamedTuple):
    """The stretches in which both latents of a pair fire; arrays [n]."""

    stretch: Ints
    length: Ints
    a_start: Ints
    """Where a's positions in the stretch begin in its list."""
    a_stop: Ints
    b_start: Ints
    b_stop: Ints


@numba.njit(nogil=True, cache=True)
def _shift_pairs(  # noqa: PLR0913, PLR0917 - a kernel
    positions: Positions,
    bins: Bins,
    stretches: Stretches,
    where: Profiles,
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
        a = list_of(positions, pairs[i, 0])
        b = list_of(positions, pairs[i, 1])
        both = _shared_stretches(a, b, stretches.ends)
        mean = _expected(positions, bins, both, stretches.widths, where, pairs[i, 0], pairs[i, 1])
        tests.expected[i] = mean
        if mean < least_expected:
            tests.observed[i] = shared(a, b)
            continue
        observed, parts = _shift_chances(a, b, both, counts)
        tails = tails_of_sum(tilted(parts, mean), observed, largest)
        tests.observed[i] = observed
        tests.expected[i], tests.std[i] = tails.mean, tails.std
        tests.p_more[i], tests.p_fewer[i] = tails.more, tails.fewer
        tests.exact[i] = tails.exact


@numba.njit(nogil=True, cache=True)
def _expected(
    positions: Positions,
    bins: Bins,
    both: _SharedStretches,
    widths: npt.NDArray[np.uint16],
    where: Profiles,
    a: int,
    b: int,
) -> float:
    """The mean joint count of latents a and b, corrected by their profiles."""
    start_a, start_b = _start(positions, a), _start(positions, b)
    every = float(positions.ends[a] - start_a) * float(positions.ends[b] - start_b)
    of_a, same_bin = np.zeros(BINS), np.zeros(BINS)
    same_stretch = 0.0
    for i in range(len(both.length)):
        bins_a = bins[start_a + both.a_start[i] : start_a + both.a_stop[i]]
        bins_b = bins[start_b + both.b_start[i] : start_b + both.b_stop[i]]
        for k in bins_a:
            of_a[k] += 1
        for k in bins_b:
            same_bin[k] += of_a[k]
        for k in bins_a:
            of_a[k] = 0
        same_stretch += len(bins_a) * len(bins_b)
    rates = joint_rates(where, a, b, every, same_bin, same_stretch)
    mean = 0.0
    for i in range(len(both.length)):
        n_a, n_b = both.a_stop[i] - both.a_start[i], both.b_stop[i] - both.b_start[i]
        mean += n_a * n_b / both.length[i] * position_ratio(widths[both.stretch[i]], rates)
    return mean


@numba.njit(nogil=True, cache=True)
def _start(positions: Positions, index: int) -> int:
    return int(positions.ends[index - 1]) if index else 0


@numba.njit(nogil=True, cache=True)
def list_of(positions: Positions, index: int) -> Ints:
    """As `Positions.of`, in kernels."""
    return positions.tokens[_start(positions, index) : positions.ends[index]]


@numba.njit(nogil=True, cache=True)
def _shared_stretches(a: Ints, b: Ints, ends: Ints) -> _SharedStretches:
    """The stretches that hold positions of both ascending lists."""
    most = min(len(a), len(b))
    index, length = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
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
            index[n], length[n] = stretch, ends[stretch] - begin
            a_start[n], a_stop[n] = i, after_a
            b_start[n], b_stop[n] = j, after_b
            n += 1
        i, j = after_a, after_b
    return _SharedStretches(index[:n], length[:n], a_start[:n], a_stop[:n], b_start[:n], b_stop[:n])


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
