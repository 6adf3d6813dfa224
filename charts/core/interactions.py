"""Interactions of the charts: their names and the fields that they report.

A chart declares an interaction as a parameter, a figure lists the names of its interactions, and a
page reads the event with the same object, so that names and fields are defined only here. Streamlit
reports a click as a list of points, each a mapping from field to value, and a drawn interval as a
mapping from field to its two ends; on an axis of names, to the names inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from charts.core.text import clusters_named, latents_named


@dataclass(frozen=True)
class Click:
    """A click on a mark; `fields` are the reported columns of the row."""

    name: str
    fields: tuple[str, ...]

    def parameter(self) -> alt.Parameter:
        """The selection parameter of a chart."""
        return alt.selection_point(name=self.name, fields=list(self.fields))

    def read(self, event: Sequence[Mapping[str, Any]] | None) -> dict[str, Any] | None:
        """The fields of the first clicked row; None if there is none or a field is missing."""
        if not event or any(name not in event[0] for name in self.fields):
            return None
        return {name: event[0][name] for name in self.fields}


@dataclass(frozen=True)
class Interval:
    """A drawn interval; `fields` are the columns on the axes `encodings`, in the same order."""

    name: str
    fields: tuple[str, ...]
    encodings: tuple[Literal["x", "y"], ...]

    def parameter(self) -> alt.Parameter:
        """The selection parameter of a chart."""
        return alt.selection_interval(name=self.name, encodings=list(self.encodings))

    def read(self, event: Mapping[str, Sequence[float]] | None) -> list[tuple[float, float]] | None:
        """The lower and the upper end along each field; None without an interval."""
        if not event or any(name not in event for name in self.fields):
            return None
        ends = [sorted(float(end) for end in event[name]) for name in self.fields]
        return [(low, high) for low, high in ends]


@dataclass(frozen=True)
class NameBrush:
    """A drag over the names of latents or clusters on an axis.

    `fields` are the columns on `encodings`; `ids_in` reads the ids in a name.
    """

    name: str
    fields: tuple[str, ...]
    encodings: tuple[Literal["x", "y"], ...]
    ids_in: Callable[[str], list[int]] = latents_named

    def parameter(self) -> alt.Parameter:
        """The selection parameter of a chart."""
        return alt.selection_interval(name=self.name, encodings=list(self.encodings))

    def read(self, event: Mapping[str, Sequence[str]] | None) -> dict[str, Any] | None:
        """The ids of what is named, as `ids`; None without any."""
        names = [name for field in self.fields for name in (event or {}).get(field, ())]
        ids = sorted({one for name in names for one in self.ids_in(str(name))})
        return {"ids": ids} if ids else None


LATENT = Click("picked", ("latent",))
PAIR = Click("picked_pair", ("latent", "partner"))
CELL = Click("picked_cell", ("latent", "partner"))
RELATION = Click("picked_relation", ("a", "b"))
CLUSTER = Click("picked_cluster", ("cluster",))
CLUSTER_PAIR = Click("picked_pair_of_clusters", ("cluster", "other"))
COMPONENT = Click("picked_component", ("component",))
INNER_CLUSTER = Click("picked_inner_cluster", ("members",))
FLAG = Click("picked_flag", ("flag",))
VALUE = Click("picked_value", ("column", "value"))
PASSAGE = Click("picked_passage", ("document", "position"))

BOX = Interval("box", ("x", "y"), ("x", "y"))
COOCCURRENCE_BOX = Interval("box_of_cooccurrence", ("x", "y"), ("x", "y"))
DENSITY = Interval("density", ("log10_density",), ("x",))
STRENGTHS = Interval("brushed_strengths", ("density", "max"), ("x", "y"))
STRENGTH_BINS = Interval("brushed_bins", ("density_from", "max_from"), ("x", "y"))
PLANE = Interval("brushed_plane", ("x", "y"), ("x", "y"))
ACTIVATIONS = Interval("brushed_activations", ("activation_from",), ("x",))

CELL_BRUSH = NameBrush("brushed_cells", ("b", "a"), ("x", "y"))
PAIR_BRUSH = NameBrush("brushed_pairs", ("pair",), ("y",))
CLUSTER_BRUSH = NameBrush("brushed_clusters", ("b", "a"), ("x", "y"), clusters_named)

INTERACTIONS: tuple[Click | Interval | NameBrush, ...] = (
    LATENT, PAIR, CELL, RELATION, CLUSTER, CLUSTER_PAIR, COMPONENT, INNER_CLUSTER,
    FLAG, VALUE, PASSAGE, ACTIVATIONS,
    BOX, COOCCURRENCE_BOX, DENSITY, STRENGTHS, STRENGTH_BINS, PLANE,
    CELL_BRUSH, PAIR_BRUSH, CLUSTER_BRUSH,
)  # fmt: skip
"""Every interaction of the charts."""
