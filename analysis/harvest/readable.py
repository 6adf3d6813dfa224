"""Convert tokens to readable text."""

import functools
import re
from collections.abc import Iterable
from typing import Any

_SHOWN = {"\n": "↵", "\t": "⇥", "\r": "␍"}
_BYTE_MARK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def readable_tokens(tokenizer: Any, token_ids: Iterable[int]) -> list[str]:
    """Tokens as readable text.

    The byte marks of GPT-2 (Ġ, Ċ) and of SentencePiece (▁, `<0x0A>`) become the text they encode. A
    leading space stays a space, a newline is shown as ↵, a tab as ⇥, other control characters as
    their Unicode pictures, and bytes of an incomplete character as ⟨e2 80⟩.
    """
    ids = [int(token_id) for token_id in token_ids]
    raw = tokenizer.convert_ids_to_tokens(ids)
    byte_level = _is_byte_level(tokenizer)
    special = frozenset(tokenizer.all_special_ids)
    return [
        token if token_id in special else _shown(_token_bytes(token or "", byte_level))
        for token_id, token in zip(ids, raw, strict=True)
    ]


def _token_bytes(token: str, byte_level: bool) -> bytes:
    if byte_level:
        table = _byte_level_alphabet()
        if all(character in table for character in token):
            return bytes(table[character] for character in token)
        return token.encode()
    if match := _BYTE_MARK.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace("▁", " ").encode()


def _shown(raw: bytes) -> str:
    parts = []
    while raw:
        try:
            parts.append(raw.decode())
            break
        except UnicodeDecodeError as error:
            parts.append(raw[: error.start].decode())
            # For a character cut off at the token's end, `error.end` is not its end.
            end = error.end if error.reason != "unexpected end of data" else len(raw)
            parts.append(f"⟨{raw[error.start : end].hex(' ')}⟩")
            raw = raw[end:]
    return "".join(_SHOWN.get(c, chr(0x2400 + ord(c)) if c < " " else c) for c in "".join(parts))


@functools.lru_cache(maxsize=8)
def _is_byte_level(tokenizer: Any) -> bool:
    vocabulary = tokenizer.get_vocab()
    return "Ġ" in vocabulary and "▁" not in vocabulary


@functools.cache
def _byte_level_alphabet() -> dict[str, int]:
    """The printable character by which GPT-2's byte-level BPE writes each byte.

    A printable Latin-1 byte is written as itself; the others are numbered upwards from U+0100.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }
