"""What happens to rows that are no plain text: the same in every format of a corpus.

A row without text is skipped. A lone surrogate, a NUL and bytes that are not UTF-8 become U+FFFD.
A text of which more than a hundredth is not UTF-8 is in another encoding and is skipped. A longer
text than allowed is cut. Everything is counted, with the place of the first.
"""

import re
from dataclasses import dataclass, field

MAX_DOCUMENT_CHARACTERS = 20_000_000
UNDECODED_SHARE = 0.01
"""A text with a larger share of U+FFFD from bytes that are not UTF-8 is skipped."""

NO_TEXT = "without text (null or blank), skipped"
NO_STRING = "with another type than text, skipped"
OTHER_ENCODING = "in another encoding than UTF-8, skipped"
TOO_LONG_LINE = "longer than a line may be, skipped"
UNDECODED = "with bytes that are not UTF-8, repaired (U+FFFD)"
SURROGATES = "with half a surrogate pair, repaired (U+FFFD)"
NULS = "with NUL characters, repaired (U+FFFD)"
CUT = f"with more, cut to their first {MAX_DOCUMENT_CHARACTERS:,} characters"

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class OddRows:
    """Counts of odd rows by kind, and where the first of each is."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def count(self, kind: str, place: str) -> None:
        """Count a row of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.first.setdefault(kind, place)

    def sentences(self) -> list[str]:
        """One sentence for each kind that occurred."""
        return [
            f"Rows {kind}: {number:,}, the first is {self.first[kind]}."
            for kind, number in self.counts.items()
        ]


def decoded(value: bytes) -> tuple[str, bool]:
    """Bytes as text, and whether some of them were not UTF-8."""
    try:
        return value.decode("utf-8", "surrogatepass"), False
    except UnicodeDecodeError:
        return value.decode("utf-8", "replace"), True


def storable(text: str, place: str, odd: OddRows, *, undecoded: bool = False) -> str | None:
    """The text as it can be tokenised and stored; None if it is skipped."""
    if undecoded:
        if text.count("\ufffd") > UNDECODED_SHARE * len(text):
            odd.count(OTHER_ENCODING, place)
            return None
        odd.count(UNDECODED, place)
    if not text or text.isspace():
        odd.count(NO_TEXT, place)
        return None
    if len(text) > MAX_DOCUMENT_CHARACTERS:
        odd.count(CUT, place)
        text = text[:MAX_DOCUMENT_CHARACTERS]
    if "\0" in text:
        odd.count(NULS, place)
        text = text.replace("\0", "\ufffd")
    return _without_surrogates(text, place, odd)


def short_storable(value: object) -> str:
    """A title or a source as it can be stored; anything but text is written out."""
    if value is None:
        return ""
    text = decoded(value)[0] if isinstance(value, bytes) else str(value)
    return _SURROGATE.sub("\ufffd", text).replace("\0", "\ufffd")


def _without_surrogates(text: str, place: str, odd: OddRows) -> str:
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        odd.count(SURROGATES, place)
        return _SURROGATE.sub("\ufffd", text)
    return text
