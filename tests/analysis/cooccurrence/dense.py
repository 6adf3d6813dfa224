"""Incidences and partner sets made from dense matrices, in the plainest way."""

import numpy as np
import numpy.typing as npt

from analysis.cooccurrence.association import (
    MEASURES,
    TwoByTwo,
    lift,
    wilson_interval,
)
from analysis.cooccurrence.incidence import Incidence
from analysis.cooccurrence.strongest import Ranking

RANKED = ("phi", "jaccard", "npmi", "p_b_given_a", "p_a_given_b", "joint")


def incidence_of(bits: npt.NDArray[np.bool_]) -> Incidence:
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
        squares=np.zeros(bits.shape[1]),
    )


def must_and_may(
    gram: npt.NDArray[np.int64], n: int, a: int, ranking: Ranking
) -> tuple[set[int], set[int]]:
    """Partners of `a` that any right list holds, and those that it may hold where scores tie."""
    active = np.diag(gram)
    F = len(gram)
    square = TwoByTwo.from_margins(gram[a], np.full(F, active[a]), active, n)
    floors = dict.fromkeys(RANKED, 1) | {"npmi": ranking.minimum_joint}
    # Rounded, so that values that are equal but for their last bits tie, as in theory.
    scores = {name: np.round(MEASURES[name].of(square), 12) for name in RANKED}
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
