"""What a note holds: a name, tags, text and a status, cleaned and within limits.

Text is stored as it was typed, and shown as text. Only what no reader can see and a database may
refuse is removed: control characters and halves of surrogate pairs.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from analysis.runtime.errors import InputError

Status = Literal["open", "checked", "unclear"]
"""open: noted, but not finished; checked: what the note states was confirmed; unclear: looked at
without a result."""
STATUSES: tuple[Status, ...] = get_args(Status)
LONGEST_NAME = 200
"""Characters."""
LONGEST_TEXT = 10_000
"""Characters."""
LONGEST_TAG = 50
"""Characters."""
MOST_TAGS = 20
_TAG = re.compile(r"[^\W_][\w.:/+-]*")
_KEPT_CONTROLS = "\n\t"


@dataclass(frozen=True)
class NoteContent:
    """What an editor can change. The empty content is that of a thing without a note."""

    name: str = ""
    tags: tuple[str, ...] = ()
    """Lower case, in alphabetical order, without repeats."""
    text: str = ""
    status: Status = "open"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        return self == NoteContent()


def note_content(
    name: str = "", tags: Iterable[str] = (), text: str = "", status: str = "open"
) -> NoteContent:
    """Content from what an editor typed.

    Raises InputError if the status is unknown, a part is too long or no tag, or tags are too many.
    """
    known = next((one for one in STATUSES if one == status), None)
    if known is None:
        raise InputError(
            f"The status {status[:LONGEST_TAG]!r} is unknown; choose one of {', '.join(STATUSES)}."
        )
    words = clean_tags(tags)
    if len(words) > MOST_TAGS:
        raise InputError(
            f"There are {len(words)} tags, but a note has at most {MOST_TAGS}; remove some."
        )
    return NoteContent(
        _within(" ".join(cleaned(name).split()), LONGEST_NAME, "name"),
        words,
        _within(cleaned(text).strip(), LONGEST_TEXT, "text"),
        known,
    )


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in lower case, in alphabetical order, without repeats and empty ones.

    Raises InputError if one is not a word that a selection can name.
    """
    words = sorted({cleaned(tag).strip().lower() for tag in tags} - {""})
    for word in words:
        if len(word) > LONGEST_TAG or not _TAG.fullmatch(word):
            raise InputError(
                f"{word[:LONGEST_TAG]!r} is not a tag; write one word of at most {LONGEST_TAG} "
                "letters and digits, which may contain - _ . : / +."
            )
    return tuple(words)


def cleaned(text: str) -> str:
    """The text without control characters and halves of surrogate pairs, in composed characters.

    Line ends are newlines. Marks that change the direction of text stay, because text in Arabic and
    Hebrew needs them; pages isolate what they show.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        one
        for one in unicodedata.normalize("NFC", lines)
        if one in _KEPT_CONTROLS or unicodedata.category(one) not in ("Cc", "Cs")
    )
    return "".join(kept)


def _within(text: str, longest: int, part: str) -> str:
    if len(text) > longest:
        raise InputError(
            f"The {part} of a note has {len(text):,} characters, but at most {longest:,} are "
            "allowed; shorten it."
        )
    return text
