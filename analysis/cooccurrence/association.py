"""Measures of association from the 2x2 table of two latents.

For latents a and b over N tokens: n11 have both, n10 only a, n01 only b, n00 neither; n1 = n11 +
n10 and n2 = n11 + n01. Every measure takes a table of numbers or of arrays and returns float64 of
the same shape. 0/0 is 0, and no measure is ever NaN. Products of counts are computed in float64,
because those of 10^9 tokens overflow int64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.runtime.arrays import Floats, Ints

Counts = Ints | int

Z95 = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""
SURE = 0.9
"""a is nearly always with b if Wilson's lower bound of P(b given a) is at least this …"""
LEAST_LIFT = 2.0
"""… and the lift of the pair is at least this."""
LEVEL = 0.05
"""The level of a test, one-sided."""
POWER = 0.8
"""The probability with which the smallest detectable lift is significant."""


@dataclass(frozen=True)
class TwoByTwo:
    """On how many tokens both latents, only a, only b, and neither are active."""

    n11: Counts
    n10: Counts
    n01: Counts
    n00: Counts

    @staticmethod
    def from_margins(joint: Counts, n1: Counts, n2: Counts, n_tokens: Counts) -> "TwoByTwo":
        """Build from the joint count, the counts of both latents and the number of kept tokens."""
        return TwoByTwo(joint, n1 - joint, n2 - joint, n_tokens - n1 - n2 + joint)

    @property
    def n1(self) -> Floats:
        """Tokens with a."""
        return _wide(self.n11) + _wide(self.n10)

    @property
    def n2(self) -> Floats:
        """Tokens with b."""
        return _wide(self.n11) + _wide(self.n01)

    @property
    def n(self) -> Floats:
        """All tokens."""
        return self.n1 + _wide(self.n01) + _wide(self.n00)


def _wide(counts: Counts) -> Floats:
    return np.asarray(counts, dtype=np.float64)


def _ratio(above: Any, below: Any) -> Floats:
    """above / below, and 0 where below is 0."""
    above, below = np.broadcast_arrays(_wide(above), _wide(below))
    return np.divide(above, below, out=np.zeros_like(below), where=below != 0)


def joint(table: TwoByTwo) -> Floats:
    """Tokens with both."""
    return _wide(table.n11)


def expected(table: TwoByTwo) -> Floats:
    """n1 n2 / N: the joint count of independent latents with these margins."""
    return _ratio(table.n1 * table.n2, table.n)


def jaccard(table: TwoByTwo) -> Floats:
    """n11 / (n1 + n2 - n11); Clarke et al. 2024."""
    return _ratio(table.n11, _wide(table.n11) + table.n10 + table.n01)


def dice(table: TwoByTwo) -> Floats:
    """2 n11 / (n1 + n2)."""
    return _ratio(2 * _wide(table.n11), table.n1 + table.n2)


def overlap(table: TwoByTwo) -> Floats:
    """n11 / min(n1, n2); Szymkiewicz-Simpson."""
    return _ratio(table.n11, np.minimum(table.n1, table.n2))


def p_b_given_a(table: TwoByTwo) -> Floats:
    """n11 / n1."""
    return _ratio(table.n11, table.n1)


def p_a_given_b(table: TwoByTwo) -> Floats:
    """n11 / n2."""
    return _ratio(table.n11, table.n2)


def phi(table: TwoByTwo) -> Floats:
    """(n11 n00 - n10 n01) / sqrt(n1 (N - n1) n2 (N - n2)): Pearson's r of the bits."""
    n, n1, n2 = table.n, table.n1, table.n2
    # One root of the product is exact for equal margins, so phi of a duplicate is exactly 1.
    below = np.sqrt((n1 * (n - n1)) * (n2 * (n - n2)))
    return np.clip(_ratio(_covariance(table), below), -1.0, 1.0)


def phi_over_max(table: TwoByTwo) -> Floats:
    """phi / the largest phi that the margins allow, which is reached at n11 = min(n1, n2).

    It is 1 for every perfect implication. If phi is negative, it can be below -1.
    """
    n1, n2 = table.n1, table.n2
    # Not min(n1, n2) N - n1 n2, which cancels where a latent is nearly always active.
    below = np.minimum(n1, n2) * (table.n - np.maximum(n1, n2))
    return np.minimum(_ratio(_covariance(table), below), 1.0)


def _covariance(table: TwoByTwo) -> Floats:
    """n11 n00 - n10 n01, which is N^2 times the covariance of the bits."""
    return _wide(table.n11) * _wide(table.n00) - _wide(table.n10) * _wide(table.n01)


def lift(table: TwoByTwo) -> Floats:
    """n11 N / (n1 n2): the ratio of the joint count to the expected count."""
    return _ratio(_wide(table.n11) * table.n, table.n1 * table.n2)


def pmi(table: TwoByTwo) -> Floats:
    """The natural logarithm of lift; minus infinity where two active latents share no token."""
    times = lift(table)
    possible = (table.n1 > 0) & (table.n2 > 0)
    with np.errstate(divide="ignore"):
        return np.where(possible, np.log(np.where(possible, times, 1.0)), 0.0)


