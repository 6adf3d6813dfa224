"""The state of the dashboard and its form in a link.

`ViewState` is the whole state of the dashboard. Each field is one query parameter of the address,
and fields with their default value are left out. An invalid value is ignored, so that no link
can break a page. Links of earlier versions still work: see `OLD_NAMES` and `OLD_VALUES`.
"""

import functools
import math
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from analysis.bundle import WINDOW, ContextKind, Space
from analysis.cooccurrence import Picking
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from analysis.runtime.errors import InputError
from analysis.selection import LONGEST_TEXT, Everything, Selection, parse
from charts import text_colours
from charts.component_plane import Classes
from charts.map_view import Viewport
from charts.relations import ALL, RELATIONS

Tab = Literal["pairs", "relations", "components", "neighbourhood"]
"""The parts of the Co-occurrence page."""
Subject = Literal["selection", "latent"]
"""Whose pairs the Co-occurrence page lists."""
NetworkOf = Literal["latent", "cluster", "selection"]
"""Whose latents are the nodes of the network."""
Mode = Literal["move", "box", "lasso"]
"""What a drag on the map does."""
Maps = Literal["one", "both"]
"""Whether the map is shown alone or beside the other one."""
Size = Literal["even", "density"]
"""What the size of a point of the map shows."""
Flagged = Literal["hidden", "shown"]
"""Whether pairs with a dense or an ultralow latent are listed."""
Chance = Literal["hidden", "shown"]
"""Whether the same picture of a null draw is shown too."""
Explanation = Literal["hidden", "shown"]
"""Whether the selection is explained below its bar."""
PooledContexts = Literal["top", "random"]
"""Which contexts of a cluster's members are shown."""

LONGEST_NAME = 100
WIDEST_WINDOW = 1_000_000
"""Tokens."""
SIGNIFICANT_DIGITS = 7
"""Of the edges of a viewport."""

OLD_NAMES = {
    "loud": "flagged",
    "layout": "map",
}
"""Query parameters of earlier versions and their current names."""
OLD_VALUES = {
    ("tab", "communities"): "components",
    ("network", "cluster"): "decoder",
}
"""Current names of query parameters with values of earlier versions, and the current values."""


