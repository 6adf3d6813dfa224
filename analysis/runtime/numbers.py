"""Numbers as text: one notation for sentences, charts, pages and the command line.

    count          12,345            thousands separated by commas
    counted        12,345 latents    the same with its noun
    short          0.45  1,230  7.3e-5   three significant digits
    fraction       0.450             three decimals: coefficients, shares that are compared
    percent        61 %              three significant digits and a no-break space
    density        1.2e-4 (0.012 %)  two significant digits, as a number and as a percentage
    probability    0.034  5.8e-203   two significant digits

A number below 1 keeps its leading zero, an exponent has no leading zeros, a negative number has a
minus sign (U+2212), and a missing value is an en dash. `charts.core.numbers` has the same notation
as Vega formats.
"""

import math

import numpy as np

MISSING = "–"
INFINITE = "∞"
MINUS = "−"
NO_BREAK_SPACE = "\u00a0"
LEAST_PERCENTAGE = 0.0001
LEAST_PROBABILITY = 1e-300
"""Smaller chances are not computed: they underflow."""


def count(value: int) -> str:
    """A whole number with thousands separators."""
    return _signed(f"{value:,}")


def counted(value: int, noun: str) -> str:
    """A number of things, such as "1 latent" or "1,234 latents"; the plural ends with s."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def short(value: float | None) -> str:
    """Three significant digits; an exponent only below 0.0001; ∞ if there is no bound."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return INFINITE if value > 0 else f"{MINUS}{INFINITE}"
    text = f"{value:.3g}"
    if abs(value) >= 1:
        return _signed(f"{float(text):,.10g}")
    return _exponent(value) if "e" in text else _signed(text)


def fraction(value: float | None) -> str:
    """Three decimals, for values between -1 and 1 that are compared with one another."""
    if value is None or math.isnan(value):
        return MISSING
    text = f"{value:.3f}"
    return "0.000" if text == "-0.000" else _signed(text)


def percent(value: float | None, digits: int = 3) -> str:
    """A fraction as a percentage with this many significant digits, never with an exponent.

    Below 0.0001 % only the bound is written.
    """
    if value is None or math.isnan(value):
        return MISSING
    if 0 < abs(value) < LEAST_PERCENTAGE / 100:
        return f"< {LEAST_PERCENTAGE:.4f}{NO_BREAK_SPACE}%"
    text = np.format_float_positional(
        100 * value, precision=digits, unique=False, fractional=False, trim="-"
    )
    return f"{_signed(text)}{NO_BREAK_SPACE}%"


def share(part: int, whole: int) -> str:
    """A part of a whole as a percentage; a dash where the whole is empty."""
    return percent(part / whole) if whole else MISSING


def density(value: float) -> str:
    """A density as a number and as a percentage, such as `1.2e-4 (0.012 %)`; 0 stays 0."""
    return f"{power(value)} ({percent(value, 2)})" if value else "0"


def power(value: float) -> str:
    """Two significant digits with an exponent, such as `1.2e-4`; 0 stays 0."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{_signed(mantissa)}e{int(exponent)}"


def probability(p: float) -> str:
    """A p- or q-value; below 1e-300 only this bound, because smaller chances underflow."""
    if p < LEAST_PROBABILITY:
        return f"below {LEAST_PROBABILITY:g}"
    return f"{p:.2g}" if p >= 1e-3 else power(p)


def _exponent(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{_signed(f'{float(mantissa):g}')}e{int(exponent)}"


def _signed(text: str) -> str:
    return text.replace("-", MINUS, 1)


def duration(seconds: float) -> str:
    """A time in seconds, minutes, or hours and minutes, such as `2 h 5 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
