"""Where in documents a latent fires, and the joint count that two such profiles predict.

Two latents that are both frequent near the beginning of documents meet more often than a shift
inside documents expects, although they are independent at every position. This module estimates how
much more often. The tokens of a document are divided into bins by position: the first and the last
tokens by their distance from that end (EDGES), the others into PARTS bins of equal length. The
profile of a latent is its rate in each bin, over all documents.

For a latent that is active on n(k) of the W(k) tokens of bin k, and on n of all N tokens, the rate
is (n(k) / n) / (W(k) / N): 1 in every bin if position does not matter. Inside one stretch of L
tokens, of which w(k) are in bin k, independent latents with these rates meet

    ratio = L sum_k w(k) rate_ab(k) / (sum_k w(k) rate_a(k) sum_k w(k) rate_b(k))

times as often as all shifts do on average. rate_ab(k) is rate_a(k) rate_b(k) without the products
of two tokens of one stretch, because two latents that share bursts also share their positions.
The profiles of a few bursts are noisy, so the ratio is shrunk to 1 + weight (ratio - 1), with

    noise = documents / (documents - 1) sum_k (N / W(k)) sum_d m(k, d)^2 / n^2
    weight = s / (s + noise_a noise_b / bins),    s = max(1, (sum_k W(k) / N rate_ab(k) - 1)^2)

where m(k, d) counts the active tokens in bin k of document d. `noise` estimates the variance of the
rates, and noise_a noise_b / bins that of the ratio of two flat profiles. Documents are independent
and tokens are not, so a burst counts as one observation. (A stretch counts as a document.)

This is the shift predictor of neuroscience (Perkel, Gerstein & Moore 1967), with rates in bins.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from analysis.bundle import KeptTokens
from analysis.runtime.arrays import Floats, Ints

PARTS = 50
"""Bins of equal length in a document."""
EDGES = (1, 3, 7, 15, 23, 31, 39, 47, 55, 63)
"""Where the bins at either end of a document end, in tokens from that end."""
EDGE_SHARE = 8
"""The bins at an end cover at most one in this many tokens of the document."""
BINS = PARTS + 2 * len(EDGES)
LONGEST = 2_048
"""Most kept tokens that are shifted as one stretch. In longer documents the topic changes, so two
latents that fire in the same chapter would seem to share tokens."""
_PIECE = 1 << 22

Bins = npt.NDArray[np.uint8]


class Stretches(NamedTuple):
    """The runs of tokens inside which one latent is shifted against another."""

    ends: Ints
    """[stretches] where each stretch ends, in tokens; ascending, without empty stretches."""
    widths: npt.NDArray[np.uint16]
    """[stretches, BINS] tokens of each stretch in each bin."""

    @staticmethod
    def of(ends: Ints, bins: Bins) -> "Stretches":
        """Stretches with these ends of tokens whose bins [tokens] are given."""
        ends = ends[np.diff(ends, prepend=0) > 0]
        widths = np.zeros((len(ends), BINS), dtype=np.uint16)
        _count_widths(ends, bins, 0, widths)
        return Stretches(ends, widths)


def stretches(kept: KeptTokens) -> Stretches:
    """The stretches of a corpus, in kept tokens: documents, or equal parts of a long document."""
    lengths = kept.lengths[kept.lengths > 0]
    stops = np.cumsum(lengths)
    parts = -(-lengths // LONGEST)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts) + 1
    begins, lengths, parts = (np.repeat(v, parts) for v in (stops - lengths, lengths, parts))
    ends = begins + lengths * part // parts
    widths = np.zeros((len(ends), BINS), dtype=np.uint16)
    for first in range(0, kept.total, _PIECE):
        tokens = np.arange(first, min(first + _PIECE, kept.total))
        _count_widths(ends, bins_of(kept, tokens), first, widths)
    return Stretches(ends, widths)


def bins_of(kept: KeptTokens, tokens: Ints) -> Bins:
    """The bin [m] of each kept token [m]; tokens are counted from 0 over all documents."""
    document = np.searchsorted(kept.ends, tokens, side="right")
    length = kept.lengths[document]
    after = kept.ends[document] - 1 - tokens
    before = length - 1 - after
    nearest = np.minimum(before, after)
    edge = np.searchsorted(EDGES, nearest, side="right") + np.where(after < before, len(EDGES), 0)
    at_edge = nearest < np.minimum(EDGES[-1], length // EDGE_SHARE)
    inner = 2 * len(EDGES) + PARTS * before // length
    return np.where(at_edge, edge, inner).astype(np.uint8)


@numba.njit(nogil=True, cache=True)
def _count_widths(ends: Ints, bins: Bins, first: int, widths: npt.NDArray[np.uint16]) -> None:
    """Add the tokens first, first + 1, ... with these bins to `widths` [stretches, BINS]."""
    stretch = int(np.searchsorted(ends, first, side="right"))
    for i in range(len(bins)):
        while first + i >= ends[stretch]:
            stretch += 1
        widths[stretch, bins[i]] += 1


class Profiles(NamedTuple):
    """Where in documents latents fire."""

    rates: Floats
    """[latents, BINS] the rate in each bin, relative to the latent's mean rate."""
    noise: Floats
    """[latents] the variance of the rates; infinite for a latent of one document, or a dead one."""
    shares: Floats
    """[BINS] the share of all tokens in each bin."""


