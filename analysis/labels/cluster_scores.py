"""The label score of clusters beside its baselines, and the space whose clusters score better.

A cluster is scored by its members (`member_lifts.py`): the median of their lifts, the share of them
at a lift of `GOOD_LIFT` or more, and the median lift without a member's own most telling words. Two
baselines are scored in the same way, each over many clusters:

- **random**: the members of all clusters of a level, dealt at random to clusters of the same sizes;
- **first word**: the live latents, grouped by the best word of their own evidence. One word that
  many latents share is enough for a high first lift; the second lift shows what is beyond it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bundle import LevelScores, MemberScores, Space
from analysis.labels.good_lifts import GOOD_LIFT, GOOD_OTHER_LIFT
from analysis.labels.material import Material
from analysis.labels.member_lifts import Grouping, MemberLifts, WordVotes, member_lifts
from analysis.labels.terms import TokenTerms
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools, Float32s

SMALLEST_GROUP = 3
"""Latents that have a best word in common from which they are a cluster of the baseline."""
RANDOM_MEMBERS = 20_000
"""Random clusters are drawn again until they have this many members."""
MOST_DRAWS = 20

WORDS_OF_SPACE: Mapping[str, str] = {"decoder": "decoder", "cooccurrence": "co-occurrence"}
"""What the clusters of each space are called in a sentence."""


@dataclass(frozen=True)
class ClusterScores:
    """The scores of C clusters; NaN if no member has one."""

    lift: Float32s
    """float32 [C], median lift of the members."""
    share: Float32s
    """float32 [C], share of the members at GOOD_LIFT or more."""
    other_words: Float32s
    """float32 [C], median lift without a member's own most telling words."""
    levels: list[LevelScores]
    """Of every level of every space, with the random clusters."""
    first_word: MemberScores
    """Of the clusters by first word."""


def score_clusters(
    material: Material,
    words: WordVotes,
    terms: TokenTerms,
    *,
    held_out: Bools,
    seed: int,
    memory_bytes: int,
) -> ClusterScores:
    """Score all clusters and the baselines in one pass over the held-out rows, bool [N]."""
    places: dict[tuple[str, int], list[int]] = {}
    for place, level in enumerate(material.levels):
        places.setdefault(level, []).append(place)
    real = [[material.members[i] for i in own] for own in places.values()]
    random = [_random(grouping, seed) for grouping in real]
    by_word = _by_first_word(words, material.live)
    scored = iter(
        member_lifts(
            [*real, *(draw for draws in random for draw in draws), by_word],
            words,
            material.activations,
            terms,
            held_out=held_out,
            memory_bytes=memory_bytes,
        )
    )
    real_lifts = [next(scored) for _ in real]
    random_lifts = [_pooled([next(scored) for _ in draws]) for draws in random]
    live = material.live
    levels = [
        LevelScores.model_validate(
            {
                "space": space,
                "level": level,
                "clusters": _summary(grouping, lifts, live),
                "random": _summary(grouping, dealt, live),
                "draws": len(draws),
            }
        )
        for (space, level), grouping, lifts, dealt, draws in zip(
            places, real, real_lifts, random_lifts, random, strict=True
        )
    ]
    columns = np.full((3, len(material.members)), np.nan, dtype=np.float32)
    for own, grouping, lifts in zip(places.values(), real, real_lifts, strict=True):
        columns[:, own] = _of_each(grouping, lifts)
    return ClusterScores(
        lift=columns[0],
        share=columns[1],
        other_words=columns[2],
        levels=levels,
        first_word=_summary(by_word, next(scored), live),
    )


