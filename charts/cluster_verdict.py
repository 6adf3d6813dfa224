"""One verdict on each cluster, in words: is its grouping reproducible, and does its name fit?"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from analysis.bundle import Bundle, LevelName
from analysis.clusters.stability import WEAK, weak
from analysis.labels.good_lifts import GOOD_LIFT
from analysis.runtime.numbers import count
from charts.cluster_level import at_level
from charts.core.cache import cached

REPRODUCIBLE = "reproducible"
NAME_FITS_FEW = "reproducible, name fits few"
NO_SHARED_WORDS = "reappears; no shared words"
"""Reproducible as a grouping, but its members have no more words in common than by chance."""
NO_BETTER_THAN_CHANCE = "weak group: chance does as well"
NOT_COMPARED = "reappears, chance not drawn"
NOT_MEASURED = "not measured"
MEANING = (
    "A cluster reappears if other seeds and resampled latents give nearly the same cluster "
    f"(stability and bootstrap of at least {WEAK:g}). It is reproducible if both are also larger "
    "than for any cluster of random data. This is about which latents belong together, not about "
    "a meaning. Name fits few: the median member fires less than "
    f"{GOOD_LIFT:g} times as often as by chance on the words that the other members name. No "
    "shared words: not more often than by chance, so that only the grouping is reproducible. Weak "
    "group: not reproducible; its name may fit the members all the same. Chance not drawn: this "
    "bundle has no clusters of random data to compare with."
)
CHANCE = 1.0
"""Member lift of words that say nothing about a member."""
_COLUMNS = {
    "stability": pa.float64(),
    "bootstrap": pa.float64(),
    "believable": pa.bool_(),
    "member_lift": pa.float64(),
}
"""What decides a verdict."""


def verdicts(clusters: pa.Table) -> list[str]:
    """The verdict on each row of the cluster table."""
    rows, is_weak = clusters.select([*_COLUMNS]).to_pylist(), weak(clusters).to_pylist()
    return list(map(_verdict, rows, is_weak))


@cached
def verdicts_of_level(bundle: Bundle, level: LevelName) -> tuple[str, ...]:
    """The verdict on each cluster of a level."""
    return tuple(verdicts(at_level(bundle.clusters, level)))


def reproducible_words(of_clusters: Sequence[str]) -> str:
    """How many verdicts are reproducible; empty if clusters were not compared with chance."""
    if NOT_COMPARED in of_clusters or set(of_clusters) <= {NOT_MEASURED}:
        return ""
    wordless = of_clusters.count(NO_SHARED_WORDS)
    believable = sum(verdict in (REPRODUCIBLE, NAME_FITS_FEW) for verdict in of_clusters) + wordless
    part = f", {count(wordless)} of them without shared words" if wordless else ""
    return f"{count(believable)} reproducible{part}"


def verdict_on(row: Mapping[str, Any]) -> str:
    """The verdict on one row of the cluster table."""
    return verdicts(pa.Table.from_pylist([dict(row)], pa.schema(_COLUMNS)))[0]


def _verdict(row: Mapping[str, Any], is_weak: bool) -> str:
    if is_weak:
        return _weakness(row["stability"], row["bootstrap"])
    if row["believable"] is None:
        is_known = row["stability"] is not None or row["bootstrap"] is not None
        return NOT_COMPARED if is_known else NOT_MEASURED
    lift = row["member_lift"]
    if lift is None or lift >= GOOD_LIFT:
        return REPRODUCIBLE
    return NAME_FITS_FEW if lift > CHANCE else NO_SHARED_WORDS


def _weakness(stability: float | None, bootstrap: float | None) -> str:
    of_seeds, of_resamples = (
        value is not None and value < WEAK for value in (stability, bootstrap)
    )
    if of_seeds and of_resamples:
        return "weak group: does not reappear"
    if of_seeds:
        return "weak group: other seeds differ"
    return "weak group: resamples differ" if of_resamples else NO_BETTER_THAN_CHANCE