def _one_of(options: Collection[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in options:
            raise ValueError(f"choose one of {', '.join(options)}")
        return value

    return AfterValidator(check)


def _numbers(value: object) -> object:
    """Split the text of a link into its numbers."""
    return tuple(value.split(",")) if isinstance(value, str) else value


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    """Round the ends of a range to what a link keeps."""
    low, high = (float(f"{end:.{SIGNIFICANT_DIGITS}g}") for end in ends)
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise ValueError("a range is low,high with low <= high")
    return low, high


def _place(passage: tuple[int, int]) -> tuple[int, int]:
    document, position = passage
    if not (abs(document) < 2**63 and 0 <= position < 2**31):
        raise ValueError("a passage is document,position")
    return document, position


def _rectangle(viewport: Viewport) -> Viewport:
    """Round the edges to what a link keeps, and check that they enclose an area."""
    x0, x1, y0, y1 = (float(f"{edge:.{SIGNIFICANT_DIGITS}g}") for edge in viewport)
    if not all(map(math.isfinite, (x0, x1, y0, y1))) or x0 >= x1 or y0 >= y1:
        raise ValueError("a viewport is x0,x1,y0,y1 with x0 < x1 and y0 < y1")
    return (x0, x1, y0, y1)


Id = Annotated[int, Field(ge=0, lt=2**31)]
Level = Annotated[int, Field(ge=0, lt=2**7)]
"""A level of clusters; 0 is the finest of its space."""
Column = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Component = Annotated[int, Field(ge=1, lt=2**7)]
"""A principal component, counted from 1."""
Measure = Annotated[str, _one_of(MEASURES)]
Relation = Annotated[str, _one_of((ALL, *RELATIONS))]
Regime = Annotated[tuple[float, float], BeforeValidator(_numbers), AfterValidator(_ascending)]
Passage = Annotated[tuple[int, int], BeforeValidator(_numbers), AfterValidator(_place)]
OwnText = Annotated[str, Field(max_length=text_colours.LONGEST, pattern=text_colours.PATTERN)]
Rectangle = Annotated[Viewport, BeforeValidator(_numbers), AfterValidator(_rectangle)]


class ViewState(BaseModel):
    """The state of the dashboard. None means that nothing has been chosen yet.

    Raises pydantic.ValidationError if a value is not valid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bundle: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    select: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    explain: Explanation = "hidden"
    measure: Measure = "phi"
    space: Space | None = None
    """Of the clusters; None for the one that is shown first. Without a space, a level is of the
    decoder, as in links of earlier versions."""
    level: Level | None = None
    """Of the clusters; None for the one of the space that is shown first."""

    chance: Chance = "hidden"
    profile: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    """Column of the documents whose values are shown; empty for the first."""

    # Map
    map: MapName | None = None
    """None for the one that opens first, or for the decoder's if the viewport is given."""
    maps: Maps = "one"
    colour: Column = "cluster"
    """Column of the latent table by which the map is coloured, "cluster", "association",
    "profile", "own_text", "note_status" or "note_tag"."""
    own_text: OwnText = ""
    """Latents of a typed text with their shares (`charts.text_colours`)."""
    size: Size = "even"
    viewport: Rectangle | None = None
    """The part of the map that is shown; None for all of it."""
    beside: Rectangle | None = None
    """The part of the other map that is shown beside it."""
    mode: Mode = "move"

    # Clusters
    cluster: Id | None = None
    pooled: PooledContexts = "top"
    component: Component = 1
    """The principal component on the horizontal axis."""
    against: Component = 2
    """The principal component on the vertical axis."""
    classes: Classes = "member"

    # Co-occurrence
    tab: Tab = "pairs"
    subject: Subject = "selection"
    relation: Relation = ALL
    flagged: Flagged = "hidden"
    nodes: NetworkOf = "latent"
    network: Space | None = None
    """Whose clusters colour the network; None for the space that is shown first."""

    # Latent and Pair
    latent: Id | None = None
    partner: Id | None = None
    contexts: ContextKind = "top"
    regime: Regime | None = None
    """A range of the activation of the latent that the page follows; None for all of it."""
    passage: Passage | None = None
    """The document and the position of the context whose document is open."""
    threshold: float = 0.0
    window: Annotated[int, Field(ge=1, le=WIDEST_WINDOW)] = WINDOW
    """Kept tokens."""
    picking: Picking = "even"

    @classmethod
    def from_query_params(cls, params: Mapping[str, str]) -> "ViewState":
        """Read the query parameters of a link; ignore unknown ones and values that are not valid.

        If a link has both the old and the new name of a parameter, the new name takes precedence.
        """
        return cls(**_read(params)[0])

    def to_query_params(self) -> dict[str, str]:
        """The fields that differ from their defaults, as query parameters."""
        return dict(_query_params(self))

    def changed(self, **changes: object) -> "ViewState":
        """The view with other values in some fields; raises ValidationError if one is not valid.

        Another latent has another range of activation and other contexts.
        """
        if changes.get("latent", self.latent) != self.latent:
            changes = {"regime": None, "passage": None, **changes}
        return ViewState.model_validate({**dict(self), **changes})

    @property
    def selection(self) -> Selection:
        """The selection, or everything if its text cannot be read."""
        try:
            return parse(self.select)
        except InputError:
            return Everything()

    @property
    def selection_error(self) -> str:
        """Why the selection cannot be read; empty if it can."""
        try:
            parse(self.select)
        except InputError as error:
            return str(error)
        return ""


_USUAL = ViewState()


@functools.lru_cache(maxsize=16)
def _query_params(view: ViewState) -> tuple[tuple[str, str], ...]:
    """Kept, because every figure of a page carries the link of its view."""
    fields = ((name, getattr(view, name)) for name in ViewState.model_fields)
    return tuple((name, _text(value)) for name, value in fields if value != getattr(_USUAL, name))


def invalid_parameters(params: Mapping[str, str]) -> dict[str, str]:
    """The query parameters of a link whose values are ignored because they are not valid."""
    return _read(params)[1]


def _read(params: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The valid values of a link by field, and the texts that are not valid by parameter."""
    valid: dict[str, Any] = {}
    invalid: dict[str, str] = {}
    for old_or_new in sorted(params, key=lambda name: name not in OLD_NAMES):
        name = OLD_NAMES.get(old_or_new, old_or_new)
        if name not in ViewState.model_fields:
            continue
        text = OLD_VALUES.get((name, params[old_or_new]), params[old_or_new])
        try:
            valid[name] = getattr(ViewState.model_validate({name: text}), name)
        except ValidationError:
            invalid[old_or_new] = params[old_or_new]
    return valid, invalid


PARAMETERS = frozenset((*ViewState.model_fields, *OLD_NAMES))
"""Every query parameter that the dashboard reads."""


def _text(value: object) -> str:
    """A value as a query parameter."""
    if isinstance(value, tuple):
        return ",".join(
            str(part) if isinstance(part, int) else f"{part:.{SIGNIFICANT_DIGITS}g}"
            for part in value
        )
    return str(value)
