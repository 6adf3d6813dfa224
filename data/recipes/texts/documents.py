"""Sections of a work (a chapter, a page, a speech) become documents that fit a model's context."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SHORTEST = 700
"""Shorter texts, which have fewer than about 128 tokens, are excluded."""


@dataclass(frozen=True)
class Document:
    """One text of the corpus with its provenance."""

    title: str
    source: str
    language: str
    licence: str
    text: str


@dataclass(frozen=True)
class Section:
    """A natural unit of a work, such as a chapter or a speech, with its paragraphs in order."""

    title: str
    paragraphs: list[str]
    language: str = "en"


@dataclass(frozen=True)
class Source:
    """A source of documents: its package, its reader, and how much of it to take."""

    slug: str
    packages: tuple[str, ...]
    """`npm:NAME@VERSION`, `pip:NAME==VERSION` or `apt:NAME`."""
    read: Callable[[Path], Iterable[Section]]
    licence: str
    characters: int
    """Cap on the characters taken from the source."""
    longest: int = 8000
    """Characters per document, about 2,000 tokens of SmolLM2 in the source's language."""
    share: float = 0.31
    """Of its characters, those that are held out."""


SENTENCE_END = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?][\"”’']))\s+(?=[\"“‘'A-Z0-9(])")


def cut(paragraph: str, limit: int) -> list[str]:
    """Cut a paragraph at its lines, or else at sentence ends, into pieces of about `limit`."""
    if len(paragraph) <= limit:
        return [paragraph]
    glue = "\n" if "\n" in paragraph else " "
    units = paragraph.split("\n") if glue == "\n" else SENTENCE_END.split(paragraph)
    pieces = [units[0]]
    for unit in units[1:]:
        if len(pieces[-1]) + len(unit) >= limit:
            pieces.append(unit)
        else:
            pieces[-1] += glue + unit
    return pieces


def join_paragraphs(paragraphs: Iterable[str]) -> str:
    """Paragraphs one blank line apart, each list item on a separate line."""
    text = ""
    was_item = False
    for paragraph in paragraphs:
        item = paragraph.startswith("- ")
        text += ("\n" if item and was_item else "\n\n") + paragraph if text else paragraph
        was_item = item
    return text


def split_passages(paragraphs: Sequence[str], longest: int) -> list[list[str]]:
    """Cut paragraphs into consecutive passages of similar length, each at most about `longest`."""
    units = [piece for paragraph in paragraphs for piece in cut(paragraph, longest // 4)]
    total = sum(map(len, units))
    target = total / max(1, math.ceil(total / (0.9 * longest)))
    passages: list[list[str]] = [[]]
    length = 0
    for unit in units:
        if passages[-1] and (length >= target or length + len(unit) > longest):
            passages.append([])
            length = 0
        passages[-1].append(unit)
        length += len(unit)
    return passages


def is_text(text: str, longest: int) -> bool:
    """Whether a text consists of words and is not a table of numbers, names or escapes."""
    letters = sum(c.isalpha() or c in " \n" for c in text)
    return letters >= 0.72 * len(text) and len(text) <= 1.3 * longest


def documents(source: Source, sections: Iterable[Section]) -> Iterator[Document]:
    """Sections as documents: long ones cut, texts shorter than `SHORTEST` excluded."""
    for section in sections:
        passages = split_passages(section.paragraphs, source.longest)
        for i, passage in enumerate(passages, 1):
            text = join_paragraphs(passage).strip("\n").rstrip()
            part = f" (part {i} of {len(passages)})" if len(passages) > 1 else ""
            if len(text) >= SHORTEST and is_text(text, source.longest):
                yield Document(
                    section.title + part, source.slug, section.language, source.licence, text
                )
