"""What the steps of a build report, for later steps and for the manifest."""

from typing import Any

from pydantic import Field

from analysis.bundle import (
    ClusterLevel,
    LabelSummary,
    MapQuality,
    MaskSummary,
    ReadingSummary,
    RelationFamily,
)
from analysis.runtime.working_folder import StepRecord


class DoneRecord(StepRecord):
    """The step only wrote tables."""


class RowsRecord(StepRecord):
    """The step wrote a table of this many rows."""

    rows: int = Field(ge=0)


class LogitRecord(RowsRecord):
    """The effects on the logits, or why there are none."""

    reason: str = Field(default="", description="empty if there are effects, or no model was run")


class HarvestRecord(StepRecord):
    """What was harvested or imported."""

    tokens: int = Field(ge=1, description="kept tokens")
    l0: float = Field(ge=0, description="mean active latents per kept token")
    explained_variance: float | None = Field(description="centred; None for imported activations")
    mask: MaskSummary


class NeighbourRecord(StepRecord):
    """How the nearest neighbours were computed."""

    how: str = Field(description="exact or approximate, in words")
    recall: float = Field(ge=0, le=1, description="measured recall of the neighbours")


class RelationRecord(StepRecord):
    """One family of tests for each kind of relation."""

    families: list[RelationFamily]


class MapRecord(StepRecord):
    """How well a map preserves the neighbours."""

    quality: MapQuality


class NullRecord(StepRecord):
    """How often the clusters were computed where there is nothing to find."""

    draws: dict[str, int] = Field(description="by space")
    maps: dict[str, MapQuality] = Field(
        default_factory=dict, description="quality of the map of the shown draw, by space"
    )


class ClusterRecord(StepRecord):
    """The levels of the clusters in all spaces."""

    levels: list[ClusterLevel]


class ReadingRecord(StepRecord):
    """What the reading order covers."""

    summary: ReadingSummary


class LabelRecord(StepRecord):
    """How the labels were made."""

    summary: LabelSummary
    sources: dict[str, Any] = Field(description="the label sources that the labels depend on")
