"""The types of a selection and their text.

A selection is a query over the latents of a bundle. `str` writes it in one canonical form that fits
in an address bar; `analysis.selection.parser` reads it back as an equal selection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from analysis.bundle import Space
from analysis.decoder.map_verdict import MapName

MAP_COLUMNS: dict[MapName, tuple[str, str]] = {
    "decoder": ("x", "y"),
    "cooccurrence": ("x_cooccurrence", "y_cooccurrence"),
}
"""The columns of the latent table that hold a latent's coordinates on each of the two maps."""
NUMERIC_COLUMNS = (
    "active_tokens",
    "active_documents",
    "density",
    "mean",
    "std",
    "median",
    "p90",
    "max",
    "decoder_norm",
    "x",
    "y",
    "map_recall",
    "label_precision",
    "label_recall",
    "label_lift",
    "outside_label",
    "map_agreement",
    "moved",
)
"""Columns of the latent table that a selection can compare with a number."""
FEWEST_CORNERS, MOST_CORNERS = 3, 100
"""Corners of a lasso."""
PARTNERS_COUNT = 20
"""Partners that `partners(ID)` selects."""


@dataclass(frozen=True)
class Everything:
    """All latents. Its text is empty."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class Latents:
    """The latents with the given ids."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return f"latent={_joined(self.ids)}"


@dataclass(frozen=True)
class Cluster:
    """The members of any of the given clusters. Ids are unique across spaces and levels."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return f"cluster={_joined(self.ids)}"


@dataclass(frozen=True)
class Unclustered:
    """Latents that are in no cluster of the level shown first in a space.

    None is the space whose clusters are shown first.
    """

    space: Space | None = None

    def __str__(self) -> str:
        return "cluster=none" + ("" if self.space is None else f",{self.space}")


@dataclass(frozen=True)
class Flag:
    """Latents with any of the given flags."""

    flags: tuple[str, ...]

    def __str__(self) -> str:
        return "flag=" + ",".join(self.flags)


@dataclass(frozen=True)
class Compare:
    """Latents whose number in a column compares with a constant. A missing number never does."""

    column: str
    operator: str
    value: float

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{_number(self.value)}"


@dataclass(frozen=True)
class Search:
    """Latents whose label, explanation or top tokens contain the text, in upper or lower case."""

    text: str

    def __str__(self) -> str:
        escaped = self.text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


@dataclass(frozen=True)
class Box:
    """Latents inside a rectangle of a map, edges included."""

    x0: float
    x1: float
    y0: float
    y1: float
    map: MapName = "decoder"

    def __str__(self) -> str:
        edges = ",".join(_number(edge) for edge in (self.x0, self.x1, self.y0, self.y1))
        return f"box({edges}{'' if self.map == 'decoder' else f',{self.map}'})"


@dataclass(frozen=True)
class Lasso:
    """Latents inside a polygon of a map, by the even-odd rule (see `inside_polygon`)."""

    points: tuple[tuple[float, float], ...]
    """The corners (x, y), 3 to MOST_CORNERS; the last is joined to the first."""
    map: MapName = "decoder"

    def __str__(self) -> str:
        corners = ",".join(_number(number) for point in self.points for number in point)
        return f"lasso({corners}{'' if self.map == 'decoder' else f',{self.map}'})"


@dataclass(frozen=True)
class Near:
    """A latent and its `count` nearest decoder vectors; None for all that the bundle stores."""

    latent: int
    count: int | None = None

    def __str__(self) -> str:
        return f"near({self.latent}{'' if self.count is None else f',{self.count}'})"


@dataclass(frozen=True)
class Partners:
    """A latent and its `count` strongest partners by a measure, as `ranked_partners` lists them."""

    latent: int
    measure: str = "phi"
    count: int = PARTNERS_COUNT

    def __str__(self) -> str:
        return f"partners({self.latent},{self.measure},{self.count})"


@dataclass(frozen=True)
class Not:
    """All latents that the part does not select."""

    part: "Selection"

    def __str__(self) -> str:
        return f"!{_grouped(self.part, And, Or)}"


@dataclass(frozen=True)
class And:
    """Latents that every part selects."""

    parts: tuple["Selection", ...]

    def __str__(self) -> str:
        return " & ".join(_grouped(part, And, Or) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """Latents that at least one part selects."""

    parts: tuple["Selection", ...]

    def __str__(self) -> str:
        return " | ".join(_grouped(part, Or) for part in self.parts)


Selection = (
    Everything
    | Latents
    | Cluster
    | Unclustered
    | Flag
    | Compare
    | Search
    | Box
    | Lasso
    | Near
    | Partners
    | Not
    | And
    | Or
)


def both(first: Selection, second: Selection) -> Selection:
    """The conjunction of two selections: flat, without repeats and without `Everything`."""
    parts: list[Selection] = []
    for part in (*_conjuncts(first), *_conjuncts(second)):
        if part not in parts:
            parts.append(part)
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def replaced(
    selection: Selection, matches: Callable[[Selection], bool], new: Selection
) -> Selection:
    """Replace the top-level conjuncts that match by `new`; keep the others.

    A new box on the map replaces the previous box and keeps a search next to it.
    """
    kept = [part for part in _conjuncts(selection) if not matches(part)]
    everything: Selection = Everything()
    return reduce(both, [*kept, new], everything)


def _conjuncts(selection: Selection) -> tuple[Selection, ...]:
    if isinstance(selection, Everything):
        return ()
    return selection.parts if isinstance(selection, And) else (selection,)


def _grouped(part: Selection, *kinds: type) -> str:
    """The text of a part, in parentheses if it is one of the kinds."""
    return f"({part})" if isinstance(part, kinds) else str(part)


def _joined(ids: tuple[int, ...]) -> str:
    return ",".join(map(str, ids))


def _number(value: float) -> str:
    """The shortest text that reads back as the same float."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
