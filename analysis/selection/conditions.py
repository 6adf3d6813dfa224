"""From the values in a condition to its type, or to one sentence that says what is wrong."""

import math
import re
from collections.abc import Callable
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import SPACES
from analysis.cooccurrence.association import MEASURES
from analysis.decoder.map_verdict import MapName
from analysis.latents.flags import FLAGS
from analysis.notes.note_content import STATUSES, clean_tags, cleaned
from analysis.runtime.errors import InputError
from analysis.selection.grammar import (
    FEWEST_CORNERS,
    MAP_COLUMNS,
    MOST_CORNERS,
    NUMERIC_COLUMNS,
    RELATIONS,
    Between,
    Box,
    Cluster,
    Compare,
    Flag,
    HasStatus,
    Ids,
    InCollection,
    InContext,
    Lasso,
    Latents,
    Near,
    Noted,
    Partners,
    Pattern,
    Profile,
    Related,
    Selection,
    Span,
    Tagged,
    Unclustered,
)

LARGEST_NUMBER = 999_999_999
"""The largest id and the largest count. Both fit in int32, the type of ids in a bundle."""
LONGEST_PATTERN = 200
"""Characters."""
_MOST_DIGITS = len(str(LARGEST_NUMBER))
_LONGEST_QUOTED = 40
"""Characters of the input that an error message repeats."""


def quoted(text: str) -> str:
    """The start of a piece of the input, for an error message."""
    return text[:_LONGEST_QUOTED]


def unescaped(string: str) -> str:
    """The text of a string with its quotes."""
    return re.sub(r"\\(.)", r"\1", string[1:-1], flags=re.DOTALL)


def pattern(text: str, place: int) -> Selection:
    """A regular expression as it is written, with its slashes, at an index of the selection."""
    inner = text[1:-1]
    if len(inner) > LONGEST_PATTERN:
        raise InputError(
            f"Selection: the regular expression at character {place + 1} has {len(inner)} "
            f"characters, but at most {LONGEST_PATTERN} are allowed; shorten it."
        )
    try:
        pc.match_substring_regex(pa.array([""]), inner, ignore_case=True)
    except pa.ArrowInvalid as error:
        reason = str(error).partition(": ")[2] or str(error)
        raise InputError(
            f"Selection: the regular expression at character {place + 1} cannot be read "
            f"({reason}); correct it, or put the text in quotes to search for it as it is."
        ) from error
    return Pattern(inner)


def comparison(name: str, sign: str, values: list[str]) -> Selection:
    """A column, a sign and what is compared with it."""
    if name in LISTS and sign == "=":
        return LISTS[name](values)
    if sign == "~":
        return _noted(values)
    if name == "feature" and sign == "=":
        return _latents(values)
    if name == "community":
        raise InputError(
            "Selection: community= is of an earlier version; latents that fire together are "
            "now clusters of the space cooccurrence, so choose one on the page Clusters."
        )
    if name not in (*NUMERIC_COLUMNS, "latent"):
        raise _no_column(name)
    if len(values) != 1:
        raise InputError(
            f"Selection: {name}{sign} takes one number, not {len(values)}; for a range write it "
            f"like {name}=1..2."
        )
    low, between, high = values[0].partition("..")
    if between and sign == "=":
        ends = sorted((_finite(low, name), _finite(high, name)))
        return Between(name, *ends)
    return Compare(name, sign, _finite(values[0], name))


def _no_column(name: str) -> InputError:
    known = (*LISTS, *NUMERIC_COLUMNS)
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]}? Otherwise choose" if close else "choose"
    return InputError(
        f"Selection: there is no column {quoted(name)} to compare; {meant} one of "
        f"{', '.join(known)}."
    )


def no_function(name: str, place: int) -> InputError:
    """The error for parentheses directly after a word that is no function."""
    close = get_close_matches(name, FUNCTIONS, n=1) or list(FUNCTIONS)
    return InputError(
        f"Selection: there is no function {quoted(name)}() at character {place + 1}; write "
        f"{' or '.join(EXAMPLES[one] for one in close)}, or put the text in quotes."
    )


def _finite(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"Selection: {name} takes a finite number, not {quoted(text)}.")
    return value


def _ids(values: list[str], name: str) -> Ids:
    """Ids and spans of ids, in ascending order and without repeats; a span of one id is the id."""
    what, example = f"an id in {name}=", f"{name}=3,14 or {name}=20..30"
    ids: set[int | Span] = set()
    for value in values:
        first, between, last = value.partition("..")
        ends = [_whole(end, what, example) for end in (first, *([last] if between else []))]
        ids.add(Span(min(ends), max(ends)) if min(ends) < max(ends) else ends[0])
    return tuple(sorted(ids, key=lambda one: one if isinstance(one, Span) else (one, one)))


