"""Is it chance? Exact tests of a pair of latents, where the unit is the document, not the token.

Tokens of one document are not independent: two latents that come in bursts share tokens although
they have nothing to do with each other, and a test that shuffles tokens calls that significant.
Two nulls for two questions keep what a burst is:

- *Do they share documents?* Whole documents are permuted, among documents of similar length, and
  the documents in which both fire are counted. Within a stratum of D documents of which a fires
  in d_a and b in d_b that is hypergeometric(D, d_a, d_b); the sum over the strata is the exact
  conditional test of Cochran, Mantel and Haenszel.
- *Do they share tokens, beyond sharing documents?* Inside each document one latent is shifted
  against the other, around the document's end, over its kept tokens, and the joint tokens are
  counted. All T shifts of a document are equally likely, and the joint counts that they give are
  the circular cross-correlation of the two: the differences of their positions modulo T, counted.
  A document of more than LONGEST kept tokens is cut into equal stretches that are shifted alone.

Both are sums of independent small distributions, and their tails are exact (`tails.py`). Nothing
is drawn, so nothing depends on a seed. For the record there is the test of the token level too:
the hypergeometric tail where fewer than 5 joint tokens are expected, else chi-square on the signed
root of G^2, which would understate p for rare latents.

For many pairs the activations are read in blocks within a memory setting; each pair belongs to one
thread. Time of a pair's shift test: the products n_a n_b of the documents that it shares, and the
convolution.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.bundle import Activations, Bundle, KeptTokens, chosen_tokens, latent_spans
from analysis.cooccurrence.association import TwoByTwo, expected, g_squared
from analysis.cooccurrence.tails import LARGEST_CONVOLUTION, tails_of_sum
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.threads import over_spans

LONGEST = 2_048
"""Most kept tokens that are shifted as one. In longer documents topics change, and what two latents
share by sharing a chapter is no more a shared token than what they share by sharing a document."""

MOST_STRATA = 10
SMALLEST_STRATUM = 15
"""Documents that a stratum of similar length has at least, but for equal lengths."""

RARE = 5.0
"""Below so many expected joint tokens the token-level test is hypergeometric; Dunning 1993."""

WORKING_BYTES = 24  # for an activation of a block: its token, its position, and both once more

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Kind = Literal["tokens", "documents", "shift"]
Progress = Callable[[int, int], None]
"""Is told pairs done and pairs in all."""


@dataclass(frozen=True)
class PairTest:
    """One question about a pair, and what chance alone says; of a pair that was asked about.

    The p-values are not corrected for looking at many pairs.
    """

    kind: Kind
    question: str
    null: str
    """What chance does."""
    statistic: str
    """What is counted."""
    observed: int
    expected: float
    """The exact mean under the null."""
    deviation: float
    """The standard deviation under the null; 0 where it has one value."""
    p_more: float
    """P(X >= observed), in (0, 1]."""
    p_fewer: float
    """P(X <= observed), in (0, 1]."""
    exact: bool
    """False where the tails are approximated: chi-square on G^2, or a saddlepoint."""


@dataclass(frozen=True)
class PairTests:
    """One question about n pairs: arrays [n] of what a `PairTest` holds."""

    observed: Ints
    expected: Floats
    deviation: Floats
    p_more: Floats
    p_fewer: Floats
    exact: npt.NDArray[np.bool_]


_SAID: dict[Kind, tuple[str, str, str]] = {
    "tokens": (
        "Are they active on the same tokens?",
        "all kept tokens are shuffled, as if tokens of one document had nothing in common",
        "kept tokens on which both fire",
    ),
    "documents": (
        "Do they share documents?",
        "whole documents are permuted, among documents of similar length",
        "documents in which both fire",
    ),
    "shift": (
        "Do they share tokens, beyond sharing documents?",
        "inside each document one is shifted against the other, around the document's end",
        "kept tokens on which both fire",
    ),
}


def tests_of_pair(bundle: Bundle, a: int, b: int) -> tuple[PairTest, ...]:
    """The tests at token level, of documents, and of the shift, in this order.

    ValueError for a latent with itself.
    """
    if a == b:
        raise ValueError("a pair is of two different latents")
    kept = bundle.kept_tokens
    lists = positions_of(bundle.activations, kept, np.array([min(a, b), max(a, b)]))
    pair = np.array([[0, 1]])
    shifted = shift_in(lists, stretches(kept), pair)
    n1, n2 = np.diff(lists.ends, prepend=0)
    table = TwoByTwo.from_margins(shifted.observed, n1, n2, bundle.manifest.tokens)
    tested: dict[Kind, PairTests] = {
        "tokens": token_tests(table),
        "documents": _test_documents(lists, kept, strata_of(kept), pair),
        "shift": shifted,
    }
    return tuple(
        PairTest(
            kind,
            *_SAID[kind],
            observed=int(found.observed[0]),
            expected=float(found.expected[0]),
            deviation=float(found.deviation[0]),
            p_more=float(found.p_more[0]),
            p_fewer=float(found.p_fewer[0]),
            exact=bool(found.exact[0]),
        )
        for kind, found in tested.items()
    )


def token_tests(table: TwoByTwo) -> PairTests:
    """The test of the token level, from counts [n] (or one of each)."""
    n, n1, n2, joint = (
        np.atleast_1d(values).astype(np.int64)
        for values in (table.n, table.n1, table.n2, table.n11)
    )
    mean = np.atleast_1d(expected(table))
    rare = mean < RARE
    spread = np.maximum(n.astype(np.float64) ** 2 * (n - 1), 1.0)
    deviation = np.sqrt(mean * (n - n1) * (n - n2) * n / spread)
    root = np.sign(joint - mean) * np.sqrt(np.atleast_1d(g_squared(table)))
    more, fewer = stats.norm.sf(root), stats.norm.cdf(root)
    margins = n[rare], n1[rare], n2[rare]
    more[rare] = stats.hypergeom.sf(joint[rare] - 1, *margins)
    fewer[rare] = stats.hypergeom.cdf(joint[rare], *margins)
    smallest = np.finfo(np.float64).tiny
    return PairTests(
        joint, mean, deviation, np.clip(more, smallest, 1.0), np.clip(fewer, smallest, 1.0), rare
    )


def document_tests(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> PairTests:
    """Do the two latents of each pair [n, 2] share documents?"""
    strata = strata_of(kept)
    return _in_blocks(
        activations,
        kept,
        pairs,
        lambda lists, local: _test_documents(lists, kept, strata, local),
        memory_bytes,
        progress,
    )


def shift_tests(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    *,
    least_expected: float = 0.0,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> PairTests:
    """Do the two latents of each pair [n, 2] share tokens, beyond sharing documents?

    A pair whose expected count is below `least_expected` is not tested: its p-values are 1.
    """
    ends = stretches(kept)
    return _in_blocks(
        activations,
        kept,
        pairs,
        lambda lists, local: shift_in(lists, ends, local, least_expected),
        memory_bytes,
        progress,
    )


def benjamini_hochberg(p: npt.ArrayLike, family: int) -> Floats:
    """q-values [n] of p-values [n] among `family` tests, the others having p = 1.

    q is the smallest false discovery rate at which a test is called; Benjamini & Hochberg 1995.
    ValueError: the family is smaller than n.
    """
    values = np.asarray(p, dtype=np.float64)
    if family < len(values):
        raise ValueError(f"a family of {family} tests cannot hold {len(values)}")
    order = np.argsort(values, kind="stable")
    rising = values[order] * family / np.arange(1, len(values) + 1)
    q = np.empty(len(values))
    q[order] = np.minimum(np.minimum.accumulate(rising[::-1])[::-1], 1.0)
    return q


class Lists(NamedTuple):
    """One ascending list for every latent of a block: where it fires, in kept tokens."""

    positions: Ints
    """[m] one list after the other."""
    ends: Ints
    """[latents] where each list ends."""

    def of(self, index: int) -> Ints:
        """The list of one latent of the block."""
        return self.positions[(self.ends[index - 1] if index else 0) : self.ends[index]]


def stretches(kept: KeptTokens) -> Ints:
    """Where each stretch that is shifted as one ends, in kept tokens: a document or a part."""
    lengths = np.diff(kept.ends, prepend=0)
    parts = np.maximum(-(-lengths // LONGEST), 1)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts) + 1
    begins, lengths, parts = (np.repeat(v, parts) for v in (kept.ends - lengths, lengths, parts))
    return begins + lengths * part // parts


def strata_of(kept: KeptTokens) -> Ints:
    """A stratum [documents] of documents of similar length; -1 where a document has no kept token.

    Quantile groups of the kept tokens; equal lengths are never separated.
    """
    lengths = np.diff(kept.ends, prepend=0)
    counted = lengths[lengths > 0]
    groups = int(np.clip(len(counted) // SMALLEST_STRATUM, 1, MOST_STRATA))
    inner = np.arange(1, groups) / groups
    bounds = np.unique(np.quantile(counted, inner)) if len(counted) else np.empty(0)
    return np.where(lengths > 0, np.searchsorted(bounds, lengths), -1)


def positions_of(activations: Activations, kept: KeptTokens, latents: Ints) -> Lists:
    """Where each of the ascending latents fires."""
    tokens, counts = chosen_tokens(activations, latents)
    return Lists(kept.before[tokens].astype(np.int64), np.cumsum(counts))


def _in_blocks(
    activations: Activations,
    kept: KeptTokens,
    pairs: Ints,
    test: Callable[[Lists, Ints], PairTests],
    memory_bytes: int,
    progress: Progress | None,
) -> PairTests:
    """Test the pairs, grouped so that the activations of a group fit the memory setting."""
    parts: list[PairTests] = []
    order: list[Ints] = []
    done = 0
    for chosen in _groups(activations, pairs, memory_bytes):
        latents, local = np.unique(pairs[chosen], return_inverse=True)
        lists = positions_of(activations, kept, latents)
        parts.append(test(lists, local.reshape(-1, 2)))
        order.append(chosen)
        done += len(chosen)
        if progress:
            progress(done, len(pairs))
    back = np.argsort(np.concatenate(order)) if order else np.empty(0, dtype=np.int64)
    return PairTests(*(_joined(parts, name)[back] for name in PairTests.__dataclass_fields__))


def _joined(parts: list[PairTests], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in parts] or [np.empty(0)])


def _groups(activations: Activations, pairs: Ints, memory_bytes: int) -> Iterator[Ints]:
    """Indices of pairs [n, 2] whose latents come from the same two blocks of latents."""
    counts = np.diff(activations.latent_ends, prepend=0)
    spans = list(latent_spans(counts, memory_bytes // (2 * WORKING_BYTES)))
    block = np.repeat(np.arange(len(spans)), [stop - start for start, stop in spans])
    key = block[pairs[:, 0]] * len(spans) + block[pairs[:, 1]]
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    yield from (group for group in np.split(order, cuts) if len(group))


def shift_in(
    lists: Lists, stretch_ends: Ints, pairs: Ints, least_expected: float = 0.0
) -> PairTests:
    """The shift test of pairs [n, 2] of lists, inside stretches that end at `stretch_ends`.

    Positions may be counted in any tokens: all kept ones, or those of a third latent.
    """
    found = np.zeros((len(pairs), _COLUMNS))
    longest = int(np.diff(stretch_ends, prepend=0).max(initial=1))
    work = partial(
        _shift_pairs, *lists, stretch_ends, pairs, least_expected, LARGEST_CONVOLUTION, longest
    )
    over_spans(len(pairs), partial(work, found))
    return _tests(found)


def _test_documents(lists: Lists, kept: KeptTokens, strata: Ints, pairs: Ints) -> PairTests:
    owner = np.repeat(np.arange(len(lists.ends)), np.diff(lists.ends, prepend=0))
    document = np.searchsorted(kept.ends, lists.positions, side="right")
    first = np.append(True, (np.diff(owner) > 0) | (np.diff(document) > 0))[: len(owner)]
    ends = np.cumsum(np.bincount(owner[first], minlength=len(lists.ends)))
    sizes = np.bincount(strata[strata >= 0], minlength=1)
    found = np.zeros((len(pairs), _COLUMNS))
    work = partial(
        _document_pairs, document[first], ends, strata, sizes, pairs, LARGEST_CONVOLUTION
    )
    over_spans(len(pairs), partial(work, found))
    return _tests(found)


_COLUMNS = 6  # of a kernel's result: the fields of PairTests


def _tests(found: Floats) -> PairTests:
    observed, mean, deviation, more, fewer, exact = found.T
    return PairTests(observed.astype(np.int64), mean, deviation, more, fewer, exact > 0)


@numba.njit(nogil=True, cache=True)
def _shift_pairs(  # noqa: PLR0913, PLR0917 - a kernel
    positions: Ints,
    list_ends: Ints,
    stretch_ends: Ints,
    pairs: Ints,
    least_expected: float,
    largest: int,
    longest: int,
    found: Floats,
    start: int,
    stop: int,
) -> None:
    """Fill rows start..stop-1 of found [pairs, 6]; `longest` bounds the length of a stretch."""
    counts = np.zeros(longest, dtype=np.int64)
    for i in range(start, stop):
        a = _list(positions, list_ends, pairs[i, 0])
        b = _list(positions, list_ends, pairs[i, 1])
        shared = _shared_stretches(a, b, stretch_ends)
        mean = 0.0
        for row in shared:
            mean += (row[2] - row[1]) * (row[4] - row[3]) / row[0]
        if mean < least_expected:
            found[i, 0] = _common(a, b)
            found[i, 1] = mean
            found[i, 3:] = 1.0
            continue
        observed, chances, ends, lows = _shift_chances(a, b, shared, counts)
        found[i, 0] = observed
        tails = tails_of_sum(chances, ends, lows, observed, largest)
        found[i, 1] = mean
        found[i, 2] = tails.deviation
        found[i, 3] = tails.more
        found[i, 4] = tails.fewer
        found[i, 5] = tails.exact


@numba.njit(nogil=True, cache=True)
def _list(positions: Ints, ends: Ints, index: int) -> Ints:
    return positions[(ends[index - 1] if index else 0) : ends[index]]


@numba.njit(nogil=True, cache=True)
def _common(a: Ints, b: Ints) -> int:
    """How many values two ascending lists share."""
    i, j, both = 0, 0, 0
    while i < len(a) and j < len(b):
        both += a[i] == b[j]
        low = min(a[i], b[j])
        i += a[i] == low
        j += b[j] == low
    return both


@numba.njit(nogil=True, cache=True)
def _shared_stretches(a: Ints, b: Ints, ends: Ints) -> Ints:
    """[n, 5] for each stretch that holds positions of both: its length, and where a's and b's
    positions in it start and stop."""
    shared = np.empty((min(len(a), len(b)), 5), dtype=np.int64)
    i, j, n = 0, 0, 0
    while i < len(a) and j < len(b):
        stretch = np.searchsorted(ends, max(a[i], b[j]), side="right")
        begin = ends[stretch - 1] if stretch else 0
        i += int(np.searchsorted(a[i:], begin))
        j += int(np.searchsorted(b[j:], begin))
        after_a = i + np.searchsorted(a[i:], ends[stretch])
        after_b = j + np.searchsorted(b[j:], ends[stretch])
        if after_a > i and after_b > j:
            shared[n, 0] = ends[stretch] - begin
            shared[n, 1], shared[n, 2] = i, after_a
            shared[n, 3], shared[n, 4] = j, after_b
            n += 1
        i, j = after_a, after_b
    return shared[:n]


@numba.njit(nogil=True, cache=True)
def _shift_chances(a: Ints, b: Ints, shared: Ints, counts: Ints) -> tuple[int, Floats, Ints, Ints]:
    """The joint count, and the distribution of each shared stretch's as `tails_of_sum` takes it.

    counts [>= longest stretch] is zero, and is left so.
    """
    size = 0
    for row in shared:
        size += min(row[2] - row[1], row[4] - row[3]) + 1
    chances = np.zeros(size)
    ends = np.empty(len(shared), dtype=np.int64)
    lows = np.empty(len(shared), dtype=np.int64)
    observed, start = 0, 0
    for i in range(len(shared)):
        length = shared[i, 0]
        of_a, of_b = a[shared[i, 1] : shared[i, 2]], b[shared[i, 3] : shared[i, 4]]
        _correlate(of_a, of_b, length, counts)
        observed += counts[0]
        part = chances[start : start + min(len(of_a), len(of_b)) + 1]
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
    return observed, chances[:start], ends, lows


@numba.njit(nogil=True, cache=True)
def _correlate(a: Ints, b: Ints, length: int, counts: Ints) -> None:
    """Add to counts [length] the joint count at every shift of b."""
    for i in range(len(a)):
        for j in range(len(b)):
            shift = a[i] - b[j]
            counts[shift + length if shift < 0 else shift] += 1


@numba.njit(nogil=True, cache=True)
def _count_counts(a: Ints, b: Ints, length: int, counts: Ints, part: Floats) -> None:
    """Set part[c] to the number of shifts with c joint tokens, and counts back to zero."""
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
def _document_pairs(  # noqa: PLR0913, PLR0917 - a kernel
    documents: Ints,
    list_ends: Ints,
    strata: Ints,
    sizes: Ints,
    pairs: Ints,
    largest: int,
    found: Floats,
    start: int,
    stop: int,
) -> None:
    """Fill rows start..stop-1 of found [pairs, 6] from each latent's ascending documents."""
    for i in range(start, stop):
        a = _list(documents, list_ends, pairs[i, 0])
        b = _list(documents, list_ends, pairs[i, 1])
        with_a, with_b = np.zeros_like(sizes), np.zeros_like(sizes)
        for document in a:
            with_a[strata[document]] += 1
        for document in b:
            with_b[strata[document]] += 1
        observed = _common(a, b)
        chances, ends, lows = _stratum_chances(sizes, with_a, with_b)
        tails = tails_of_sum(chances, ends, lows, observed, largest)
        found[i, 0] = observed
        found[i, 1] = tails.mean
        found[i, 2] = tails.deviation
        found[i, 3] = tails.more
        found[i, 4] = tails.fewer
        found[i, 5] = tails.exact


@numba.njit(nogil=True, cache=True)
def _stratum_chances(sizes: Ints, with_a: Ints, with_b: Ints) -> tuple[Floats, Ints, Ints]:
    """Hypergeometric chances of every stratum, as `tails_of_sum` takes them."""
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
    return chances[:start], ends, lows


@numba.njit(nogil=True, cache=True)
def _hypergeometric(n: int, n_a: int, n_b: int, low: int, part: Floats) -> None:
    """Chances of low, low + 1, ... joint among n, by their ratios from the most likely one."""
    mode = min(max((n_a + 1) * (n_b + 1) // (n + 2) - low, 0), len(part) - 1)
    part[mode] = 1.0
    for k in range(mode, len(part) - 1):
        x = low + k
        part[k + 1] = part[k] * ((n_a - x) * (n_b - x)) / ((x + 1.0) * (n - n_a - n_b + x + 1))
    for k in range(mode, 0, -1):
        x = low + k
        part[k - 1] = part[k] * (x * (n - n_a - n_b + x + 0.0)) / ((n_a - x + 1.0) * (n_b - x + 1))
    part /= part.sum()
