"""A figure for a paper: the width of its columns, a size of text, and what else is drawn.

A chart is drawn with its usual proportions of text, marks and lines, at the width in which its text
has the wanted size on paper. So a narrow figure is laid out as on a narrow screen, and nothing is
stretched.
"""

import json
import textwrap
from dataclasses import dataclass
from typing import Any, Literal, get_args

from analysis.runtime.errors import InputError
from charts.core.export import png_file, svg_file
from charts.core.figure import LINE_CHARACTERS, Figure
from charts.core.theme import EXPORT_WIDTH, NARROW, NARROW_BELOW

Columns = Literal["1", "1.5", "2"]
Background = Literal["light", "dark", "transparent"]
PaperKind = Literal["png", "svg"]
PAPER_KINDS: tuple[PaperKind, ...] = get_args(PaperKind)
MILLIMETRES: dict[Columns, float] = {"1": 84.0, "1.5": 129.0, "2": 174.0}
"""Widths of figures in a journal of two columns."""
FONT_SIZES = (5.0, 14.0)
"""The smallest and the largest text, in points."""
SCALES = (1, 2, 3, 4)
CHART_TEXT = 12.0
"""Pixels of the text of a chart (`charts.core.theme`)."""
POINTS_PER_MILLIMETRE = 72 / 25.4


@dataclass(frozen=True)
class Paper:
    """How a figure is drawn for a paper; raises InputError if a value is not offered."""

    columns: Columns = "1"
    font_size: float = 8.0
    """Points."""
    title: bool = False
    caption: bool = False
    background: Background = "light"
    scale: int = 4
    """Pixels of a PNG per point."""

    def __post_init__(self) -> None:
        least, most = FONT_SIZES
        if self.columns not in MILLIMETRES or self.background not in get_args(Background):
            raise InputError("Paper: choose 1, 1.5 or 2 columns, and light, dark or transparent.")
        if not least <= self.font_size <= most or self.scale not in SCALES:
            raise InputError(
                f"Paper: choose text of {least:g} to {most:g} points, and a scale from 1 to 4."
            )

    @property
    def points(self) -> float:
        """The width on paper."""
        return MILLIMETRES[self.columns] * POINTS_PER_MILLIMETRE

    @property
    def pixels(self) -> int:
        """The width of the chart as it is laid out."""
        return round(self.points * CHART_TEXT / self.font_size)


def paper_figure(figure: Figure, kind: PaperKind, paper: Paper) -> bytes:
    """A figure of the light scheme as a file for a paper; raises InputError as `export` does."""
    drawn = figure.in_scheme("dark" if paper.background == "dark" else "light")
    spec = paper_specification(drawn, paper)
    shrink = paper.font_size / CHART_TEXT
    if kind == "png":
        return png_file(drawn, spec, paper.scale * shrink, 72.0 * paper.scale)
    return svg_file(drawn, spec, shrink)


def paper_specification(figure: Figure, paper: Paper) -> dict[str, Any]:
    """The specification of a figure in the width of a paper."""
    spec = figure.specification()
    spec["width"] = paper.pixels
    if paper.pixels < NARROW_BELOW:
        spec = json.loads(json.dumps(spec).replace(NARROW, "true"))
    lines = max(20, LINE_CHARACTERS * paper.pixels // EXPORT_WIDTH)
    texts = figure.texts
    below = [texts.get(key, "") for key in ("note", "caption")] if paper.caption else []
    subtitle = [line for text in below for line in textwrap.wrap(text, lines)]
    if paper.title or subtitle:
        title = textwrap.wrap(texts["title"], max(12, 2 * lines // 3)) if paper.title else ""
        spec["title"] = {"text": title, "subtitle": subtitle}
    if paper.background == "transparent":
        spec["config"] = {**spec.get("config", {}), "background": "transparent"}
    return spec
