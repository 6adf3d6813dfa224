"""Names, ranges and formats of the measures of co-occurrence in charts."""

import math

import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES, measure_table
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import fraction, short
from charts.core.numbers import FRACTION, NUMBER

OF_VALUES = {
    "activation_cosine": "cosine of the activations",
    "activation_pearson": "Pearson of the activations",
}
"""Measures of activations instead of counts: shown with the others, but not used for ranking."""


def check_measure(measure: str) -> None:
    """Raise InputError unless this is the name of a measure."""
    if measure not in MEASURES:
        raise InputError(f"There is no measure {measure!r}; choose one of {', '.join(MEASURES)}.")


def measured(bundle: Bundle, pairs: pa.Table, measure: str) -> pa.Table:
    """Pairs with the given measure in the column after their counts, then all other measures."""
    check_measure(measure)
    names = [measure, *(name for name in MEASURES if name not in (measure, "joint"))]
    n_tokens = bundle.manifest.tokens
    rows = measure_table(pairs, bundle.latents, n_tokens, names)
    counts = [name for name in pairs.column_names if name not in OF_VALUES]
    return rows.select([*counts, *names, *OF_VALUES])


def title_of(measure: str) -> str:
    """The title of a measure in charts and tables."""
    return OF_VALUES.get(measure) or MEASURES[measure].label


def range_of(measure: str) -> tuple[float | None, float | None]:
    """The measure's own range; None for an end without a bound."""
    low, high = MEASURES[measure].low, MEASURES[measure].high
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)


def is_bounded(measure: str) -> bool:
    """Whether the measure has an upper bound, which is then 1."""
    definition = MEASURES.get(measure)
    return definition is None or math.isfinite(definition.high)


def format_of(measure: str) -> str:
    """The Vega format of the values of a measure."""
    return FRACTION if is_bounded(measure) else NUMBER


def value_texts(values: pa.ChunkedArray, measure: str) -> list[str]:
    """The values as text: three decimals for a bounded measure, else three significant digits."""
    write = fraction if is_bounded(measure) else short
    return [write(value or 0.0) for value in values.to_pylist()]
