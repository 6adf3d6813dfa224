"""The terms of a cluster as a name that fits on a map.

Parts are separated by dots, so that each can be read alone: words, then "full stops", "words with
-j- (Ejemplo)", "text after “raise”". Terms of one kind are one part.
"""

from collections.abc import Sequence

from analysis.labels import SEPARATOR
from analysis.labels.descriptions import Kind, Readable, described, listed, quoted
from analysis.labels.word_forms import PIECES

MOST_EXAMPLES = 2
"""Words that are shown as examples of pieces."""
AFTER = (Kind.AFTER, Kind.AFTER_GROUP)


def name_text(terms: Sequence[int], examples: Sequence[str], readable: Readable) -> str:
    """Readable terms, best first, as a name; `examples` has a word for each piece or nothing,
    and the letters of a group.
    """
    kinds, texts = [readable.kinds[t] for t in terms], [readable.texts[t] for t in terms]
    among_words = Kind.PLAIN in kinds
    parts: list[str] = []
    for kind, text, example in zip(kinds, texts, examples, strict=True):
        if kind in PIECES:
            part = _pieces(kinds, texts, examples)
        elif kind in AFTER:
            part = _after(kinds, texts)
        elif kind is Kind.PLAIN or (kind is Kind.LETTER and among_words):
            part = text
        elif kind is Kind.LETTERS:
            part = f"{text} ({example})"
        elif kind is Kind.GROUP:
            part = (
                f"{text} and the text after them" if _is_also_before(text, kinds, texts) else text
            )
        else:
            same = [other for k, other in zip(kinds, texts, strict=True) if k is kind]
            part = described([kind] * len(same), same)
        if part and part not in parts:
            parts.append(part)
    return SEPARATOR.join(parts)


def _is_also_before(sign: str, kinds: Sequence[Kind], texts: Sequence[str]) -> bool:
    return (Kind.AFTER_GROUP, sign) in zip(kinds, texts, strict=True)


def _after(kinds: Sequence[Kind], texts: Sequence[str]) -> str:
    """The text after words or signs, without signs that are marked themselves."""
    pairs = list(zip(kinds, texts, strict=True))
    before = [
        quoted([text])[0] if kind is Kind.AFTER else text
        for kind, text in pairs
        if kind is Kind.AFTER or (kind is Kind.AFTER_GROUP and (Kind.GROUP, text) not in pairs)
    ]
    return f"text after {listed(before, 'or')}" if before else ""


def _pieces(kinds: Sequence[Kind], texts: Sequence[str], examples: Sequence[str]) -> str:
    marks = {Kind.BEGINNING: "{}-", Kind.MIDDLE: "-{}-", Kind.ENDING: "-{}"}
    pieces = [
        marks[kind].format(text) for kind, text in zip(kinds, texts, strict=True) if kind in PIECES
    ]
    of_pieces = [word for kind, word in zip(kinds, examples, strict=True) if kind in PIECES]
    words = list(dict.fromkeys(word for word in of_pieces if word))[:MOST_EXAMPLES]
    shown = f" ({', '.join(words)})" if words else ""
    return f"words with {listed(pieces, 'or')}{shown}"
