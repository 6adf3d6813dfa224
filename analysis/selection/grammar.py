"""The types of a selection and their text.

A selection is a query over the latents of a bundle. `str` writes it in one canonical form that fits
in an address bar; `analysis.selection.parser` reads it back as an equal selection.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from analysis.bundle import TABLES, Space
from analysis.decoder.map_verdict import MapName

MAP_COLUMNS: dict[MapName, tuple[str, str]] = {
    "decoder": ("x", "y"),
    "cooccurrence": ("x_cooccurrence", "y_cooccurrence"),
}
"""The columns of the latent table that hold a latent's coordinates on each of the two maps."""
NUMERIC_COLUMNS = tuple(
    column.name
    for column in TABLES["latents"]
    if column.metadata[b"unit"] != b"id"
    and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type))
)
"""Columns of the latent table that a selection can compare with a number."""
RELATIONS = ("duplicate", "implication", "exclusive", "absorption_candidate")
"""Kinds of relation, as in the relations table."""
WORD_OPERATORS = {"and": "&", "or": "|", "not": "!"}
"""Words that join conditions, and the symbols that they mean."""
_BARE = re.compile(r"[^\W\d_][\w-]*")
FEWEST_CORNERS, MOST_CORNERS = 3, 100
"""Corners of a lasso."""
PARTNERS_COUNT = 20
"""Partners that `partners(ID)` selects."""


@dataclass(frozen=True)
class Everything:
    """All latents. Its text is empty."""

    def __str__(self) -> str:
        return ""


class Span(NamedTuple):
    """All ids from the first to the last, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


Ids = tuple[int | Span, ...]


@dataclass(frozen=True)
class Latents:
    """The latents with the given ids."""

    ids: Ids

    def __str__(self) -> str:
        return f"latent={_joined(self.ids)}"


@dataclass(frozen=True)
class Cluster:
    """The members of any of the given clusters. Ids are unique across spaces and levels."""

    ids: Ids

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
class Between:
    """Latents whose number in a column is in a range, ends included."""

    column: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.column}={_number(self.low)}..{_number(self.high)}"


@dataclass(frozen=True)
class Search:
    """Latents whose label, explanation or top tokens contain the text, in upper or lower case."""

    text: str

    def __str__(self) -> str:
        return _quoted(self.text)


@dataclass(frozen=True)
class Pattern:
    """Latents whose label, explanation or one of whose top tokens matches a regular expression.

    Upper and lower case are equal. The syntax is that of RE2, which has no look-around and no
    back-references and therefore needs a time that is linear in the text.
    """

    text: str
    """As it is written between the slashes: a slash in it is escaped."""

    def __str__(self) -> str:
        return f"/{self.text}/"


@dataclass(frozen=True)
class InContext:
    """Latents with the text in one of their strongest contexts, in upper or lower case."""

    text: str

    def __str__(self) -> str:
        return f"context({_quoted(self.text)})"


@dataclass(frozen=True)
class Tagged:
    """Latents whose note has any of the tags."""

    tags: tuple[str, ...]

    def __str__(self) -> str:
        return "tag=" + ",".join(map(_bare_or_quoted, self.tags))


@dataclass(frozen=True)
class HasStatus:
    """Latents whose note has any of the statuses; `none` is for those without note and vote."""

    statuses: tuple[str, ...]

    def __str__(self) -> str:
        return "status=" + ",".join(self.statuses)


@dataclass(frozen=True)
class Noted:
    """Latents whose note contains the text, in upper or lower case."""

    text: str

    def __str__(self) -> str:
        return f"note~{_quoted(self.text)}"


@dataclass(frozen=True)
class InCollection:
    """The latents of any of the collections."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "collection=" + ",".join(map(_bare_or_quoted, self.names))


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
class Related:
    """A latent and those that are in a relation with it; without a latent, all in a relation."""

    latent: int | None = None
    kind: str | None = None
    """One of RELATIONS; None for any."""

    def __str__(self) -> str:
        values = (str(value) for value in (self.latent, self.kind) if value is not None)
        return f"relation({','.join(values)})"


@dataclass(frozen=True)
class Profile:
    """Latents whose main value in a column of the documents is this one.

    `labels/profiles/main_values.py` defines it. With a share: latents for which the value is
    significant and has at least this share of their active tokens.
    """

    column: str
    value: str
    share: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f",{_number(self.share)}"
        return f"profile({_word(self.column)},{_word(self.value)}{share})"


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
    | Between
    | Search
    | Pattern
    | InContext
    | Tagged
    | HasStatus
    | Noted
    | InCollection
    | Box
    | Lasso
    | Near
    | Partners
    | Related
    | Profile
    | Not
    | And
    | Or
)


def ids_of(numbers: Iterable[int]) -> Ids:
    """Ids in ascending order, with runs of three or more as spans, so that their text is short."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    ids: list[int | Span] = []
    for first, last in spans:
        if last - first >= 2:
            ids.append(Span(first, last))
        else:
            ids.extend(range(first, last + 1))
    return tuple(ids)


def _grouped(part: Selection, *kinds: type) -> str:
    """The text of a part, in parentheses if it is one of the kinds."""
    return f"({part})" if isinstance(part, kinds) else str(part)


def _bare_or_quoted(text: str) -> str:
    """A tag or the name of a collection; in quotes unless it is read back as one word."""
    return text if _BARE.fullmatch(text) and text.lower() not in WORD_OPERATORS else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _word(text: str) -> str:
    """A text as a value: in quotes unless it is one word that is read as it is written."""
    plain = re.fullmatch(r"[^\W\d]\w*(-\w+)*|\d{1,9}", text)
    return text if plain and text.lower() not in WORD_OPERATORS else _quoted(text)


def _joined(ids: Ids) -> str:
    return ",".join(map(str, ids))


def _number(value: float) -> str:
    """The shortest text that reads back as the same float."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
