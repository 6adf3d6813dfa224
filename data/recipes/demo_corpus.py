"""Build the demo corpus of many genres: `python -m data.recipes.demo_corpus`.

Writes `data/corpus/demo.parquet`: documents of 128 to 250 tokens of SmolLM2 with title, source,
language, genre, licence and text, in a seeded random order. `DOCUMENTS` documents of each group:
passages of a game in eight languages, source code in two, and six genres of English. Beside it,
`demo.md` counts them.

A document begins with a paragraph of its source and ends with the sentence or line that completes
128 tokens. None contains a sentence or line, of 40 letters or more, that the SAE was trained on:
the blocks of the harvest of the wide training corpus. Every licence lets anyone redistribute the
text.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from analysis.runtime.cache_folder import cache_folder
from data.recipes.harvest import HarvestPlan, stored_blocks
from data.recipes.texts import encyclopaedia, games, mathematics, prose, records, reference, tables
from data.recipes.texts.documents import SENTENCE_END, Section
from data.recipes.texts.packages import fetch
from data.recipes.texts.passages import (
    LEAST_TOKENS,
    MOST_TOKENS,
    SHORTEST_REPEATED,
    CountTokens,
    Passage,
    Piece,
    hash_of,
    joined,
    normalised,
    pieces,
)
from data.recipes.texts.source_code import code
from data.recipes.training_corpus import UNWANTED, described, token_counter

SHIPPED = Path(__file__).parents[1] / "corpus/demo.parquet"
DOCUMENTS = 105
"""Of each group."""
MOST_OF_A_SECTION = 4
"""Documents of one chapter, article or function."""
SENTENCE_TOKENS = 30
"""Longer paragraphs are cut at lines or sentences, so that a document can end between them."""
LANGUAGES = {
    "en": "en", "de": "de", "fr": "fr", "es": "es", "it": "it", "pt": "pt_BR", "pl": "pl",
    "cs": "cs",
}  # fmt: skip
"""Languages of the aligned passages, and their catalogues."""
LETTERS = frozenset((
    "Romans", "1 Corinthians", "2 Corinthians", "Galatians", "Ephesians", "Philippians",
    "Colossians", "1 Thessalonians", "2 Thessalonians", "1 Timothy", "2 Timothy", "Titus",
    "Philemon", "Hebrews", "James", "1 Peter", "2 Peter", "1 John", "2 John", "3 John", "Jude",
))  # fmt: skip
"""The books of the Bible that are letters."""

RUN_MESSAGES = 6
"""Messages of a passage, from which its documents are cut."""
PARAGRAPH = "\n\n"
"""What stands before a paragraph, but not before its later sentences and lines."""

Read = Callable[[Path], Iterable[Section]]


@dataclass(frozen=True)
class GenreSource:
    """Where the documents of a genre come from."""

    slug: str
    genre: str
    language: str
    licence: str
    read: Read
    share: float = 1.0
    """Of the documents of its group."""


def letters(cache: Path) -> Iterator[Section]:
    """The chapters of the letters in the World English Bible."""
    for section in prose.world_english_bible(cache):
        book = section.title.removeprefix("World English Bible: ").rpartition(" ")[0]
        if book in LETTERS:
            yield section


def english_recipes(cache: Path) -> Iterator[Section]:
    """The recipes in English."""
    return (section for section in records.recipes(cache) if section.language == "en")


def groups() -> list[list[GenreSource]]:
    """The groups, each with its sources; the aligned passages are made by `aligned`."""
    three = "npm:three@0.160.0"
    return [
        [GenreSource("code-python", "code", "Python", "PSF-2.0", reference.python_library)],
        [GenreSource("code-javascript", "code", "JavaScript", "MIT",
                     code(three, ".js", "JavaScript", "/src/"))],
        [GenreSource("web-bible", "letters", "en", "public domain", letters)],
        [GenreSource("sotu", "speeches", "en", "public domain", prose.state_of_the_union)],
        [GenreSource("wikipedia", "encyclopaedia", "en", "CC-BY-SA-3.0",
                     encyclopaedia.wikipedia)],
        [GenreSource("cookbook", "recipes", "en", "CC-BY-SA-4.0", english_recipes)],
        [
            GenreSource("wikipedia-tables", "tables", "en", "CC-BY-SA-3.0",
                        encyclopaedia.wikipedia_tables, 0.4),
            GenreSource("postgresql-tables", "tables", "en", "PostgreSQL",
                        tables.manual_tables("postgresql-doc-15", "usr/share/**/*.html",
                                             "PostgreSQL"), 0.35),
            GenreSource("python-tables", "tables", "en", "PSF-2.0",
                        tables.manual_tables("python3.11-doc",
                                             "usr/share/doc/python3.11/html/**/*.html",
                                             "Python"), 0.25),
        ],
        [GenreSource("mpmath", "mathematics", "en", "BSD-3-Clause", mathematics.mpmath)],
    ]  # fmt: skip


def openings(
    units: Sequence[Piece], count: CountTokens, trained: frozenset[int]
) -> Iterator[tuple[str, int]]:
    """(text, tokens) of the documents that consecutive units give.

    A document begins with a paragraph and ends with the unit that completes `LEAST_TOKENS`. Those
    with a sentence that was trained on are left out.
    """
    sizes = count([unit.before + unit.text for unit in units])
    start: int | None = None
    total = 0
    for place, (unit, size) in enumerate(zip(units, sizes, strict=True)):
        if start is None:
            if place and unit.before != PARAGRAPH:
                continue
            start, total = place, 0
        total += size
        text = joined(units[start : place + 1]) if total >= LEAST_TOKENS else ""
        tokens = count([text])[0] if text else 0
        if tokens < LEAST_TOKENS:
            continue
        start = None
        if tokens <= MOST_TOKENS and not is_trained(text, trained):
            yield text, tokens


def is_trained(text: str, trained: frozenset[int]) -> bool:
    """Whether the training text contains a line or a sentence of a text."""
    return not trained.isdisjoint(sentence_hashes(text))


def sentence_hashes(text: str) -> set[int]:
    """Hashes of the sentences of each line of a text that are not too short to be repeated."""
    sentences = (one for line in text.split("\n") for one in SENTENCE_END.split(line))
    plain = (normalised(one) for one in sentences)
    return {hash_of(one) for one in plain if len(one) >= SHORTEST_REPEATED}


def taken(
    source: GenreSource,
    cache: Path,
    count: CountTokens,
    trained: frozenset[int],
    most: int,
    seed: int,
) -> list[Passage]:
    """Documents of the source from sections in a seeded random order."""
    sections = list(source.read(cache))
    random.Random(f"{seed}/{source.slug}").shuffle(sections)
    kept: list[Passage] = []
    for section in sections:
        units = pieces(section.paragraphs, count, SENTENCE_TOKENS)
        for number, (text, tokens) in enumerate(openings(units, count, trained), 1):
            if number > MOST_OF_A_SECTION or len(kept) == most:
                break
            if not UNWANTED.search(text):
                title = section.title if number == 1 else f"{section.title} ({number})"
                kept.append(
                    Passage(title, source.slug, source.language, source.genre, source.licence,
                            tokens, text)
                )  # fmt: skip
        if len(kept) == most:
            break
    return kept


def aligned(
    cache: Path, count: CountTokens, trained: frozenset[int], most: int, seed: int
) -> list[Passage]:
    """Passages of the game Battle for Wesnoth with their translations.

    A passage is a run of messages. Each translation ends with the message or the sentence that
    completes `LEAST_TOKENS`, so the languages begin alike and a longer one ends earlier.
    """
    runs = list(_runs(cache))
    random.Random(f"{seed}/aligned").shuffle(runs)
    kept: list[Passage] = []
    for title, messages in runs:
        made = [_opening(texts, count, trained) for texts in zip(*messages, strict=True)]
        if any(one is None or UNWANTED.search(one[0]) for one in made):
            continue
        for language, one in zip(LANGUAGES, made, strict=True):
            assert one is not None
            kept.append(
                Passage(f"{title} ({language})", "wesnoth", language, "story",
                        "GPL-2+ / CC-BY-SA-4.0", one[1], one[0])
            )  # fmt: skip
        if len(kept) >= most * len(LANGUAGES):
            break
    return kept


def _runs(cache: Path) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Runs of consecutive messages that are translated into all languages, with their title."""
    for campaign in games.CAMPAIGNS:
        package = fetch(f"apt:wesnoth-1.16-{campaign}", cache)
        folder = package / "usr/share/games/wesnoth/1.16"
        catalogues = [
            games.wesnoth_catalogues(folder, name) for name in list(LANGUAGES.values())[1:]
        ]
        for name, messages in games.wesnoth_scenarios(folder):
            run: list[tuple[str, ...]] = []
            number = 0
            for domain, text in messages:
                own = [text, *(known.get(domain, {}).get(text, "") for known in catalogues)]
                plain = tuple(games.plain_message(one) for one in own)
                if not all(plain) or len(plain[0]) < SHORTEST_REPEATED:
                    continue
                run.append(plain)
                if len(run) == RUN_MESSAGES:
                    number += 1
                    yield f"Wesnoth: {name}, passage {number}", run
                    run = []


