"""Whether a token of a passage is one that a label is about.

The label of a latent and the name of a cluster are stored as text, so they are read back into their
terms. The terms of the token are made from its passage alone, as `terms.py` makes them for a whole
corpus; a word of a script without spaces that only a lexicon joins is not known here. A token is
one of a cluster's name if it has a form of one of its terms (`word_forms.py`), as in
`cluster_names.py`. It loads no compiled code, so that a first page can use it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from analysis.labels import SEPARATOR
from analysis.labels.cut_characters import decoded, has_bytes, whole_characters
from analysis.labels.descriptions import (
    ACCENTED,
    GROUPS,
    SINGLE,
    WITH,
    Kind,
    before_kind,
    piece_kind,
    word_kind,
)
from analysis.labels.surfaces import NOT_JOINED, joint, surface
from analysis.labels.word_forms import is_form

Term = tuple[Kind, str]
_REPEATED = re.compile(r" \(\d+\)$")
_EXAMPLES = re.compile(r" \([^()]*\)$")
_LISTED = re.compile(r", | or | and ")
_QUOTED = re.compile("“(.*?)”")


@dataclass(frozen=True)
class _PassageTerms:
    """The terms of one token of a passage, as they are shown; empty if it has none of that kind."""

    word: str
    piece: str
    before: str
    phrases: tuple[str, ...]


def label_is_about(label: str, tokens: Sequence[str], peak: int) -> bool:
    """Whether the token at `peak` of a passage has a term of the label of a latent."""
    own = _terms_at(tokens, peak)
    shown = {text.casefold() for text in (own.word, own.piece, *own.phrases) if text}
    if own.before:
        shown.add(f"{own.before} →".casefold())
    return any(part.casefold() in shown for part in label.split(SEPARATOR) if part)


def name_is_about(name: str, tokens: Sequence[str], peak: int) -> bool:
    """Whether the token at `peak` of a passage has a form of a term of the name of a cluster."""
    own = _terms_at(tokens, peak)
    present: list[Term] = [word_kind(text) for text in (own.word, *own.phrases) if text]
    present += [piece_kind(own.piece)] if own.piece else []
    present += [before_kind(own.before)] if own.before else []
    folded = [(kind, text.casefold()) for kind, text in present]
    # A phrase, and a word that comes before, has no other forms than itself.
    return any(of in folded or any(is_form(*one, *of) for one in folded) for of in _known(name))


def stands_alone(tokens: Sequence[str], peak: int) -> bool:
    """Whether the token at `peak` of a passage is no part of a longer word or number."""
    units, at = _units_at(tokens, peak)
    first, last = _word_around(units, at)
    following = units[at + 1][:1] if at + 1 < len(units) else ""
    return first == last and not following.isalnum()


@lru_cache(maxsize=4_096)
def _known(name: str) -> tuple[Term, ...]:
    """The case-folded terms of a name, which is compared with one passage after another."""
    return tuple((kind, text.casefold()) for kind, text in terms_of_name(name))


def terms_of_name(name: str) -> list[Term]:
    """The terms of the name of a cluster that `name_text` has written, with their kinds."""
    text = _REPEATED.sub("", name).removeprefix("mixed: ").removesuffix(" + others")
    return [term for part in text.split(SEPARATOR) if part for term in _terms_of_part(part)]


def _terms_of_part(part: str) -> list[Term]:
    bare = _EXAMPLES.sub("", part)
    if bare in (ACCENTED, SINGLE):
        return [(Kind.LETTERS, bare)]
    if part.startswith("words with "):
        return [_piece_term(text) for text in _LISTED.split(bare.removeprefix("words with "))]
    if part.startswith("text after "):
        rest = part.removeprefix("text after ")
        signs = [text for text in _LISTED.split(_QUOTED.sub("", rest)) if text.strip()]
        words = [(Kind.AFTER, text) for text in _QUOTED.findall(rest)]
        return [*words, *((Kind.AFTER_GROUP, text) for text in signs)]
    return _signs(part) or [word_kind(part)]


def _signs(part: str) -> list[Term]:
    """The signs or letters that a part names; none if it is a word or a phrase."""
    if part.startswith(("the sign ", "the signs ")):
        return [(Kind.SIGN, text) for text in _QUOTED.findall(part)]
    letters = re.match(r"the (?:capital )?letters? (.*)", part)
    if letters:
        return [(Kind.LETTER, text) for text in _LISTED.split(letters[1])]
    sign = part.removesuffix(" and the text after them")
    if all(text in GROUPS for text in sign.split(WITH)):
        both = [(Kind.GROUP, sign)]
        return both if sign == part else [*both, (Kind.AFTER_GROUP, sign)]
    return []


def _piece_term(text: str) -> Term:
    if text.startswith("-") and text.endswith("-") and len(text) > 2:
        return Kind.MIDDLE, text[1:-1]
    return (Kind.ENDING, text[1:]) if text.startswith("-") else (Kind.BEGINNING, text[:-1])


def _terms_at(tokens: Sequence[str], peak: int) -> _PassageTerms:
    units, at = _units_at(tokens, peak)
    first, last = _word_around(units, at)
    word, piece = surface("".join(units[first : last + 1])), ""
    if first < last:
        piece = "…" * (at > first) + surface(units[at]) + "…" * (at < last)
    before = _word_text(units, first - 1)
    after = _word_text(units, last + 1)
    phrases = (f"{before} {word}" if before else "", f"{word} {after}" if after else "")
    return _PassageTerms(word, piece, before, phrases)


def _units_at(tokens: Sequence[str], peak: int) -> tuple[Sequence[str], int]:
    """The tokens of a passage as text, those that cut a character joined, and the place of the one
    that contains the token at `peak`."""
    if not has_bytes(tokens):
        return tokens, peak
    runs = whole_characters(tokens)
    at = next(i for i, (_, stop) in enumerate(runs) if peak < stop)
    return [decoded("".join(tokens[start:stop])) for start, stop in runs], at


def _word_text(units: Sequence[str], at: int) -> str:
    """The word that contains a unit; empty outside of the passage."""
    if not 0 <= at < len(units):
        return ""
    first, last = _word_around(units, at)
    return surface("".join(units[first : last + 1]))


def _word_around(units: Sequence[str], at: int) -> tuple[int, int]:
    """The first and the last unit of the word that contains a unit."""
    first = last = at
    if not any(unit.startswith(" ") for unit in units):
        return first, last  # the tokens of a vocabulary without spaces are words
    while first > 0 and _are_joined(units[first - 1], units[first]):
        first -= 1
    while last < len(units) - 1 and _are_joined(units[last], units[last + 1]):
        last += 1
    return first, last


def _are_joined(left: str, right: str) -> bool:
    if not left or not right:
        return False
    edge = joint(right[0])
    return edge != NOT_JOINED and edge == joint(left[-1])