def profiles(latent_ends: Ints, tokens: Ints, bins: Bins, stretches: Stretches) -> Profiles:
    """The profiles of latents from their `tokens` [m] and the `bins` of these [m].

    Both hold one latent after another; `latent_ends` [latents] is where each latent ends.
    """
    rates = np.ones((len(latent_ends), BINS))
    noise = np.full(len(latent_ends), np.inf)
    widths = stretches.widths.sum(axis=0, dtype=np.int64)
    _fill_profiles(latent_ends, tokens, bins, stretches.ends, widths, rates, noise)
    return Profiles(rates, noise, widths / max(widths.sum(), 1))


@numba.njit(nogil=True, cache=True)
def _fill_profiles(
    latent_ends: Ints,
    tokens: Ints,
    bins: Bins,
    ends: Ints,
    widths: Ints,
    rates: Floats,
    noise: Floats,
) -> None:
    """Fill the rates [latents, BINS] and the noise [latents]; `widths` [BINS] are tokens."""
    total = widths.sum()
    counts, squares = np.zeros(BINS), np.zeros(BINS)
    start = 0
    for latent in range(len(latent_ends)):
        stop = latent_ends[latent]
        n = stop - start
        counts[:], squares[:] = 0.0, 0.0
        documents, document_end, run = 0, 0, 0
        for i in range(start, stop):
            if tokens[i] >= document_end:
                documents += 1
                document_end = ends[np.searchsorted(ends, tokens[i], side="right")]
                run = 0
            elif bins[i] != bins[i - 1]:
                run = 0
            counts[bins[i]] += 1
            squares[bins[i]] += 2 * run + 1  # adds up to the square of the run's length
            run += 1
        if documents > 1:
            noise[latent] = 0.0
            for k in range(BINS):
                if widths[k]:
                    rates[latent, k] = counts[k] * total / (widths[k] * n)
                    noise[latent] += squares[k] * total / (widths[k] * n * n)
            noise[latent] *= documents / (documents - 1)
        start = stop


class JointRates(NamedTuple):
    """How often two latents that are independent at every position meet, by position."""

    a: Floats
    """[BINS] the rates of a."""
    b: Floats
    together: Floats
    """[BINS] their product, without that of tokens of one stretch."""
    weight: float
    """The weight of the ratio: 1 if the profiles have no noise, 0 if they are only noise."""


@numba.njit(nogil=True, cache=True)
def joint_rates(
    profiles: Profiles, a: int, b: int, every: float, same_bin: Floats, same_stretch: float
) -> JointRates:
    """The rates of latents a and b.

    Of their `every` pairs of active tokens, `same_stretch` are in one stretch; of these,
    `same_bin` [BINS] are also in one bin.
    """
    of_a, of_b = profiles.rates[a], profiles.rates[b]
    together = np.ones(BINS)
    noise = profiles.noise[a] * profiles.noise[b]
    if every == same_stretch or not np.isfinite(noise):
        return JointRates(of_a, of_b, together, 0.0)
    mean, used = 0.0, 0
    for k in range(BINS):
        share = profiles.shares[k]
        if share > 0:
            inside = same_bin[k] / (every * share * share)
            together[k] = max(of_a[k] * of_b[k] - inside, 0.0) * every / (every - same_stretch)
            mean += share * together[k]
            used += 1
    signal = max(1.0, (mean - 1.0) ** 2)
    return JointRates(of_a, of_b, together, signal / (signal + noise / used))


@numba.njit(nogil=True, cache=True)
def position_ratio(widths: npt.NDArray[np.uint16], rates: JointRates) -> float:
    """The expected joint count in a stretch of these widths [BINS], relative to the shift's."""
    length, first, second, both = 0.0, 0.0, 0.0, 0.0
    for k in range(len(widths)):
        width = float(widths[k])
        length += width
        first += width * rates.a[k]
        second += width * rates.b[k]
        both += width * rates.together[k]
    if first * second == 0:
        return 1.0
    return 1.0 + rates.weight * (length * both / (first * second) - 1.0)
