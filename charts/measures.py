"""Measures of co-occurrence as the charts name and scale them."""

import math

import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES, measure_table
from analysis.errors import InputError


def check_measure(measure: str) -> None:
    """Raise InputError unless this is the name of a measure."""
    if measure not in MEASURES:
        raise InputError(f"There is no measure {measure!r}; choose one of {', '.join(MEASURES)}.")


def measured(bundle: Bundle, pairs: pa.Table, measure: str) -> pa.Table:
    """Pairs with the asked measure in the column after their counts, then all other measures."""
    check_measure(measure)
    names = [measure, *(name for name in MEASURES if name not in (measure, "joint"))]
    return measure_table(pairs, bundle.latents, bundle.manifest.tokens, names)


def title_of(measure: str) -> str:
    """The measure as a reader knows it."""
    return MEASURES[measure].label


def range_of(measure: str) -> tuple[float | None, float | None]:
    """The measure's own range; None where it has no bound."""
    low, high = MEASURES[measure].low, MEASURES[measure].high
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)
