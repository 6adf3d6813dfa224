"""Scripts that are written without spaces: Chinese, Japanese, Thai, Lao, Khmer and others."""

import unicodedata

_SCRIPTS = (
    (0x0E00, 0x0FFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0xABFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)
"""Thai, Lao, Tibetan; Myanmar; Khmer; Chinese, Japanese and Yi; compatibility and halfwidth."""
_FIRST = chr(min(low for low, _ in _SCRIPTS))


def is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script that is written without spaces."""
    if character < _FIRST:  # most are, and this is asked for every character of a passage
        return False
    return any(low <= ord(character) <= high for low, high in _SCRIPTS)


def in_unspaced_word(text: str) -> bool:
    """Whether a text consists of letters, marks and digits of scripts without spaces."""
    if text.isascii():  # also the empty text
        return False
    return all(is_unspaced(c) and unicodedata.category(c)[0] in "LMN" for c in text)