def npmi(table: TwoByTwo) -> Floats:
    """PMI / -log(n11 / N), in [-1, 1]; -1, its limit, where active latents share no token."""
    together = _wide(table.n11) > 0
    share = _ratio(table.n11, table.n)
    information = -np.log(np.where(together, share, 1.0))
    met = np.clip(_ratio(np.where(together, pmi(table), 0.0), information), -1.0, 1.0)
    possible = (table.n1 > 0) & (table.n2 > 0)
    return np.where(together | ~possible, met, -1.0)


def g_squared(table: TwoByTwo) -> Floats:
    """2 sum O ln(O / E): the log-likelihood ratio of dependence, >= 0; Dunning 1993."""
    from scipy.special import rel_entr  # noqa: PLC0415 - SciPy delays the first page by 0.2 s

    n, n1, n2 = table.n, table.n1, table.n2
    total = (
        rel_entr(table.n11, _ratio(n1 * n2, n))
        + rel_entr(table.n10, _ratio(n1 * (n - n2), n))
        + rel_entr(table.n01, _ratio((n - n1) * n2, n))
        + rel_entr(table.n00, _ratio((n - n1) * (n - n2), n))
    )
    return np.maximum(2.0 * total, 0.0)


def wilson_interval(successes: Counts, trials: Counts, z: float = Z95) -> tuple[Floats, Floats]:
    """Wilson's score interval (low, high) of a proportion, by default at 95 %; Wilson 1927.

    (0, 1) without trials.
    """
    k, n = np.broadcast_arrays(_wide(successes), _wide(trials))
    share = _ratio(k, n)
    spread = z * np.sqrt(_ratio(share * (1 - share), n) + _ratio(z * z, 4 * n * n))
    shrink = 1 + _ratio(z * z, n)
    centre = share + _ratio(z * z, 2 * n)
    low = np.where(k == 0, 0.0, np.maximum((centre - spread) / shrink, 0.0))
    high = np.where(k == n, 1.0, np.minimum((centre + spread) / shrink, 1.0))
    return low, high


@dataclass(frozen=True)
class Measure:
    """A measure of association, and how the pages show it."""

    name: str
    """Column name."""
    label: str
    """Name for readers."""
    formula: str
    low: float
    """Smallest value; minus infinity if there is no bound."""
    high: float
    """Largest value; infinity if there is no bound."""
    ranked: bool
    """Whether the bundle stores the strongest partners of each latent by this measure."""
    of: Callable[[TwoByTwo], Floats]


_INF = float("inf")

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("phi", "phi", "(n11·n00 − n10·n01) / √(n1(N−n1)·n2(N−n2))", -1, 1, True, phi),
        Measure("jaccard", "Jaccard", "n11 / (n1 + n2 − n11)", 0, 1, True, jaccard),
        Measure("npmi", "NPMI", "ln(n11·N / (n1·n2)) / −ln(n11 / N)", -1, 1, True, npmi),
        Measure("p_b_given_a", "P(b given a)", "n11 / n1", 0, 1, True, p_b_given_a),
        Measure("p_a_given_b", "P(a given b)", "n11 / n2", 0, 1, True, p_a_given_b),
        Measure("joint", "joint tokens", "n11", 0, _INF, True, joint),
        Measure("dice", "Dice", "2·n11 / (n1 + n2)", 0, 1, False, dice),
        Measure("overlap", "overlap", "n11 / min(n1, n2)", 0, 1, False, overlap),
        Measure("phi_over_max", "phi / phi max", "phi / max phi", -_INF, 1, False, phi_over_max),
        Measure("lift", "lift", "n11·N / (n1·n2)", 0, _INF, False, lift),
        Measure("pmi", "PMI", "ln(n11·N / (n1·n2))", -_INF, _INF, False, pmi),
        Measure("expected", "expected tokens", "n1·n2 / N", 0, _INF, False, expected),
        Measure("g_squared", "G²", "2·Σ O·ln(O/E)", 0, _INF, False, g_squared),
    )
}
"""All measures by name. NPMI is ranked only among pairs of at least `minimum_joint` tokens."""


def measure_table(
    pairs: pa.Table, latents: pa.Table, n_tokens: int, measures: Sequence[str] = tuple(MEASURES)
) -> pa.Table:
    """Add a float64 column to rows of the partner table for each of the measures.

    a is the column `latent` and b the column `partner`. `latents` is the table of all latents; row
    i is latent i. Raises KeyError if a name is not in MEASURES.
    """
    counts = latents["active_tokens"].to_numpy()
    table = TwoByTwo.from_margins(
        pairs["joint_tokens"].to_numpy(),
        counts[pairs["latent"].to_numpy()],
        counts[pairs["partner"].to_numpy()],
        n_tokens,
    )
    for name in measures:
        pairs = pairs.append_column(name, pa.array(MEASURES[name].of(table), pa.float64()))
    return pairs
