"""A figure: a chart, the rows that it plots and the caption that says what they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import altair as alt
import pyarrow as pa

from analysis.bundle import Bundle

Value = str | int | float


@dataclass(frozen=True)
class Caption:
    """What a figure was computed from: enough to find its bundle again and to repeat it."""

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
        said = "".join(f"; {key.replace('_', ' ')} {v}" for key, v in self.parameters.items())
        mask = self.mask.rstrip(". ")
        return (
            f"Bundle {self.bundle} ({self.bundle_id}): N = {self.n_tokens:,} kept tokens of "
            f"{self.n_documents:,} documents, counted by {self.unit}. "
            f"Active when {self.active_rule}; {mask}{said}."
        )


@dataclass(frozen=True)
class Figure:
    """A chart with its rows and its caption; what is exported is what is seen.

    `rows` are exactly the rows that the chart plots. `selections` names the chart's selection
    parameters. `note` is one plain sentence on how to read the figure honestly.
    """

    name: str
    title: str
    chart: alt.Chart | alt.LayerChart
    rows: pa.Table
    caption: Caption
    selections: tuple[str, ...] = ()
    note: str | None = None


def caption_of(bundle: Bundle, *, unit: str, **parameters: Value) -> Caption:
    """The caption of a figure of a bundle; `unit` is what was counted (token, latent, ...)."""
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
