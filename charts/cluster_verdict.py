"""One verdict on each cluster, in words: whether to believe it, and if not, why."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from analysis.clusters.stability import WEAK, weak
from analysis.labels.good_lifts import GOOD_LIFT
from analysis.runtime.numbers import count

BELIEVABLE = "believable"
NAME_FITS_FEW = "believable, name fits few"
NO_BETTER_THAN_CHANCE = "weak group: chance does as well"
NOT_COMPARED = "reappears, chance not drawn"
NOT_MEASURED = "not measured"
MEANING = (
    f"Believable: other seeds and resampled latents give the same cluster (stability and bootstrap "
    f"of at least {WEAK:g}), and more so than where there is nothing to find. The name fits few: "
    f"the median member fires less than {GOOD_LIFT:g} times as often as by chance on the words "
    "that the other members name. A weak group is about which latents belong together; its name "
    "may fit the members all the same. Chance not drawn: this bundle does not say what the same "
    "computation gives where there is nothing to find."
)
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


def believable_words(of_clusters: Sequence[str]) -> str:
    """How many of some verdicts are believable; empty if clusters were not compared with chance."""
    if NOT_COMPARED in of_clusters or set(of_clusters) <= {NOT_MEASURED}:
        return ""
    believable = sum(verdict in (BELIEVABLE, NAME_FITS_FEW) for verdict in of_clusters)
    return f"{count(believable)} believable"


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
    return NAME_FITS_FEW if lift is not None and lift < GOOD_LIFT else BELIEVABLE


def _weakness(stability: float | None, bootstrap: float | None) -> str:
    of_seeds, of_resamples = (
        value is not None and value < WEAK for value in (stability, bootstrap)
    )
    if of_seeds and of_resamples:
        return "weak group: does not reappear"
    if of_seeds:
        return "weak group: other seeds differ"
    return "weak group: resamples differ" if of_resamples else NO_BETTER_THAN_CHANCE