def _opening(
    texts: Sequence[str], count: CountTokens, trained: frozenset[int]
) -> tuple[str, int] | None:
    """The document that some messages begin with; None if there is none, or it was trained on."""
    units = pieces(texts, count, SENTENCE_TOKENS)
    first = next(openings(units, count, frozenset()), None)
    return None if first is None or is_trained(first[0], trained) else first


def trained_sentences(plan: HarvestPlan) -> frozenset[int]:
    """Hashes of the lines and sentences of the documents of the training blocks."""
    documents = {block.document for block in stored_blocks(plan)[0]}
    hashes: set[int] = set()
    for row, text in enumerate(pq.read_table(plan.corpus, columns=["text"])["text"].to_pylist()):
        if row in documents:
            hashes |= sentence_hashes(text)
    return frozenset(hashes)


def main(
    cache: Annotated[Path | None, typer.Option(help="Packages.")] = None,
    out: Annotated[Path, typer.Option(help="The demo corpus.")] = SHIPPED,
    train_tokens: Annotated[int, typer.Option(help="Training positions.")] = 10_000_000,
    documents: Annotated[int, typer.Option(help="Documents of each group.")] = DOCUMENTS,
    seed: Annotated[int, typer.Option(help="Seed of choice and order.")] = 0,
) -> None:
    """Fetch the packages, read their texts, and write the demo corpus."""
    cache = cache or cache_folder()
    plan = HarvestPlan(corpus=cache / "corpus/wide.parquet", train_tokens=train_tokens)
    count, trained = token_counter(), trained_sentences(plan)
    corpus = aligned(cache / "sources", count, trained, documents, seed)
    for group in groups():
        for source in group:
            most = round(source.share * documents)
            corpus += taken(source, cache / "sources", count, trained, most, seed)
    random.Random(seed).shuffle(corpus)
    rows = [{name: value for name, value in asdict(p).items() if name != "tokens"} for p in corpus]
    half = out.with_name(out.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows), half, compression="zstd")
    out.with_suffix(".md").write_text(described(corpus), encoding="utf-8")
    half.replace(out)
    print(described(corpus))


if __name__ == "__main__":
    typer.run(main)
