"""The selection: a query over latents that reads as text, not a list of ids.

    cluster=12 & density<0.01 & "python"
    near(4122) | partners(4122,phi,20)
    box(-1.5,2,0,3.25) & !flag=dead

`parse` reads such a text, `str` writes it back in one canonical form that fits in an address bar,
and `evaluate` answers it from the tables of a bundle. The same text means the same question in
every bundle. `&` binds tighter than `|`; the words `and`, `or` and `not` are understood too, and a
bare word is a search.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES, measure_table
from analysis.runtime.errors import InputError

Mask = npt.NDArray[np.bool_]

LONGEST_TEXT = 20_000
DEEPEST_NESTING = 50
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
    "map_agreement",
    "moved",
)
MAP_COLUMNS = {"decoder": ("x", "y"), "cooccurrence": ("x_cooccurrence", "y_cooccurrence")}
"""Where the two maps have the place of a latent: those that write alike, or fire together."""
FLAGS = ("live", "dead", "ultralow", "dense")
_COMPARE: dict[str, Callable[[npt.NDArray[np.float64], float], Mask]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True)
class Everything:
    """All latents; its text is empty."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True)
class Latents:
    """The latents of the given ids."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return "latent=" + ",".join(map(str, self.ids))


@dataclass(frozen=True)
class Cluster:
    """The members of any of the given clusters, at whichever level they are."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return "cluster=" + ",".join(map(str, self.ids))


@dataclass(frozen=True)
class Community:
    """The members of any of the given communities, at whichever level they are."""

    ids: tuple[int, ...]

    def __str__(self) -> str:
        return "community=" + ",".join(map(str, self.ids))


@dataclass(frozen=True)
class Unclustered:
    """Latents that belong to no cluster of the finest level."""

    def __str__(self) -> str:
        return "cluster=none"


