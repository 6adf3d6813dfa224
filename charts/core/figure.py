"""A figure: a chart, the rows that it plots, and its caption. A table has no chart."""

import base64
import contextlib
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import altair as alt
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.core import picture
from charts.core.call import Call
from charts.core.drawing import Drawing
from charts.core.scheme import Scheme, rows_in_dark
from charts.core.text import visible
from charts.core.theme import EXPORT_WIDTH, SCREEN_SANS

Value = str | int | float
LINE_CHARACTERS = 128
"""Longest line of the note and the caption in a picture."""
VEGALITE = "application/vnd.vegalite.v6+json"
"""Media type of a specification; in a notebook the type of JSON must end in `+json`."""


@dataclass(frozen=True)
class Caption:
    """What a figure was computed from: enough to identify its bundle and to reproduce it."""

    bundle: str
    bundle_id: str
    n_tokens: int
    n_documents: int
    unit: str
    mask: str
    active_rule: str
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def text(self) -> str:
        """The caption in two sentences, as it is drawn below a chart and stored in a file."""
        parameters = "".join(
            f"; {name.replace('_', ' ')} {value}" for name, value in self.parameters.items()
        )
        return (
            f"Bundle {self.bundle} ({self.bundle_id}): N = {count(self.n_tokens)} kept tokens of "
            f"{count(self.n_documents)} documents, counted by {self.unit}. "
            f"Active when {self.active_rule}; {self.mask.rstrip('. ')}{parameters}."
        )

    @property
    def own(self) -> str:
        """What differs from other figures of the bundle: the unit, and an own rule of activity."""
        rule = self.parameters.get("pair_active_when")
        return f"Counted by {self.unit}" + (f"; active when {rule}." if rule else ".")


@dataclass(frozen=True, kw_only=True)
class CaptionedTable:
    """A table of a page: rows with a title and a caption. Exported rows equal the displayed ones.

    `note` states how to read the rows and what they do not show.
    """

    name: str
    title: str
    rows: pa.Table
    caption: Caption
    note: str | None = None
    call: Call | None = None
    """How it was made; `charts.core.cache.cached` sets it."""
    selection: str = ""
    """The text of the selection that the caption names."""
    view: str = ""
    """The page and the parameters of the link that shows it, such as `latent?latent=20`."""

    @property
    def texts(self) -> dict[str, str]:
        """Title, caption and note as written to every file, on one line each."""
        texts = {"title": self.title, "caption": self.caption.text, "note": self.note or ""}
        # Keep no-break spaces: they keep a percentage on one line.
        return {
            key: re.sub(" +", " ", visible(text)).strip() for key, text in texts.items() if text
        }

    def of_selection(self, selection: str) -> Self:
        """The same with the text of a selection added to its caption."""
        if not selection:
            return self
        parameters = {**self.caption.parameters, "selection": selection}
        caption = replace(self.caption, parameters=parameters)
        return replace(self, caption=caption, selection=selection)


@dataclass(frozen=True, kw_only=True)
class Figure(CaptionedTable):
    """A chart with its rows and its caption. An exported figure equals the displayed one.

    `rows` are exactly the rows that the chart plots. `selections` names the chart's selection
    parameters. Figures are made in the light scheme; `in_scheme` gives the dark one.
    """

    chart: Drawing | alt.Chart | alt.LayerChart
    selections: tuple[str, ...] = ()
    scheme: Scheme = "light"

    def in_scheme(self, scheme: Scheme) -> "Figure":
        """The figure, which must be in the light scheme, in another one."""
        if scheme == self.scheme:
            return self
        drawing = (
            self.chart if isinstance(self.chart, Drawing) else Drawing(self.chart.to_dict(), {})
        )
        return replace(self, chart=drawing.dark, rows=rows_in_dark(self.rows), scheme=scheme)

    def for_browser(self) -> dict[str, Any]:
        """The specification for a page: as wide as its container, with its rows as Arrow."""
        chart = self.chart
        spec = chart.for_browser() if isinstance(chart, Drawing) else chart.to_dict()
        return {**spec, "config": {**spec.get("config", {}), "font": SCREEN_SANS}}

    def specification(self) -> dict[str, Any]:
        """The Vega-Lite specification at a fixed width, with its rows as JSON values."""
        spec: dict[str, Any] = self.chart.to_dict()
        if spec.get("width") == "container":
            spec["width"] = EXPORT_WIDTH
        return spec

    def titled_specification(self) -> dict[str, Any]:
        """The specification with title, note and caption drawn above the chart."""
        texts = self.texts
        lines = [
            line
            for key in ("note", "caption")
            for line in textwrap.wrap(texts.get(key, ""), LINE_CHARACTERS)
        ]
        return self.specification() | {"title": {"text": texts["title"], "subtitle": lines}}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """The representations for a notebook: the chart with its title, note and caption.

        A front end without Vega-Lite 6 shows the PNG. A figure that cannot be drawn, such as one
        with too many rows, has no PNG; the front end then shows the text.
        """
        spec = self.titled_specification()
        shown: dict[str, Any] = {VEGALITE: spec, "text/plain": "\n".join(self.texts.values())}
        with contextlib.suppress(InputError):
            shown["image/png"] = base64.b64encode(picture.png(spec, self.title)).decode()
        return shown


def caption_of(bundle: Bundle, *, unit: str, **parameters: Value) -> Caption:
    """The caption of a figure of a bundle; `unit` is what it counts (token, latent, ...)."""
    manifest = bundle.manifest
    return Caption(
        bundle=bundle.name,
        bundle_id=manifest.bundle_id,
        n_tokens=manifest.tokens,
        n_documents=manifest.documents,
        unit=unit,
        mask=manifest.mask.policy,
        active_rule=manifest.active_rule,
        parameters=MappingProxyType(parameters),
    )
