"""Numbers as steps of a colour scale: its range, its ticks, and the step of each value."""

import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.runtime.numbers import power, short
from charts.core.raster import rgb_of
from charts.core.scheme import in_scheme
from charts.core.theme import SEQUENTIAL_POINTS

STEPS = 255
"""Steps of a scale; step 1 is the lowest, and 0 means no value."""
WIDE = 30.0
"""A scale is logarithmic if the largest number is this many times the median, or the 95th
percentile this many times the 5th."""
MOST_TICKS = 6
SMALLEST = float(np.finfo(np.float64).tiny)
"""Numbers that differ by less are drawn as equal: a part of such a difference may be 0."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """A scale from `least` to `most`, cut into `STEPS` steps.

    `edges` [STEPS - 1] ascend; step k + 1 begins at edges[k]. Ticks are exactly on edges, so that
    the steps between two ticks hold exactly the values between them.
    """

    kind: Literal["linear", "log"]
    least: float
    most: float
    ticks: tuple[float, ...]
    edges: Floats = field(repr=False)

    def codes(self, values: Floats) -> Codes:
        """The step of each value [n], at least 1 and at most STEPS; 0 for NaN."""
        steps = np.searchsorted(self.edges, values, side="right") + 1
        return np.where(np.isfinite(values), steps, 0).astype(np.uint8)

    def place(self, value: float) -> float:
        """Where a value is on the bar, from 0 to 1."""
        low, high, at = self.least, self.most, value
        if self.kind == "log":
            low, high, at = np.log(low), np.log(high), np.log(at)
        return float((at - low) / (high - low))

    def bounds(self, first: int, last: int) -> tuple[float | None, float | None]:
        """The values between which steps `first` to `last` are; None for an end without a bound."""
        low = None if first <= 1 else float(self.edges[first - 2])
        high = None if last >= STEPS else float(self.edges[last - 1])
        return low, high

    def text(self, value: float) -> str:
        """A value of the scale as text, with enough digits to tell ticks from each other."""
        if self.kind == "log" and value < 0.01:
            return power(value).replace(".0e", "e")
        largest = max(abs(self.least), abs(self.most))
        digits = int(np.log10(largest / (self.most - self.least))) if largest else 0
        return short(value) if digits < 1 else f"{value:.{digits + 3}g}"

    def for_browser(self) -> dict[str, Any]:
        """The ends and ticks of the bar, with their texts."""
        return {
            "kind": self.kind,
            "least": self.text(self.least),
            "most": self.text(self.most),
            "ticks": [{"at": self.place(t), "text": self.text(t)} for t in self.ticks],
        }


def scale_of(values: Floats, *, linear: bool = False) -> Scale:
    """The scale of all finite values [n].

    It is logarithmic if they are of many sizes and none is negative, unless it must be linear.
    Values of 0 are at the lower end of a logarithmic scale.
    """
    known = values[np.isfinite(values)]
    positive = known[known > 0]
    is_log = False
    if len(positive) and known.min() >= 0 and not linear:
        low, middle, high = np.quantile(positive, [0.05, 0.5, 0.95])
        is_log = bool(high >= WIDE * low or positive.max() >= WIDE * middle)
    shown = positive if is_log else known
    least, most = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    if most - least < SMALLEST:
        most = least + (abs(least) if abs(least) >= SMALLEST else 1.0)
    space = np.geomspace if is_log else np.linspace
    edges = space(least, most, STEPS + 1)[1:-1]
    ticks = (powers if is_log else round_numbers)(least, most)
    for tick in ticks:
        edges[np.abs(edges - tick).argmin()] = tick
    return Scale("log" if is_log else "linear", least, most, tuple(ticks), edges)


def powers(least: float, most: float) -> list[float]:
    """Powers of ten between two positive numbers; every second or third one if there are many."""
    first, last = int(np.ceil(np.log10(least))), int(np.floor(np.log10(most)))
    exponents = range(first, last + 1)
    stride = -(-len(exponents) // MOST_TICKS) or 1
    values = [float(f"1e{exponent}") for exponent in exponents[::stride]]
    return [value for value in values if least < value < most]


def round_numbers(least: float, most: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten inside a range: at most MOST_TICKS."""
    size = 10.0 ** np.floor(np.log10((most - least) / MOST_TICKS))
    step = next(size * k for k in (1, 2, 5, 10, 20) if (most - least) / (size * k) < MOST_TICKS)
    first, last = int(np.ceil(least / step)), int(np.floor(most / step))
    digits = max(0, int(np.ceil(-np.log10(step))) + 1)
    values = [round(k * float(step), digits) for k in range(first, last + 1)]
    return [value for value in values if least < value < most]


def in_sections(scale: Scale, codes: Codes) -> list[tuple[int, int, str, int]]:
    """The parts of a scale between its ticks: first and last code, words, and values in it."""
    starts = [1, *(int(np.searchsorted(scale.edges, t, side="right")) + 1 for t in scale.ticks)]
    counts = np.bincount(codes, minlength=STEPS + 1)
    texts = [scale.text(tick) for tick in scale.ticks]
    if not texts:
        words = ["all values"]
    else:
        between = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
        words = [f"below {texts[0]}", *between, f"{texts[-1]} and more"]
    ends = [*(start - 1 for start in starts[1:]), STEPS]
    return [
        (first, last, word, int(counts[first : last + 1].sum()))
        for first, last, word in zip(starts, ends, words, strict=True)
    ]


def step_colours(*, dark: bool) -> tuple[str, ...]:
    """The colours of all steps, lowest first."""
    ramp = rgb_of(in_scheme(SEQUENTIAL_POINTS, "dark" if dark else "light"))
    at, stops = np.linspace(0, 1, STEPS), np.linspace(0, 1, len(ramp))
    parts = [np.interp(at, stops, ramp[:, channel]).round().astype(int) for channel in range(3)]
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(*parts, strict=True))
