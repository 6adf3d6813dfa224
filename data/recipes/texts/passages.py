"""Sections cut into documents of 128 to 250 tokens, without repeated paragraphs."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

from data.recipes.texts.documents import Section, cut

LEAST_TOKENS, MOST_TOKENS = 128, 250
PIECE_TOKENS = 90
"""Longer paragraphs are cut at lines or sentences before they are packed into documents."""
SHORTEST_REPEATED = 40
"""Characters. A shorter paragraph, such as a heading or a brace, may occur any number of times."""

CountTokens = Callable[[Sequence[str]], list[int]]
CJK_END = re.compile(r"(?<=[。！？])")


@dataclass(frozen=True)
class Passage:
    """One document of the training corpus."""

    title: str
    source: str
    language: str
    genre: str
    licence: str
    tokens: int
    text: str


def normalised(paragraph: str) -> str:
    """The letters and digits of a paragraph in lower case; equal for repeated paragraphs."""
    return "".join(c for c in paragraph.lower() if c.isalnum())


@dataclass(frozen=True)
class Piece:
    """A paragraph, or a part of one, and what stands before it in a text."""

    text: str
    before: str


def pieces(paragraphs: Sequence[str], count: CountTokens, most: int = PIECE_TOKENS) -> list[Piece]:
    """Paragraphs with more than `most` tokens are cut at lines, else at sentence ends."""
    result: list[Piece] = []
    was_item = False
    for paragraph, tokens in zip(paragraphs, count(paragraphs), strict=True):
        item = paragraph.startswith("- ")
        before = "\n" if item and was_item else "\n\n"
        was_item = item
        if tokens <= most:
            result.append(Piece(paragraph, before))
            continue
        limit = max(1, len(paragraph) * most // tokens)
        for place, part in enumerate(cut(paragraph, limit)):
            inner = "\n" if "\n" in paragraph else " "
            for number, text in enumerate(_cut_cjk(part, limit)):
                result.append(Piece(text, "" if number else inner if place else before))
    return result


def joined(parts: Sequence[Piece]) -> str:
    """Pieces as one text, with what stands between them in their source."""
    text = "".join(part.before + part.text for part in parts)
    return text[len(parts[0].before) :].strip("\n").rstrip()


def _cut_cjk(piece: str, limit: int) -> list[str]:
    """Chinese and Japanese sentences, which no space separates, in pieces of about `limit`."""
    if len(piece) <= limit or not CJK_END.search(piece):
        return [piece]
    sentences = CJK_END.split(piece)
    parts = [sentences[0]]
    for sentence in sentences[1:]:
        if len(parts[-1]) + len(sentence) > limit:
            parts.append(sentence)
        else:
            parts[-1] += sentence
    return parts


def packed(sizes: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Consecutive (start, stop) ranges of items, each as long as fits into `most` tokens."""
    starts = [0]
    total = 0
    for place, size in enumerate(sizes):
        if total + size > most and place > starts[-1]:
            starts.append(place)
            total = 0
        total += size
    return list(pairwise([*starts, len(sizes)])) if sizes else []


def fresh(paragraphs: Iterable[str], seen: set[int]) -> list[str]:
    """Drop the paragraphs that were seen in any source, and remember the others."""
    kept = []
    for paragraph in paragraphs:
        text = normalised(paragraph)
        if len(text) >= SHORTEST_REPEATED:
            if hash_of(text) in seen:
                continue
            seen.add(hash_of(text))
        kept.append(paragraph)
    return kept


def hash_of(text: str) -> int:
    """A hash that is the same in every process, unlike the built-in one."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def cut_section(
    section: Section, count: CountTokens, seen: set[int]
) -> Iterator[tuple[str, str, int]]:
    """(title, text, tokens) of each document that a section gives.

    Paragraphs in `seen` are dropped, and so is what does not make a document of 128 to 250 tokens.
    """
    units = pieces(fresh(section.paragraphs, seen), count)
    # A blank line between two paragraphs costs about one token.
    ranges = packed([tokens + 1 for tokens in count([unit.text for unit in units])], MOST_TOKENS)
    texts = [joined(units[a:b]) for a, b in ranges]
    for part, (text, tokens) in enumerate(zip(texts, count(texts), strict=True), 1):
        if LEAST_TOKENS <= tokens <= MOST_TOKENS:
            title = f"{section.title} (part {part} of {len(texts)})"
            yield (title if len(texts) > 1 else section.title), text, tokens
