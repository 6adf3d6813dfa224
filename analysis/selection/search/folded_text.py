"""One spelling for what is indexed and what is typed, and the words of a text."""

import re
import unicodedata
from collections.abc import Sequence

from analysis.labels.unspaced_scripts import is_unspaced

LONGEST_WORD = 40
"""Characters of a word that count."""
_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
"""Combining marks of Latin, Greek and Cyrillic. Vowels of Thai are elsewhere and stay."""
_BYTE = re.compile("⟨([0-9a-f]{2})⟩")


def folded(text: str) -> str:
    """The text in lower case, without accents and NUL: "Función" and "funcion" are equal."""
    if text.isascii():
        return text.lower().replace("\0", "")
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    # A lone surrogate cannot be written to a file.
    whole = unicodedata.normalize("NFC", bare).encode("utf-8", "replace").decode()
    return whole.replace("\0", "")


def words_of(text: str) -> list[str]:
    """The words of a folded text, in order."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """The first character of each word, and the one after its last."""
    return [match.span() for match in _WORD.finditer(text)]


def own_word(token: str) -> str:
    """The word of a token that counts alone: signs, and scripts without spaces; else empty."""
    bare = token.strip()
    first = next((char for char in bare if char.isalnum()), "")
    return "" if first and not is_unspaced(first) else bare[:LONGEST_WORD]


def whole_characters(tokens: Sequence[str]) -> list[str]:
    """Tokens [n] in which characters that were cut into bytes are whole, in their first token.

    A tokenizer of bytes may write 今 as ⟨e4⟩⟨bb⟩⟨8a⟩, in up to three tokens.
    """
    result, start = list(tokens), 0
    while start < len(tokens):
        stop = start
        while stop < len(tokens) and tokens[stop] and not _BYTE.sub("", tokens[stop]).strip():
            stop += 1
        if stop > start:
            _join_bytes(result, start, stop)
        start = max(stop, start + 1)
    return result


def _join_bytes(tokens: list[str], start: int, stop: int) -> None:
    """Put the characters of the bytes of a run of tokens into the tokens where they begin."""
    pieces = [(row, value) for row in range(start, stop) for value in _BYTE.findall(tokens[row])]
    data = bytes.fromhex("".join(value for _, value in pieces))
    spaces = [
        tokens[row][: len(tokens[row]) - len(tokens[row].lstrip())] for row in range(start, stop)
    ]
    tokens[start:stop] = spaces
    at = 0
    for char in data.decode("utf-8", "replace"):
        tokens[pieces[min(at, len(pieces) - 1)][0]] += char
        at += 1 if char == "\ufffd" else len(char.encode())
