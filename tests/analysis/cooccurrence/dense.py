"""Incidences and kept partners made from dense matrices in the plainest way."""

import math

import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.association import MEASURES, TwoByTwo, lift, wilson_interval
from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.strongest import Ranking
from analysis.runtime.arrays import Bools, Ints

RANKED = ("phi", "jaccard", "npmi", "p_b_given_a", "p_a_given_b", "joint")


def gram_of(bits: Bools) -> Ints:
    """Joint counts [F, F]; a float64 product is exact up to 2^53 and much faster than int64."""
    values = bits.astype(np.float64)
    return (values.T @ values).astype(np.int64)


def incidence_of(bits: Bools) -> Incidence:
    """The incidence of a matrix [units, latents]."""
    by_latent, by_unit = np.nonzero(bits.T)[1], np.nonzero(bits)[1]
    rank_of = np.argsort(np.argsort(bits.sum(axis=0), kind="stable")[::-1])
    return Incidence(
        kind="token",
        n_units=len(bits),
        threshold=0.0,
        latent_ends=np.concatenate([[0], np.cumsum(bits.sum(axis=0))]),
        unit_ends=np.concatenate([[0], np.cumsum(bits.sum(axis=1))]),
        units=by_latent.astype(np.uint32),
        ranks=rank_of[by_unit].astype(np.uint16),
        values_by_latent=np.empty(0, np.float32),
        values_by_unit=np.empty(0, np.float32),
        means=np.zeros(bits.shape[1]),
        deviations=np.zeros(bits.shape[1]),
    )


def plain_partners(bits: Bools, a: int, ranking: Ranking) -> list[tuple[int, int]]:
    """Partners of `a` with their joint counts, by the algorithm in the header of `strongest`."""
    n, units = len(bits), [int(count) for count in bits.sum(axis=0)]
    joint = [int((bits[:, a] & bits[:, b]).sum()) for b in range(bits.shape[1])]

    def phi(b: int) -> float:
        below = math.sqrt((units[a] * (n - units[a])) * (units[b] * (n - units[b])))
        return (joint[b] * n - units[a] * units[b]) / below if below > 0 else 0.0

    def npmi(b: int) -> float | None:
        if joint[b] < ranking.minimum_joint:
            return None
        pmi = math.log(joint[b]) + math.log(n) - math.log(units[a]) - math.log(units[b])
        information = math.log(n) - math.log(joint[b])
        return pmi / information if information > 0 else 0.0

    def implied_lift(b: int) -> float | None:
        low, _ = wilson_interval(joint[b], units[a])
        times = joint[b] * n / (units[a] * units[b])
        return times if low >= 0.9 - 1e-12 and times >= 2 else None

    scores = (
        phi,
        lambda b: joint[b] / (units[a] + units[b] - joint[b]),
        lambda b: joint[b] / units[b],
        lambda b: float(joint[b]),
        npmi,
        implied_lift,
    )
    met = [b for b in range(len(units)) if b != a and joint[b] > 0]
    kept: set[int] = set()
    for score in scores:
        values = {b: value for b in met if (value := score(b)) is not None}
        order = sorted(values, key=lambda b: (-values[b], -joint[b], units[b], b))
        kept.update(order[: ranking.partners_kept])
    return [(b, joint[b]) for b in sorted(kept, key=lambda b: (-phi(b), b))]


def must_and_may(gram: Ints, n: int, a: int, ranking: Ranking) -> tuple[set[int], set[int]]:
    """Partners of `a` that any correct list holds, and those it may hold where scores tie.

    The scores are those of `association`, so this also checks the kernel's formulas against it.
    """
    active = np.diag(gram)
    F = len(gram)
    square = TwoByTwo.from_margins(gram[a], np.full(F, active[a]), active, n)
    floors = dict.fromkeys(RANKED, 1) | {"npmi": ranking.minimum_joint}
    # Rounded, so that values that are equal but for their last bits tie, as in theory.
    scores: dict[str, npt.NDArray[np.float64]] = {
        name: np.round(MEASURES[name].of(square), 12) for name in RANKED
    }
    eligible = {
        name: [b for b in range(F) if b != a and gram[a, b] >= floors[name]] for name in RANKED
    }
    lower, _ = wilson_interval(gram[a], np.full(F, active[a]))
    scores["implied"] = np.round(lift(square), 12)
    eligible["implied"] = [
        b for b in range(F) if b != a and lower[b] >= 0.9 and scores["implied"][b] >= 2
    ]
    must: set[int] = set()
    may: set[int] = set()
    for name, others in eligible.items():
        best = sorted(others, key=lambda b: (-scores[name][b], b))[: ranking.partners_kept]
        last = scores[name][best[-1]] if len(best) == ranking.partners_kept else -np.inf
        must |= {b for b in best if scores[name][b] > last}
        may |= {b for b in others if scores[name][b] >= last}
    return must, may
