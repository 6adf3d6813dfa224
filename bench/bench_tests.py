"""How often the tests of pairs reject where there is nothing to find, and their power.

    .venv/bin/python -m bench.bench_tests [PAIRS] [SEED ...]

For each scenario, PAIRS pairs (default 1,000) and each seed (default 101 102 103) it prints the
share of pairs with p <= .05 for "more" and for "fewer", over all seeds, and the largest share of a
seed. Every pair is drawn anew. Nothing is to be found in the scenarios without `shared`: the two
latents are independent at every position, or given the length of the document. Bars: between .02
and .08 for the shift, at most .065 for documents.

The column "one bin" puts all tokens in one bin of position: the shift without its correction. The
column "ten strata" permutes documents inside ten quantile groups of their length, which are wide.
Both were the tests of earlier versions.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bundle import KeptTokens
from analysis.cooccurrence.document_null import document_permutation, strata_of
from analysis.cooccurrence.null_models import PairTests, Positions, circular_shift
from analysis.cooccurrence.position_profile import Stretches, bins_of, stretches
from analysis.runtime.arrays import Bools, Floats, Ints

LEVEL = 0.05
Trend = Callable[[Floats, Ints], Floats]
"""Relative rate of firing from the relative position and the tokens before."""


@dataclass(frozen=True)
class Tokens:
    """Latents that fire on tokens."""

    density: float
    trend: Trend | None = None
    burst: float = 0.0
    """Mean tokens of a burst; 0: single tokens."""
    inside: float = 0.5
    """Share of the tokens of a burst on which the latent fires."""
    topical: bool = False
    """Whether the density varies between documents, like a gamma variable of shape 1."""
    log_normal: bool = False
    """Whether lengths are log-normal; else 186 documents of 1,075 tokens."""
    shared: int = 0
    """Tokens of a on which b fires as well."""


@dataclass(frozen=True)
class Documents:
    """Latents that fire in documents of log-normal length."""

    documents: int
    spread: float
    """Standard deviation of the logarithm of the length."""
    slope: float = 0.0
    """Change of the log-odds of firing per unit of the logarithm of the length."""
    half: bool = False
    """Whether one document is half of the corpus."""
    shared: float = 0.0
    """Share of the documents of a in which b fires as well."""


def first(share: float, times: float) -> Trend:
    """The first part of a document is `times` as frequent."""
    return lambda relative, _: np.where(relative < share, times, 1.0)


SHIFT = {
    "independent": Tokens(0.02),
    "bursts of 8": Tokens(0.01, burst=8),
    "bursts of 30": Tokens(0.01, burst=30),
    "bursts of 30, topical": Tokens(0.01, burst=30, topical=True),
    "runs of 20, log-normal": Tokens(0.01, burst=20, inside=1.0, topical=True, log_normal=True),
    "first tenth x 1.5": Tokens(0.02, first(0.1, 1.5)),
    "first tenth x 2": Tokens(0.02, first(0.1, 2)),
    "first tenth x 3": Tokens(0.02, first(0.1, 3)),
    "first tenth x 5": Tokens(0.02, first(0.1, 5)),
    "first 13.7 % x 5": Tokens(0.02, first(0.137, 5)),
    "first tenth x 3, log-normal": Tokens(0.02, first(0.1, 3), log_normal=True),
    "first tenth x 3, bursts of 20": Tokens(0.02, first(0.1, 3), burst=20),
    "first 40 tokens x 10, log-normal": Tokens(
        0.01, lambda _, before: np.where(before < 40, 10.0, 1.0), log_normal=True
    ),
    "shared: 30": Tokens(0.02, shared=30),
    "shared: 15": Tokens(0.02, shared=15),
    "shared: 4, rare": Tokens(0.003, shared=4),
    "shared: 12, bursts of 8": Tokens(0.01, burst=8, shared=12),
    "shared: 25, bursts of 30": Tokens(0.01, burst=30, shared=25),
    "shared: 10, topical, log-normal": Tokens(0.01, topical=True, log_normal=True, shared=10),
}
PERMUTED = {
    "186 documents": Documents(186, 1.0),
    "186 documents, slope 2": Documents(186, 1.0, slope=2),
    "600 documents, slope 2": Documents(600, 1.0, slope=2),
    "2,000 documents, slope 2": Documents(2_000, 1.0, slope=2),
    "2,000 documents, slope 3, spread 1.5": Documents(2_000, 1.5, slope=3),
    "one is half, slope 2": Documents(186, 1.0, slope=2, half=True),
    "shared: 30 %, 186 documents": Documents(186, 0.8, shared=0.3),
    "shared: 15 %, 600 documents": Documents(600, 0.8, shared=0.15),
    "shared: 30 %, 186 documents, slope 2": Documents(186, 0.8, slope=2, shared=0.3),
}


def main(pairs: int = 1_000, seeds: Sequence[int] = (101, 102, 103)) -> None:
    """Print both tables."""
    print(f"{'shift':38}{'test':>26}{'one bin':>26}")
    for name, tokens in SHIFT.items():
        drawn = [_token_pairs(tokens, pairs, np.random.default_rng([seed, 1])) for seed in seeds]
        now = [_shift(kept, positions, pairs, True) for kept, positions in drawn]
        before = [_shift(kept, positions, pairs, False) for kept, positions in drawn]
        print(f"{name:38}{_shares(now):>26}{_shares(before):>26}", flush=True)
    print(f"\n{'documents':38}{'test':>26}{'ten strata':>26}")
    for name, documents in PERMUTED.items():
        drawn = [
            _document_pairs(documents, pairs, np.random.default_rng([seed, 2])) for seed in seeds
        ]
        now = [_permuted(kept, positions, pairs, strata_of(kept)) for kept, positions in drawn]
        before = [_permuted(kept, positions, pairs, _ten(kept)) for kept, positions in drawn]
        print(f"{name:38}{_shares(now):>26}{_shares(before):>26}", flush=True)


def _shares(tests: list[PairTests]) -> str:
    more = [float((each.p_more <= LEVEL).mean()) for each in tests]
    fewer = [float((each.p_fewer <= LEVEL).mean()) for each in tests]
    return f"{np.mean(more):.3f} ({max(more):.3f}), {np.mean(fewer):.3f}"


def _kept(lengths: Ints) -> KeptTokens:
    return KeptTokens.of(np.repeat(np.arange(len(lengths)), lengths), np.ones(lengths.sum(), bool))


def _lengths(rng: np.random.Generator, documents: int, spread: float) -> Ints:
    return np.maximum(np.exp(rng.normal(6.5, spread, documents)), 8).astype(np.int64)


def _positions(lists: list[Ints]) -> Positions:
    return Positions(np.concatenate(lists), np.cumsum([len(each) for each in lists]))


def _token_pairs(
    tokens: Tokens, pairs: int, rng: np.random.Generator
) -> tuple[KeptTokens, Positions]:
    """Latents 2 i and 2 i + 1 are pair i."""
    lengths = _lengths(rng, 186, 0.9) if tokens.log_normal else np.full(186, 1_075)
    kept = _kept(lengths)
    before = np.arange(kept.total) - np.repeat(kept.ends - lengths, lengths)
    rate = np.ones(kept.total)
    if tokens.trend is not None:
        rate = tokens.trend(before / np.repeat(lengths, lengths), before)
    rate *= tokens.density / rate.mean()
    lists = []
    for _ in range(pairs):
        a, b = (_fires(tokens, kept, rate, rng) for _ in range(2))
        extra = rng.choice(a, min(tokens.shared, len(a)), replace=False)
        lists += [a, np.union1d(b, extra)]
    return kept, _positions(lists)


def _fires(tokens: Tokens, kept: KeptTokens, rate: Floats, rng: np.random.Generator) -> Ints:
    if tokens.topical:
        rate = rate * np.repeat(rng.gamma(1.0, 1.0, len(kept.lengths)), kept.lengths)
    if not tokens.burst:
        return np.flatnonzero(rng.random(kept.total) < rate)
    covered: Bools = rng.random(kept.total) < rate / (tokens.burst * tokens.inside)
    starts = np.flatnonzero(covered)
    stops = starts + rng.geometric(1 / tokens.burst, len(starts))
    stops = np.minimum(stops, kept.ends[np.searchsorted(kept.ends, starts, side="right")])
    steps = np.bincount(starts, minlength=kept.total + 1)
    steps = steps - np.bincount(stops, minlength=kept.total + 1)
    inside = np.cumsum(steps[:-1]) > 0
    return np.flatnonzero(inside & (rng.random(kept.total) < tokens.inside))


def _shift(kept: KeptTokens, positions: Positions, pairs: int, corrected: bool) -> PairTests:
    whole, bins = stretches(kept), bins_of(kept, positions.tokens)
    if not corrected:
        bins = np.zeros_like(bins)
        whole = Stretches.of(whole.ends, np.zeros(kept.total, dtype=np.uint8))
    return circular_shift(positions, bins, whole, np.arange(2 * pairs).reshape(-1, 2))


def _document_pairs(
    given: Documents, pairs: int, rng: np.random.Generator
) -> tuple[KeptTokens, Positions]:
    """Latents 2 i and 2 i + 1 are pair i; each fires on the first token of its documents."""
    lengths = _lengths(rng, given.documents, given.spread)
    if given.half:
        lengths[0] = lengths[1:].sum()
    kept = _kept(lengths)
    level = rng.uniform(-2, 0.5, (2 * pairs, 1)) + given.slope * (np.log(lengths) - 6.5)
    fires = rng.random((2 * pairs, len(lengths))) < 1 / (1 + np.exp(-level))
    fires[1::2] |= fires[::2] & (rng.random((pairs, len(lengths))) < given.shared)
    starts = kept.ends - lengths
    return kept, _positions([starts[each] for each in fires])


def _permuted(kept: KeptTokens, positions: Positions, pairs: int, strata: Ints) -> PairTests:
    return document_permutation(positions, kept, strata, np.arange(2 * pairs).reshape(-1, 2))


def _ten(kept: KeptTokens) -> Ints:
    """Ten quantile groups of the lengths."""
    bounds = np.unique(np.quantile(kept.lengths, np.arange(1, 10) / 10))
    return np.searchsorted(bounds, kept.lengths)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]] or [1_000]
    main(given[0], given[1:] or (101, 102, 103))
