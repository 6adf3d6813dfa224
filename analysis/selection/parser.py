"""Parse the text of a selection by recursive descent.

    either     = all { "|" all }
    all        = one { "&" one }
    one        = "!" one | "(" either ")" | condition
    condition  = STRING | WORD | name "(" value { "," value } ")" | column SIGN value { "," value }

The words `and`, `or` and `not` mean `&`, `|` and `!`.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.bundle import SPACES
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from analysis.latents.flags import FLAGS
from analysis.runtime.errors import InputError
from analysis.selection.grammar import (
    FEWEST_CORNERS,
    MAP_COLUMNS,
    MOST_CORNERS,
    NUMERIC_COLUMNS,
    And,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    Lasso,
    Latents,
    Near,
    Not,
    Or,
    Partners,
    Search,
    Selection,
    Unclustered,
)

LONGEST_TEXT = 20_000
"""Characters."""
DEEPEST_NESTING = 50
_LONGEST_QUOTED = 40
"""Characters of the input that an error message repeats."""
MOST_CONDITIONS = 100
"""Each can take milliseconds to evaluate."""
LARGEST_NUMBER = 999_999_999
"""The largest id and the largest count. Both fit in int32, the type of ids in a bundle."""
_MOST_DIGITS = len(str(LARGEST_NUMBER))
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))
    | (?P<symbol><=|>=|[<>=&|!(),])
    | (?P<word>[^\s"<>=&|!(),]+)
    )""",
    re.VERBOSE,
)
_WORD_OPERATORS = {"and": "&", "or": "|", "not": "!"}


def parse(text: str) -> Selection:
    """Read a selection; an empty text selects everything.

    Raises InputError with one sentence that gives the character at which reading failed.
    """
    if len(text) > LONGEST_TEXT:
        raise InputError(
            f"Selection: the text has {len(text):,} characters, but at most {LONGEST_TEXT:,} are "
            "allowed; shorten it."
        )
    reader = _Reader(list(_tokens(text)))
    return reader.whole() if reader.tokens else Everything()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int
    """Index of its first character in the text."""


