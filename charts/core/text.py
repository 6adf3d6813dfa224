"""Prepare text of tokens, labels and titles for display in charts."""

import functools
import re
import unicodedata

from analysis.runtime import numbers

LONGEST_TOKEN = 40
LONGEST_LABEL = 34
KEPT_TOKENS = 32_768
"""Tokens whose text is kept: every chart of tokens shows many of them again; about 10 MB."""
NO_BREAK_SPACE = "\u00a0"

_BIDI = {
    "\u200e": "LRM", "\u200f": "RLM", "\u061c": "ALM", "\u202a": "LRE", "\u202b": "RLE",
    "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI",
    "\u2068": "FSI", "\u2069": "PDI",
}  # fmt: skip
_MARKS = {"\n": "↵", "\r": "↵", "\t": "→", "\u2028": "↵", "\u2029": "↵", "\0": ""}


_COMBINING = ("Mn", "Me")
_NAMED = re.compile(r"^(?:\+ )?(\d+)", re.MULTILINE)
"""The id at the start of a name of a latent."""
_NAMED_CLUSTER = re.compile(r"^cluster (\d+)$| \((\d+)\)$")
"""The id in a name of a cluster."""
_HIGH = re.compile("[\u0300-\U0010ffff]")
"""Characters that can be combining marks; there are none below."""


def _is_combining(char: str) -> bool:
    return unicodedata.category(char) in _COMBINING


def visible(text: str) -> str:
    """Replace every control and direction character by a visible mark.

    Newlines become ↵ and tabs →. Direction overrides become their names in angle quotes, such as
    ‹RLO›, and other control characters become ·. NUL is removed. Combining marks after the third on
    one character are removed, because they would cover neighbouring text.
    """
    if text.isprintable() and not any(map(_is_combining, _HIGH.findall(text))):
        return text
    out: list[str] = []
    combining = 0
    for char in text:
        category = unicodedata.category(char)
        combining = combining + 1 if category in _COMBINING else 0
        if char in _MARKS:
            out.append(_MARKS[char])
        elif char in _BIDI:
            out.append(f"‹{_BIDI[char]}›")
        elif category in ("Cc", "Cs", "Co", "Cn"):
            out.append("·")
        elif combining <= 3:
            out.append(char)
    return "".join(out)


def cut(text: str, longest: int) -> str:
    """Cut the text to at most `longest` characters; a cut text ends in …."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


@functools.lru_cache(maxsize=KEPT_TOKENS)
def shown_token(token: str) -> str:
    """A token for a chart: visible, cut to 40 characters.

    Spaces become no-break spaces. A token of only spaces becomes ␣, an empty token ∅.
    """
    short = cut(visible(token[: 4 * LONGEST_TOKEN]), LONGEST_TOKEN)
    if not short.strip(" "):
        return "␣" * len(short) or "∅"
    return short.replace(" ", NO_BREAK_SPACE)


def shown_label(text: str | None, longest: int = LONGEST_LABEL) -> str:
    """A label or a title for a chart: visible, one line, cut."""
    return cut(visible((text or "")[: 4 * longest]).strip(), longest)


def slug(text: str) -> str:
    """A text as a part of the name of a file: small letters and digits of ASCII, joined by "-"."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def range_words(regime: tuple[float, float]) -> str:
    """A range of activation, such as "2.5 to 7"."""
    return f"{numbers.short(regime[0])} to {numbers.short(regime[1])}"


def name_of(latent: int, label: str | None, longest: int = LONGEST_LABEL) -> str:
    """The name of a latent in a chart: its id, followed by its label if it has one."""
    short = shown_label(label, longest)
    return f"{latent} · {short}" if short else str(latent)


def latents_named(name: str) -> list[int]:
    """The ids in a text of names of latents (`name_of`), one on each line, also after a plus."""
    return [int(match[1]) for match in _NAMED.finditer(name)]


def name_of_cluster(cluster: int, label: str | None, longest: int = LONGEST_LABEL) -> str:
    """How a cluster is called in a chart: its label, or its id where it has none."""
    return shown_label(label, longest) or f"cluster {cluster}"


def unique_name_of_cluster(cluster: int, label: str | None, longest: int = LONGEST_LABEL) -> str:
    """How a cluster is called where no two may have the same name: its label and its id."""
    short = shown_label(label, longest)
    return f"{short} ({cluster})" if short else f"cluster {cluster}"


def clusters_named(name: str) -> list[int]:
    """The id in a name of a cluster (`unique_name_of_cluster`); none if it has none."""
    match = _NAMED_CLUSTER.search(name)
    return [int(match[1] or match[2])] if match else []


def cells(text: str) -> int:
    """Width of a text in columns of a fixed-width font: wide characters 2, combining marks 0."""
    if text.isascii() or text.replace(NO_BREAK_SPACE, "").isascii():  # as most tokens are
        return len(text)
    return sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
