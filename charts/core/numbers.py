"""Formats of numbers on axes, in tooltips and in legends, in the notation of d3.

They give the same text as `analysis.runtime.numbers`: 12,345, 0.45, 61 %, 1.2e-4. The space before
the percent sign comes from `LOCALE`, which the theme puts into every chart.
"""

from typing import Any

import altair as alt

from analysis.runtime.numbers import MINUS, NO_BREAK_SPACE

COUNT = ",d"
"""A whole number with thousands separators."""
ID = "d"
"""An identifier or a position: no separators."""
NUMBER = ",.3~r"
"""Three significant digits."""
FRACTION = ".3f"
"""Three decimals."""
SIGNED = "+.3f"
"""Three decimals and the sign: effects in either direction."""
PERCENT = ".3~p"
"""Three significant digits and the percent sign."""
DENSITY = ".1e"
"""A density as a number; `density_tooltips` adds the percentage."""

NUMBER_AXIS = ",~r"
"""Ticks with as many digits as they need."""
PERCENT_AXIS = "~%"
"""Ticks as percentages with as many digits as they need."""
DENSITY_AXIS = ".0e"
"""Ticks at powers of ten."""

LOCALE: dict[str, Any] = {
    "number": {
        "decimal": ".",
        "thousands": ",",
        "grouping": [3],
        "currency": ["$", ""],
        "percent": f"{NO_BREAK_SPACE}%",
        "minus": MINUS,
    }
}
"""Vega's default number locale, except for the no-break space before the percent sign."""


def stability_tooltips() -> list[alt.Tooltip]:
    """The recovery of a cluster with other seeds and from resampled latents."""
    return [
        alt.Tooltip("stability:Q", title="stability (other seeds)", format=FRACTION),
        alt.Tooltip("bootstrap:Q", title="bootstrap (resampled latents)", format=FRACTION),
    ]


def density_tooltips() -> list[alt.Tooltip]:
    """The density in two lines of a tooltip: as a number and as a percentage."""
    return [
        alt.Tooltip("density:Q", title="density", format=DENSITY),
        alt.Tooltip("density:Q", title="density in %", format=PERCENT),
    ]
