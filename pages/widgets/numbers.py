"""Numbers as people read them."""

import math


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def short(value: float | None) -> str:
    """Three significant digits, without an exponent where it is readable without one."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.2e}"


def density(value: float) -> str:
    """A density as a number and as a percentage, such as `1.2e-4 (0.012 %)`."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    percent = f"{100 * value:.2g}"
    return f"{mantissa}e{int(exponent)} ({percent if 'e' not in percent else '< 0.0001'} %)"


def percent(value: float | None) -> str:
    """A fraction as a percentage."""
    return "–" if value is None else f"{100 * value:.3g} %"


def share(part: int, whole: int) -> str:
    """A part of a whole as a percentage."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def probability(p: float) -> str:
    """A p- or q-value: two digits, and a bound where it is smaller than can be written."""
    if p < 1e-290:
        return "< 1e-290"
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.1e}"
