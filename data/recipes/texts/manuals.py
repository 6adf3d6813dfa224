"""Manual pages and HTML manuals of Debian packages, in many languages."""

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch
from data.recipes.texts.pages import is_english, page_sections, page_texts

MOST_PAGES = 400
FONT_MACROS = {"B", "I", "BR", "IR", "RB", "RI", "BI", "IB", "SM", "SB"}
BREAKS = {"PP", "P", "LP", "TP", "IP", "HP", "RS", "RE", "br", "sp", "TQ"}
ESCAPES = (
    (re.compile(r"\\f(?:[BIRP1-4]|\(\w\w|\[\w*\])"), ""),
    (re.compile(r"\\(?:-|\(hy|\[hy\])"), "-"),
    (re.compile(r"\\\(aq|\\\[aq\]|\\'"), "'"),
    (re.compile(r"\\\(dq|\\\[dq\]|\\\(lq|\\\(rq|\\\[[lr]q\]"), '"'),
    (re.compile(r"\\\(bu|\\\[bu\]"), "•"),
    (re.compile(r"\\\(em|\\\[em\]"), "—"),
    (re.compile(r"\\[&/,:%|^]|\\s[+-]?\d|\\c$"), ""),
    (re.compile(r"\\[~ 0]"), " "),
    (re.compile(r"\\(?:\*|n)?(?:\(..|\[[^\]]*\])"), ""),
    (re.compile(r"\\e|\\\\"), r"\\"),
)


def manual_pages(language: str, *packages: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of the manual pages of packages; paragraphs that were left in English are dropped."""

    def read(cache: Path) -> Iterator[Section]:
        for package in packages:
            for path in sorted(
                fetch(f"apt:{package}", cache).glob("usr/share/man/**/man[1-8]/*.gz")
            ):
                if path.is_symlink():
                    continue
                source = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
                paragraphs = [p for p in roff_paragraphs(source) if len(p) > 3]
                if language != "en":
                    paragraphs = [p for p in paragraphs if not is_english(p)]
                if len(paragraphs) > 5:
                    name = path.name.removesuffix(".gz")
                    yield Section(f"Manual page ({language}): {name}", paragraphs, language)

    return read


def roff_paragraphs(source: str) -> list[str]:
    """The running text of a manual page that uses the macros of `man`; none for `mdoc`."""
    paragraphs: list[str] = []
    line_parts: list[str] = []
    for line in source.splitlines():
        if line.startswith((".Dd", ".so ")):
            return []
        if not line.startswith((".", "'")):
            line_parts.append(line)
            if line.strip():
                continue
        macro, _, rest = line[1:].strip().partition(" ")
        if macro in FONT_MACROS:
            line_parts.append(_arguments(rest, "" if len(macro) == 2 and macro != "SM" else " "))
        elif macro in {"SH", "SS"} or macro in BREAKS or not line.strip():
            _flush(line_parts, paragraphs)
            if macro in {"SH", "SS"} and rest:
                paragraphs.append(unescaped(rest.strip('"')))
    _flush(line_parts, paragraphs)
    return [p for p in paragraphs if not re.search(r"copyright|©|licen[cs]", p, re.IGNORECASE)]


def _flush(line_parts: list[str], paragraphs: list[str]) -> None:
    text = unescaped(re.sub(r"\s+", " ", " ".join(line_parts)).strip())
    line_parts.clear()
    if text:
        paragraphs.append(text)


def _arguments(rest: str, glue: str) -> str:
    """The arguments of a macro; quotes keep spaces in one argument."""
    matches = re.findall(r'"([^"]*)"|(\S+)', rest.replace("\\ ", "\u00a0"))
    return glue.join(quoted or plain for quoted, plain in matches).replace("\u00a0", " ")


def unescaped(text: str) -> str:
    """Text without the escapes of roff."""
    for pattern, replacement in ESCAPES:
        text = pattern.sub(replacement, text)
    return text.strip()


def html_manual(
    package: str, pattern: str, title: str, language: str = "en"
) -> Callable[[Path], Iterator[Section]]:
    """Reader of an HTML manual, one section per page."""

    def read(cache: Path) -> Iterator[Section]:
        seen: set[str] = set()
        texts = page_texts(fetch(f"apt:{package}", cache), pattern, MOST_PAGES)
        for section in page_sections(texts, seen, language):
            yield Section(f"{title}: {section.title}", section.paragraphs, language)

    return read