def _whole(text: str, name: str, example: str, least: int = 0) -> int:
    """A whole number from `least` to LARGEST_NUMBER: an id, or with `least` 1 a count."""
    # The length is checked first, because int() refuses a text of thousands of digits.
    is_whole = text.isdecimal() and len(text) <= _MOST_DIGITS
    if not is_whole or not least <= int(text) <= LARGEST_NUMBER:
        raise InputError(
            f"Selection: {name} must be a whole number from {least} to {LARGEST_NUMBER:,}, "
            f"not {quoted(text)}; write it like {example}."
        )
    return int(text)


def _latents(values: list[str]) -> Selection:
    return Latents(_ids(values, "latent"))


def _clusters(values: list[str]) -> Selection:
    if values[0] != "none":
        return Cluster(_ids(values, "cluster"))
    spaces = [space for space in SPACES if values[1:] == [space]]
    if values[1:] and not spaces:
        condition = quoted(f"cluster={','.join(values)}")
        raise InputError(
            f"Selection: {condition} cannot be read; write "
            f"cluster=none, or cluster=none with one of {', '.join(SPACES)}, such as "
            f"cluster=none,{SPACES[0]}."
        )
    return Unclustered(*spaces)


def _flags(values: list[str]) -> Selection:
    if unknown := [value for value in values if value not in FLAGS]:
        raise InputError(
            f"Selection: there is no flag {quoted(unknown[0])}; choose one of {', '.join(FLAGS)}."
        )
    return Flag(tuple(sorted(set(values))))


def _tags(values: list[str]) -> Selection:
    try:
        tags = clean_tags(_text(value) for value in values)
    except InputError as error:
        raise InputError(f"Selection: in tag=, {error}") from error
    if not tags:
        raise InputError("Selection: tag= takes tags, such as tag=polysemantic,days.")
    return Tagged(tags)


def _statuses(values: list[str]) -> Selection:
    known = (*STATUSES, "none")
    if unknown := [value for value in values if value not in known]:
        raise InputError(
            f"Selection: there is no status {quoted(unknown[0])}; choose one of {', '.join(known)}."
        )
    return HasStatus(tuple(sorted(set(values))))


def _collections(values: list[str]) -> Selection:
    names = {" ".join(cleaned(_text(value)).split()) for value in values} - {""}
    if not names:
        raise InputError(
            'Selection: collection= takes the name of a collection, such as collection="my list".'
        )
    return InCollection(tuple(sorted(names)))


def _noted(values: list[str]) -> Selection:
    if len(values) != 1:
        raise InputError(
            f'Selection: note~ takes one text, not {len(values)}; write it like note~"New York".'
        )
    return Noted(_text(values[0]))


def _text(value: str) -> str:
    """A value that may be a string in quotes."""
    return unescaped(value) if value.startswith('"') else value


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
            f"not {len(numbers)} numbers; write it like {EXAMPLES['lasso']}."
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
    return _whole(text, f"the id in {function}()", EXAMPLES[function])


def _count_in(function: str, text: str) -> int:
    return _whole(text, f"the count in {function}()", EXAMPLES[function], least=1)


def _partners(values: list[str]) -> Selection:
    latent, *rest = values
    measure, *count = rest or ["phi"]
    if measure not in MEASURES:
        raise InputError(
            f"Selection: there is no measure {quoted(measure)}; choose one of "
            f"{', '.join(MEASURES)}."
        )
    return Partners(
        _id_in("partners", latent), measure, *(_count_in("partners", value) for value in count)
    )


def _related(values: list[str]) -> Selection:
    latent = _id_in("relation", values.pop(0)) if values[0] not in RELATIONS else None
    if values and values[0] not in RELATIONS:
        raise InputError(
            f"Selection: there is no relation {quoted(values[0])}; choose one of "
            f"{', '.join(RELATIONS)}."
        )
    if len(values) > 1:
        raise ValueError(values)
    return Related(latent, *values)


def _in_context(values: list[str]) -> Selection:
    (value,) = values
    return InContext(_text(value))


def _profile(values: list[str]) -> Selection:
    column, value, *least = map(_text, values)
    if not least:
        return Profile(column, value)
    (share,) = (_finite(one, "profile") for one in least)
    if not 0 <= share <= 1:
        raise InputError(
            f"Selection: the share in profile() is from 0 to 1, not {quoted(least[0])}; write it "
            f"like {EXAMPLES['profile']}."
        )
    return Profile(column, value, share)


LISTS: dict[str, Callable[[list[str]], Selection]] = {
    "latent": _latents,
    "cluster": _clusters,
    "flag": _flags,
    "tag": _tags,
    "status": _statuses,
    "collection": _collections,
}
"""Conditions that list ids or words after `=`."""
FUNCTIONS: dict[str, Callable[[list[str]], Selection]] = {
    "box": _box,
    "lasso": _lasso,
    "near": _near,
    "partners": _partners,
    "relation": _related,
    "context": _in_context,
    "profile": _profile,
}
EXAMPLES = {
    "box": "box(-1,2,0,3)",
    "lasso": "lasso(0,0,2,0,1,3)",
    "near": "near(4122,10)",
    "partners": "partners(4122,phi,20)",
    "relation": "relation(4122,implication)",
    "context": 'context("New York")',
    "profile": "profile(language,fr,0.5)",
}
