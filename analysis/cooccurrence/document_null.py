"""The null model of joint documents: whole documents are permuted among those of similar length.

The documents in which both latents fire are counted. In a stratum of D documents, of which a fires
in d_a and b in d_b, that count is hypergeometric(D, d_a, d_b). The sum over the strata is the exact
conditional test of Cochran, Mantel and Haenszel. Strata are narrow, because whether a latent fires
in a document depends on its length. `bench/bench_tests.py` measures how often the test rejects
where topics follow length, and its power.
"""

from functools import partial

import numba
import numpy as np

from analysis.bundle import KeptTokens
from analysis.cooccurrence.joint import shared
from analysis.cooccurrence.null_models import PairTests, Positions, list_of
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, Parts, tails_of_sum
from analysis.runtime.arrays import Floats, Ints
from analysis.runtime.threads import over_spans

STRATUM_DOCUMENTS = 16
"""Documents of a full stratum. The fewer, the less the test is misled by topics that follow length;
16 lose 3 % of the power of one stratum."""
LENGTH_RATIO = 1.2
"""Most that the longest document of a stratum exceeds the shortest. A document of a length of its
own is a stratum of its own, and does not count."""


def strata_of(kept: KeptTokens) -> Ints:
    """The stratum [documents] of each document; -1 for a document without kept tokens.

    Strata are runs of documents in ascending order of their kept tokens. The longest document of a
    stratum has at most LENGTH_RATIO times the tokens of the shortest. A stratum is full with
    STRATUM_DOCUMENTS documents, but documents of one length always share a stratum.
    """
    lengths = kept.lengths
    order = np.argsort(lengths, kind="stable")
    strata = np.full(len(lengths), -1, dtype=np.int64)
    _number_strata(lengths, order, STRATUM_DOCUMENTS, LENGTH_RATIO, strata)
    return strata


@numba.njit(nogil=True, cache=True)
def _number_strata(lengths: Ints, order: Ints, full: int, ratio: float, strata: Ints) -> None:
    stratum, size = -1, 0
    shortest, previous = 0, 0
    for document in order:
        length = lengths[document]
        if length == 0:
            continue
        if length != previous and (size >= full or length > ratio * shortest):
            stratum, size, shortest = stratum + 1, 0, length
        strata[document] = stratum
        size, previous = size + 1, length


def document_permutation(
    positions: Positions, kept: KeptTokens, strata: Ints, pairs: Ints
) -> PairTests:
    """Test joint documents of pairs [n, 2] by permuting documents inside `strata` [documents]."""
    sizes = np.bincount(strata[strata >= 0], minlength=1)
    tests = PairTests.blank(len(pairs))
    documents = _documents_of(positions, kept)
    work = partial(_document_pairs, documents, strata, sizes, pairs, LARGEST_CONVOLUTION)
    over_spans(len(pairs), partial(work, tests))
    return tests


def document_parts(positions: Positions, kept: KeptTokens, strata: Ints) -> Parts:
    """The null of `document_permutation` for a block of two latents: one part for each stratum."""
    sizes = np.bincount(strata[strata >= 0], minlength=1)
    documents = _documents_of(positions, kept)
    with_a, with_b = (np.bincount(strata[documents.of(i)], minlength=len(sizes)) for i in range(2))
    return _stratum_chances(sizes, with_a, with_b)


def _documents_of(positions: Positions, kept: KeptTokens) -> Positions:
    """The documents in which each latent fires, ascending."""
    owner = np.repeat(np.arange(len(positions.ends)), np.diff(positions.ends, prepend=0))
    document = np.searchsorted(kept.ends, positions.tokens, side="right")
    first = np.append(True, (np.diff(owner) > 0) | (np.diff(document) > 0))[: len(owner)]
    ends = np.cumsum(np.bincount(owner[first], minlength=len(positions.ends)))
    return Positions(document[first], ends)


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
        a = list_of(documents, pairs[i, 0])
        b = list_of(documents, pairs[i, 1])
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


def chances_of_more(sizes: Ints, with_a: Ints, with_b: Ints, pairs: Ints, observed: Ints) -> Floats:
    """P(as many joint documents or more) of pairs [n, 2] of a row of with_a and one of with_b.

    sizes [strata] are the documents of each stratum; with_a and with_b [rows, strata] those in
    which each fires. `observed` [n] are the joint documents of each pair.
    """
    p = np.empty(len(pairs))
    work = partial(_chances_of_more, sizes, with_a, with_b, pairs, observed)
    over_spans(len(pairs), partial(work, p))
    return p


@numba.njit(nogil=True, cache=True)
def _chances_of_more(
    sizes: Ints,
    with_a: Ints,
    with_b: Ints,
    pairs: Ints,
    observed: Ints,
    p: Floats,
    start: int,
    stop: int,
) -> None:
    for i in range(start, stop):
        parts = _stratum_chances(sizes, with_a[pairs[i, 0]], with_b[pairs[i, 1]])
        p[i] = tails_of_sum(parts, observed[i], LARGEST_CONVOLUTION).more


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
