"""Articles of the English Wikipedia and their tables, from the test data of gensim."""

import bz2
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

PACKAGE = "pip:gensim==4.4.0"
DUMP = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
LAST_SECTIONS = re.compile(
    r"^==\s*(see also|references|notes|external links|further reading|bibliography|footnotes|"
    r"sources|citations|works cited)\b.*",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
"""The end of an article, which is lists of other works."""
LEAST_CHARACTERS = 60
"""Of a paragraph; shorter ones are captions and what is left of lists."""
LEAST_ROWS, MOST_CELLS = 3, 10


def wikipedia(cache: Path) -> Iterator[Section]:
    """One section per article, without tables, lists, templates and notes."""
    for title, text in articles(fetch(PACKAGE, cache) / DUMP):
        paragraphs = article_paragraphs(text)
        if paragraphs:
            yield Section(f"Wikipedia: {title}", paragraphs)


def wikipedia_tables(cache: Path) -> Iterator[Section]:
    """One section per table of an article, with its rows as lines of Markdown."""
    for title, text in articles(fetch(PACKAGE, cache) / DUMP):
        for number, table in enumerate(re.findall(r"^\{\|(.*?)^\|\}", text, re.M | re.S), 1):
            rows = table_rows(table)
            if len(rows) >= LEAST_ROWS:
                yield Section(f"Wikipedia: {title}, table {number}", ["\n".join(rows)])


def articles(dump: Path) -> Iterator[tuple[str, str]]:
    """(title, wikitext) of the articles in a dump; redirections are left out."""
    with bz2.open(dump, "rt", encoding="utf-8") as stream:
        content = stream.read()
    for page in re.findall(r"<page>.*?</page>", content, re.DOTALL):
        title, namespace, text = (
            re.search(pattern, page, re.DOTALL)
            for pattern in (r"<title>(.*?)</title>", r"<ns>(\d+)</ns>", r"<text[^>]*>(.*?)</text>")
        )
        if title and text and namespace and namespace.group(1) == "0":
            wikitext = unescape(text.group(1))
            if not wikitext.lower().startswith("#redirect"):
                yield unescape(title.group(1)), wikitext


def article_paragraphs(text: str) -> list[str]:
    """The running text of an article."""
    text = LAST_SECTIONS.sub("", text)
    text = re.sub(r"^\{\|.*?^\|\}", "", text, flags=re.MULTILINE | re.DOTALL)
    paragraphs = []
    for block in plain_wikitext(text).split("\n"):
        line = block.strip()
        if len(line) >= LEAST_CHARACTERS and line[0] not in "=*#:;|!{}":
            paragraphs.append(line)
    return paragraphs


def plain_wikitext(text: str) -> str:
    """Wikitext without comments, notes, templates, files and marks."""
    text = re.sub(r"<!--.*?-->|<ref[^>/]*/>", "", text, flags=re.DOTALL)
    text = re.sub(r"<(ref|gallery|math|timeline)\b.*?</\1>", "", text, flags=re.DOTALL)
    while (shorter := re.sub(r"\{\{[^{}]*\}\}", "", text)) != text:
        text = shorter
    files = re.compile(r"\[\[(?:File|Image|Category):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]", re.I)
    text = files.sub("", text)
    text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?://\S+\s*([^\]]*)\]", r"\1", text)
    text = re.sub(r"<[^>]+>|'{2,}", "", text).replace("\u00a0", " ").replace("&nbsp;", " ")
    text = re.sub(r"\(\s*[;,]?\s*\)", "", text)
    return re.sub(r"[ \t]+([,.;:)])|[ \t]+", lambda m: m.group(1) or " ", text)


def table_rows(table: str) -> list[str]:
    """The rows of a table in wikitext as lines `| cell | cell |`."""
    rows = []
    for row in re.split(r"^\|-.*$", table, flags=re.MULTILINE):
        cells: list[str] = []
        for line in plain_wikitext(row).splitlines():
            if line[:1] in ("|", "!") and not line.startswith(("|+", "|}")):
                for cell in re.split(r"\|\||!!", line[1:]):
                    cells.append(re.sub(r"^[^|\[]*\|", "", cell).strip())
        if len([cell for cell in cells if cell]) > 1:
            rows.append("| " + " | ".join(cells[:MOST_CELLS]) + " |")
    return rows