def space_shown_first(levels: Sequence[LevelScores]) -> tuple[Space, str]:
    """The space whose clusters are shown first, and one sentence why.

    `levels` are those that are shown first in their space. A space is worth the share of the live
    latents that are in a cluster and fit it, less the share at which random clusters fit:
    covered · (share - random share). Decoder clusters are shown first if none is worth anything.
    """
    worth = {one.space: one.clusters.covered * _beyond_random(one) for one in levels}
    if max(worth.values(), default=0) <= 0:
        return "decoder", (
            "Decoder clusters are shown first, because no cluster predicts its members on held-out "
            "documents better than random clusters do."
        )
    first = max(worth, key=lambda space: (worth[space], space == "decoder"))
    fits = {
        one.space: numbers.percent(one.clusters.covered * (one.clusters.share or 0), 2)
        for one in levels
    }
    others = " and ".join(
        f"{fits[space]} for {WORDS_OF_SPACE[space]} clusters" for space in worth if space != first
    )
    return first, (
        f"{WORDS_OF_SPACE[first].capitalize()} clusters are shown first: {fits[first]} of the live "
        f"latents are in one and fire at least {GOOD_LIFT:g} times as often as by chance on the "
        f"words that its other members name, in held-out documents"
        f"{f'; it is {others}' if others else ''}."
    )


def _beyond_random(level: LevelScores) -> float:
    """How far the share of members that fit exceeds that in random clusters."""
    return max((level.clusters.share or 0) - (level.random.share or 0), 0)


def _random(grouping: Grouping, seed: int) -> list[Grouping]:
    """The members dealt at random to clusters of the same sizes, often enough for a stable mean."""
    members = np.concatenate([np.empty(0, dtype=np.int64), *grouping]).astype(np.int64)
    ends = np.cumsum([len(ids) for ids in grouping])
    draws = min(-(-RANDOM_MEMBERS // max(len(members), 1)), MOST_DRAWS)
    random = np.random.default_rng(seed)
    return [np.split(random.permutation(members), ends[:-1]) for _ in range(draws)]


def _by_first_word(words: WordVotes, live: Bools) -> Grouping:
    """The live latents, bool [F], by their best word; groups below SMALLEST_GROUP are left out."""
    first = words.telling[:, 0]
    latents = np.flatnonzero(live & (first >= 0))
    latents = latents[np.argsort(first[latents], kind="stable")]
    groups = np.split(latents, np.flatnonzero(np.diff(first[latents])) + 1)
    return [ids for ids in groups if len(ids) >= SMALLEST_GROUP]


def _pooled(draws: Sequence[MemberLifts]) -> MemberLifts:
    return MemberLifts(
        np.concatenate([one.lift for one in draws]),
        np.concatenate([one.other_words for one in draws]),
    )


def _summary(grouping: Grouping, lifts: MemberLifts, live: Bools) -> MemberScores:
    """The scores over all members, and the share of the latents `live` bool [F] that are members.

    Random clusters cover what the clusters cover whose members were dealt.
    """
    members = np.concatenate([np.empty(0, dtype=np.int64), *grouping]).astype(np.int64)
    lift, other = (values[np.isfinite(values)] for values in (lifts.lift, lifts.other_words))
    return MemberScores(
        clusters=len(grouping),
        covered=round(float(live[members].sum() / max(live.sum(), 1)), 6),
        members=len(lift),
        lift=_rounded(np.median, lift),
        share=_rounded(np.mean, lift >= GOOD_LIFT),
        lift_other_words=_rounded(np.median, other),
        share_other_words=_rounded(np.mean, other >= GOOD_OTHER_LIFT),
    )


def _rounded(statistic: Callable[[np.ndarray], np.floating], values: np.ndarray) -> float | None:
    return round(float(statistic(values)), 6) if len(values) else None


def _of_each(grouping: Grouping, lifts: MemberLifts) -> Float32s:
    """float32 [3, C], the median lift, share and median other lift of each cluster."""
    ends = np.cumsum([len(ids) for ids in grouping])[:-1]
    result = np.full((3, len(grouping)), np.nan, dtype=np.float32)
    pairs = zip(np.split(lifts.lift, ends), np.split(lifts.other_words, ends), strict=True)
    for place, values in enumerate(pairs):
        lift, other = (one[np.isfinite(one)] for one in values)
        if len(lift):
            result[:2, place] = np.median(lift), np.mean(lift >= GOOD_LIFT)
        if len(other):
            result[2, place] = np.median(other)
    return result