def _tokens(text: str) -> Iterator[_Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise InputError(f"Selection: a quote is not closed at character {place + 1}.")
        kind = str(match.lastgroup)
        content = match.group(kind)
        if kind == "word" and content.lower() in _WORD_OPERATORS:
            kind, content = "symbol", _WORD_OPERATORS[content.lower()]
        yield _Token(kind, content, match.start(kind))
        place = match.end()


class _Reader:
    """The tokens of one selection and the position that has been read."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.conditions = 0

    def whole(self) -> Selection:
        selection = self._either()
        if self.position < len(self.tokens):
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
            raise InputError(
                f"Selection: parentheses and negations are nested deeper than {DEEPEST_NESTING}; "
                "simplify it."
            )
        try:
            if self._take("!"):
                return Not(self._one())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._condition()
        finally:
            self.depth -= 1

    def _condition(self) -> Selection:
        token = self._next("a condition")
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise InputError(
                f"Selection: the text has more than {MOST_CONDITIONS} conditions; simplify it, or "
                "list ids as in latent=3,14."
            )
        if token.kind == "string":
            return Search(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "symbol":
            self.position -= 1
            raise self._unexpected("a condition")
        if self._is_next("(") and token.text in _FUNCTIONS:
            return self._call(token)
        if self._is_next("<", "<=", ">", ">=", "="):
            return self._comparison(token)
        return Search(token.text)

    def _call(self, name: _Token) -> Selection:
        self._expect("(")
        values = self._values()
        self._expect(")")
        try:
            return _FUNCTIONS[name.text](values)
        except InputError:
            raise
        except (ValueError, TypeError, IndexError) as error:
            call = f"{name.text}({','.join(values)})"
            raise InputError(
                f"Selection: {_quoted(call)} cannot be read; write it like {_EXAMPLES[name.text]}."
            ) from error

    def _comparison(self, name: _Token) -> Selection:
        sign = self._next("a comparison").text
        values = self._values()
        if name.text in _LISTS and sign == "=":
            return _LISTS[name.text](values)
        if name.text == "feature" and sign == "=":
            return _latents(values)
        if name.text == "community":
            raise InputError(
                "Selection: community= is of an earlier version; latents that fire together are "
                "now clusters of the space cooccurrence, so choose one on the page Clusters."
            )
        if name.text not in NUMERIC_COLUMNS:
            known = ", ".join((*_LISTS, *NUMERIC_COLUMNS))
            raise InputError(
                f"Selection: there is no column {_quoted(name.text)} to compare; choose one of "
                f"{known}."
            )
        if len(values) != 1:
            raise InputError(f"Selection: {name.text}{sign} takes one number, not {len(values)}.")
        return Compare(name.text, sign, _finite(values[0], name.text))

    def _values(self) -> list[str]:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        return values

    def _value(self) -> str:
        token = self._next("a value")
        if token.kind == "symbol":
            self.position -= 1
            raise self._unexpected("a value")
        return token.text

    def _is_next(self, *symbols: str) -> bool:
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        return token.kind == "symbol" and token.text in symbols

    def _take(self, symbol: str) -> bool:
        is_next = self._is_next(symbol)
        self.position += is_next
        return is_next

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise self._unexpected(symbol)

    def _next(self, expected: str) -> _Token:
        if self.position >= len(self.tokens):
            raise self._unexpected(expected)
        self.position += 1
        return self.tokens[self.position - 1]

    def _unexpected(self, expected: str) -> InputError:
        if self.position >= len(self.tokens):
            return InputError(f"Selection: the text ends where {expected} is expected.")
        token = self.tokens[self.position]
        return InputError(
            f"Selection: expected {expected} at character {token.place + 1}, got "
            f"{_quoted(token.text)}."
        )


def _quoted(text: str) -> str:
    """The start of a piece of the input, for an error message."""
    return text[:_LONGEST_QUOTED]


def _finite(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"Selection: {name} takes a finite number, not {_quoted(text)}.")
    return value


def _ids(values: list[str], name: str) -> tuple[int, ...]:
    return tuple(sorted({_whole(value, f"an id in {name}=", f"{name}=3,14") for value in values}))


def _whole(text: str, name: str, example: str, least: int = 0) -> int:
    """A whole number from `least` to LARGEST_NUMBER: an id, or with `least` 1 a count."""
    # The length is checked first, because int() refuses a text of thousands of digits.
    is_whole = text.isdecimal() and len(text) <= _MOST_DIGITS
    if not is_whole or not least <= int(text) <= LARGEST_NUMBER:
        raise InputError(
            f"Selection: {name} must be a whole number from {least} to {LARGEST_NUMBER:,}, "
            f"not {_quoted(text)}; write it like {example}."
        )
    return int(text)


def _latents(values: list[str]) -> Selection:
    return Latents(_ids(values, "latent"))


def _clusters(values: list[str]) -> Selection:
    if values[0] != "none":
        return Cluster(_ids(values, "cluster"))
    spaces = [space for space in SPACES if values[1:] == [space]]
    if values[1:] and not spaces:
        condition = _quoted(f"cluster={','.join(values)}")
        raise InputError(
            f"Selection: {condition} cannot be read; write "
            f"cluster=none, or cluster=none with one of {', '.join(SPACES)}, such as "
            f"cluster=none,{SPACES[0]}."
        )
    return Unclustered(*spaces)


def _flags(values: list[str]) -> Selection:
    if unknown := [value for value in values if value not in FLAGS]:
        raise InputError(
            f"Selection: there is no flag {_quoted(unknown[0])}; choose one of {', '.join(FLAGS)}."
        )
    return Flag(tuple(sorted(set(values))))


def _box(values: list[str]) -> Selection:
    x0, x1, y0, y1 = (_finite(value, "box") for value in values[:4])
    on_map = _map_name(*values[4:])
    return Box(min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1), on_map)


def _lasso(values: list[str]) -> Selection:
    on_map = _map_name(values.pop()) if values[-1] in MAP_COLUMNS else _map_name()
    numbers = [_finite(value, "lasso") for value in values]
    corners = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or not FEWEST_CORNERS <= len(corners) <= MOST_CORNERS:
        raise InputError(
            f"Selection: lasso() takes the x and y of {FEWEST_CORNERS} to {MOST_CORNERS} corners, "
            f"not {len(numbers)} numbers; write it like {_EXAMPLES['lasso']}."
        )
    return Lasso(corners, on_map)


def _map_name(name: str = "decoder") -> MapName:
    for known in MAP_COLUMNS:
        if name == known:
            return known
    raise ValueError(name)


def _near(values: list[str]) -> Selection:
    latent, *count = values
    return Near(_id_in("near", latent), *(_count_in("near", value) for value in count))


def _id_in(function: str, text: str) -> int:
    return _whole(text, f"the id in {function}()", _EXAMPLES[function])


def _count_in(function: str, text: str) -> int:
    return _whole(text, f"the count in {function}()", _EXAMPLES[function], least=1)


def _partners(values: list[str]) -> Selection:
    latent, *rest = values
    measure, *count = rest or ["phi"]
    if measure not in MEASURES:
        raise InputError(
            f"Selection: there is no measure {_quoted(measure)}; choose one of "
            f"{', '.join(MEASURES)}."
        )
    return Partners(
        _id_in("partners", latent), measure, *(_count_in("partners", value) for value in count)
    )


_LISTS: dict[str, Callable[[list[str]], Selection]] = {
    "latent": _latents,
    "cluster": _clusters,
    "flag": _flags,
}
_FUNCTIONS: dict[str, Callable[[list[str]], Selection]] = {
    "box": _box,
    "lasso": _lasso,
    "near": _near,
    "partners": _partners,
}
_EXAMPLES = {
    "box": "box(-1,2,0,3)",
    "lasso": "lasso(0,0,2,0,1,3)",
    "near": "near(4122,10)",
    "partners": "partners(4122,phi,20)",
}
