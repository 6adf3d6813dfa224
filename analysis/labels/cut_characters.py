"""Characters that a byte-level tokenizer cuts into several tokens.

The pieces of a character are stored as their bytes, such as ⟨e4 bd⟩ and ⟨a0⟩. Only together can
they be read.
"""

import re
from collections.abc import Sequence

_MARK = "⟨"
_BYTES = re.compile(r"((?:⟨[0-9a-f]{2}(?: [0-9a-f]{2})*⟩)+)")


def has_bytes(tokens: Sequence[str]) -> bool:
    """Whether a token has bytes that are no text."""
    return _MARK in "".join(tokens)


def whole_characters(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Start and end [n, 2] of the runs of consecutive tokens that hold whole characters.

    A token that cuts no character is a run of its own. `units.py` does the same for a whole corpus.
    """
    if not has_bytes(tokens):
        return [(i, i + 1) for i in range(len(tokens))]
    runs: list[tuple[int, int]] = []
    lacking = 0
    for i, token in enumerate(tokens):
        begins, lacks, only = cut_of(token)
        if i and begins > 0 and lacking >= begins:
            runs[-1] = (runs[-1][0], i + 1)
            lacking = lacking - begins if only else lacks
        else:
            runs.append((i, i + 1))
            lacking = lacks
    return runs


def cut_of(text: str) -> tuple[int, int, bool]:
    """How a token cuts characters: bytes that end one, bytes that its last lacks, and if it is
    nothing but bytes that end one."""
    pieces = _BYTES.findall(text) if _MARK in text else []
    if not pieces:
        return 0, 0, False
    begins = 0
    if text.startswith("⟨"):
        raw = _raw(pieces[0])
        begins = next((i for i, byte in enumerate(raw) if byte & 0xC0 != 0x80), len(raw))
    lacks = _lacking(_raw(pieces[-1])) if text.endswith("⟩") else 0
    return begins, lacks, text == pieces[0] and begins == len(_raw(text))


def _lacking(raw: bytes) -> int:
    """Bytes that the last character of `raw` lacks in UTF-8."""
    for back in range(1, min(len(raw), 3) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return max(length - back, 0)
        if byte < 0x80:
            return 0
    return 0


def _raw(marks: str) -> bytes:
    return bytes.fromhex(marks.replace("⟨", " ").replace("⟩", " "))


def decoded(text: str) -> str:
    """The text with the bytes ⟨e4 bd⟩⟨a0⟩ as the characters that they encode.

    Bytes that are not valid UTF-8 are unchanged.
    """

    def characters(match: re.Match[str]) -> str:
        try:
            return _raw(match[1]).decode()
        except UnicodeDecodeError:
            return match[1]

    return _BYTES.sub(characters, text) if _MARK in text else text


def without_pieces(text: str) -> str:
    """The text with … for bytes of a character whose other bytes are not in it."""
    return _BYTES.sub("…", text) if _MARK in text else text