@dataclass(frozen=True)
class Flag:
    """Latents with any of the given flags."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return "flag=" + ",".join(self.words)


@dataclass(frozen=True)
class Compare:
    """A number of the latent table against a constant; a missing number never matches."""

    column: str
    operator: str
    value: float

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{_number(self.value)}"


@dataclass(frozen=True)
class Search:
    """Latents whose label, explanation or top tokens contain the text, whatever its case."""

    text: str

    def __str__(self) -> str:
        escaped = self.text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'


@dataclass(frozen=True)
class Box:
    """Latents inside a rectangle of a map, edges included: by decoder, or by co-occurrence."""

    x0: float
    x1: float
    y0: float
    y1: float
    layout: str = "decoder"

    def __str__(self) -> str:
        edges = ",".join(_number(v) for v in (self.x0, self.x1, self.y0, self.y1))
        return f"box({edges}{'' if self.layout == 'decoder' else f',{self.layout}'})"


@dataclass(frozen=True)
class Near:
    """A latent and its `count` nearest decoder vectors (all that are stored where None)."""

    latent: int
    count: int | None = None

    def __str__(self) -> str:
        return f"near({self.latent}{'' if self.count is None else f',{self.count}'})"


@dataclass(frozen=True)
class Partners:
    """A latent and its `count` strongest partners by a measure of co-occurrence."""

    latent: int
    measure: str = "phi"
    count: int = 20

    def __str__(self) -> str:
        return f"partners({self.latent},{self.measure},{self.count})"


@dataclass(frozen=True)
class Not:
    """Everything that the part does not select."""

    part: "Selection"

    def __str__(self) -> str:
        return f"!{_grouped(self.part, (And, Or))}"


@dataclass(frozen=True)
class And:
    """What all parts select."""

    parts: tuple["Selection", ...]

    def __str__(self) -> str:
        return " & ".join(_grouped(part, (And, Or)) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """What any part selects."""

    parts: tuple["Selection", ...]

    def __str__(self) -> str:
        return " | ".join(_grouped(part, (Or,)) for part in self.parts)


Selection = (
    Everything
    | Latents
    | Cluster
    | Community
    | Unclustered
    | Flag
    | Compare
    | Search
    | Box
    | Near
    | Partners
    | Not
    | And
    | Or
)


def _grouped(part: Selection, kinds: tuple[type, ...]) -> str:
    return f"({part})" if isinstance(part, kinds) else str(part)


def _number(value: float) -> str:
    """The shortest text that reads back as the same float."""
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def both(first: Selection, second: Selection) -> Selection:
    """The conjunction, flat, without repeats and without `Everything`."""
    parts: list[Selection] = []
    for part in (*_conjuncts(first), *_conjuncts(second)):
        if part not in parts:
            parts.append(part)
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _conjuncts(selection: Selection) -> tuple[Selection, ...]:
    if isinstance(selection, Everything):
        return ()
    return selection.parts if isinstance(selection, And) else (selection,)


def replaced(
    selection: Selection, matches: Callable[[Selection], bool], by: Selection
) -> Selection:
    """The selection with its top-level conjuncts that match dropped and `by` added.

    A new box on the map takes the place of the last one and leaves the search beside it alone.
    """
    kept = [part for part in _conjuncts(selection) if not matches(part)]
    everything: Selection = Everything()
    return reduce(both, [*kept, by], everything)


# --- reading ------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))
    | (?P<symbol><=|>=|[<>=&|!(),])
    | (?P<word>[^\s"<>=&|!(),]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def _tokens(text: str) -> Iterator[_Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise InputError(f"Selection: a quote is not closed at character {place + 1}.")
        kind = str(match.lastgroup)
        words = {"and": "&", "or": "|", "not": "!"}
        found = match.group(kind)
        if kind == "word" and found.lower() in words:
            kind, found = "symbol", words[found.lower()]
        yield _Token(kind, found, match.start(kind))
        place = match.end()


def parse(text: str) -> Selection:
    """Read a selection; an empty text selects everything.

    Raises InputError with one sentence that says where the text cannot be read.
    """
    if len(text) > LONGEST_TEXT:
        raise InputError(f"Selection: is longer than {LONGEST_TEXT:,} characters; shorten it.")
    reader = _Reader(list(_tokens(text)))
    return reader.whole() if reader.tokens else Everything()


class _Reader:
    """Recursive descent over the tokens of one selection."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def whole(self) -> Selection:
        selection = self._either()
        if self.at < len(self.tokens):
            raise self._unexpected("& or |")
        return selection

    def _either(self) -> Selection:
        parts = [self._all()]
        while self._take("|"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Selection:
        parts = [self._one()]
        while self._take("&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Selection:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise InputError(f"Selection: is nested deeper than {DEEPEST_NESTING}; simplify it.")
        try:
            if self._take("!"):
                return Not(self._one())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._atom()
        finally:
            self.depth -= 1

    def _atom(self) -> Selection:
        token = self._next("a condition")
        if token.kind == "string":
            return Search(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "symbol":
            self.at -= 1
            raise self._unexpected("a condition")
        if self._peek("(") and token.text in _FUNCTIONS:
            return self._call(token)
        if self._peek("<", "<=", ">", ">=", "="):
            return self._comparison(token)
        return Search(token.text)

    def _call(self, name: _Token) -> Selection:
        self._expect("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        self._expect(")")
        try:
            return _FUNCTIONS[name.text](values)
        except (ValueError, TypeError, IndexError) as error:
            raise InputError(
                f"Selection: {name.text}({','.join(values)}) cannot be read; write it like "
                f"{_EXAMPLES[name.text]}."
            ) from error

    def _comparison(self, name: _Token) -> Selection:
        sign = self._next("a comparison").text
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if name.text in _LISTS and sign == "=":
            return _LISTS[name.text](values)
        if name.text == "feature" and sign == "=":
            return _latents(values)
        if name.text not in NUMERIC_COLUMNS:
            known = ", ".join((*_LISTS, *NUMERIC_COLUMNS))
            raise InputError(f"Selection: {name.text} is no column to compare; there are {known}.")
        if len(values) != 1:
            raise InputError(f"Selection: {name.text}{sign} takes one number, not {len(values)}.")
        return Compare(name.text, sign, _finite(values[0], name.text))

    def _value(self) -> str:
        token = self._next("a value")
        if token.kind == "symbol":
            self.at -= 1
            raise self._unexpected("a value")
        return token.text

    def _peek(self, *symbols: str) -> bool:
        if self.at >= len(self.tokens):
            return False
        token = self.tokens[self.at]
        return token.kind == "symbol" and token.text in symbols

    def _take(self, symbol: str) -> bool:
        found = self._peek(symbol)
        self.at += found
        return found

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise self._unexpected(symbol)

    def _next(self, wanted: str) -> _Token:
        if self.at >= len(self.tokens):
            raise InputError(f"Selection: ends where {wanted} is expected.")
        self.at += 1
        return self.tokens[self.at - 1]

    def _unexpected(self, wanted: str) -> InputError:
        if self.at >= len(self.tokens):
            return InputError(f"Selection: ends where {wanted} is expected.")
        token = self.tokens[self.at]
        return InputError(
            f"Selection: {token.text[:40]} stands at character {token.place + 1}, where {wanted} "
            "is expected."
        )


def _finite(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"Selection: {name} is compared with {text[:40]}, which is no number.")
    return value


def _ids(values: list[str], name: str) -> tuple[int, ...]:
    if not all(value.isdecimal() and len(value) < 10 for value in values):
        raise InputError(f"Selection: {name}= takes numbers such as {name}=3,14.")
    return tuple(sorted({int(value) for value in values}))


def _latents(values: list[str]) -> Selection:
    return Latents(_ids(values, "latent"))


def _clusters(values: list[str]) -> Selection:
    return Unclustered() if values == ["none"] else Cluster(_ids(values, "cluster"))


def _communities(values: list[str]) -> Selection:
    return Community(_ids(values, "community"))


def _flags(values: list[str]) -> Selection:
    if unknown := [value for value in values if value not in FLAGS]:
        raise InputError(f"Selection: {unknown[0][:40]} is no flag; there are {', '.join(FLAGS)}.")
    return Flag(tuple(sorted(set(values))))


def _box(values: list[str]) -> Selection:
    x0, x1, y0, y1 = (_finite(value, "box") for value in values[:4])
    layout = values[4] if len(values) > 4 else "decoder"
    if len(values) > 5 or layout not in MAP_COLUMNS:
        raise ValueError(f"a box takes four numbers, and one of {', '.join(MAP_COLUMNS)}")
    return Box(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1), layout)


def _near(values: list[str]) -> Selection:
    latent, *count = (int(value) for value in values)
    return Near(latent, *count)


def _partners(values: list[str]) -> Selection:
    measure = values[1] if len(values) > 1 else "phi"
    if measure not in MEASURES:
        raise InputError(
            f"Selection: {measure[:40]} is no measure; there are {', '.join(MEASURES)}."
        )
    return Partners(int(values[0]), measure, *(int(value) for value in values[2:]))


_LISTS: dict[str, Callable[[list[str]], Selection]] = {
    "latent": _latents,
    "cluster": _clusters,
    "community": _communities,
    "flag": _flags,
}
_FUNCTIONS: dict[str, Callable[[list[str]], Selection]] = {
    "box": _box,
    "near": _near,
    "partners": _partners,
}
_EXAMPLES = {"box": "box(-1,2,0,3)", "near": "near(4122,10)", "partners": "partners(4122,phi,20)"}


# --- answering ----------------------------------------------------------------------------------


def evaluate(selection: Selection, bundle: Bundle) -> Mask:
    """Which latents of the bundle are selected: a mask [n_latents].

    Ids that the bundle does not have select nothing.
    """
    match selection:
        case Everything():
            return np.ones(bundle.latents.num_rows, dtype=bool)
        case And(parts):
            return reduce(np.logical_and, (evaluate(part, bundle) for part in parts))
        case Or(parts):
            return reduce(np.logical_or, (evaluate(part, bundle) for part in parts))
        case Not(part):
            return ~evaluate(part, bundle)
        case Latents() | Cluster() | Community() | Near() | Partners():
            return _mask_of(bundle, _selected_ids(selection, bundle))
        case _:
            return _matching(selection, bundle)


def _matching(selection: Compare | Box | Search | Flag | Unclustered, bundle: Bundle) -> Mask:
    """The latents whose own row of the latent table answers the condition."""
    match selection:
        case Compare(column, sign, value):
            return _COMPARE[sign](_numbers(bundle, column), value)
        case Box(x0, x1, y0, y1, layout):
            x, y = (_numbers(bundle, axis) for axis in MAP_COLUMNS[layout])
            return (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        case Search(text):
            return _search(bundle, text)
        case Flag(words):
            return np.asarray(pc.is_in(_plain(bundle.latents["flag"]), pa.array(words)))
        case Unclustered():
            return np.asarray(pc.is_null(bundle.latents["cluster"]))


def _selected_ids(
    selection: Latents | Cluster | Community | Near | Partners, bundle: Bundle
) -> npt.NDArray[np.int64]:
    """The ids that a condition names or looks up in another table."""
    match selection:
        case Latents(ids):
            return np.array(ids, dtype=np.int64)
        case Cluster(ids):
            rows = bundle.memberships
            found = rows.filter(pc.is_in(rows["cluster"], pa.array(ids, pa.int32())))
            return found["latent"].to_numpy().astype(np.int64)
        case Community(ids):
            rows = bundle.communities
            found = rows.filter(pc.is_in(rows["community"], pa.array(ids, pa.int32())))
            return found["latent"].to_numpy().astype(np.int64)
        case Near(latent, count):
            rows = bundle.neighbours.of(_existing(bundle, latent)).slice(0, count)
            return np.append(rows["neighbour"].to_numpy(), _existing(bundle, latent))
        case Partners(latent, measure, count):
            rows = bundle.partners.of(_existing(bundle, latent))
            values = measure_table(rows, bundle.latents, bundle.manifest.tokens, [measure])
            best = values.sort_by([(measure, "descending"), ("partner", "ascending")])
            return np.append(best["partner"].to_numpy()[:count], _existing(bundle, latent))


def _existing(bundle: Bundle, latent: int) -> npt.NDArray[np.int64]:
    """The id in an array, which is empty when the bundle has no such latent."""
    return np.array([latent] if 0 <= latent < bundle.latents.num_rows else [], dtype=np.int64)


def _mask_of(bundle: Bundle, ids: npt.NDArray[np.int64]) -> Mask:
    mask = np.zeros(bundle.latents.num_rows, dtype=bool)
    mask[ids[(ids >= 0) & (ids < len(mask))]] = True
    return mask


def _numbers(bundle: Bundle, column: str) -> npt.NDArray[np.float64]:
    """A numeric column as float64, NaN where it is missing: NaN matches no comparison."""
    values: npt.NDArray[np.float64] = (
        bundle.latents[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
    )
    return values


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _search(bundle: Bundle, text: str) -> Mask:
    mask: Mask = np.zeros(bundle.latents.num_rows, dtype=bool)
    for column in ("label", "explanation"):
        mask |= np.asarray(pc.match_substring(bundle.latents[column], text, ignore_case=True))
    words = bundle.top_words
    hits = np.asarray(pc.match_substring(words.words, text, ignore_case=True))
    mask[words.latents[hits[words.codes]]] = True
    return mask
