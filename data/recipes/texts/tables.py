"""Tables of manuals in HTML as lines of Markdown."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

LEAST_ROWS = 3


class PageTables(HTMLParser):
    """The tables of a page: for each, its caption or heading and its rows of cells."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._depth = 0
        self._cell: list[str] | None = None
        self._heading: list[str] | None = None
        self._title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start an element."""
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self.tables.append((self._title, []))
        elif tag == "tr" and self._depth == 1:
            self.tables[-1][1].append([])
        elif tag in ("td", "th") and self._depth == 1 and self.tables[-1][1]:
            self._cell = []
        elif dict(attrs).get("class") == "title" or re.fullmatch(r"h[1-4]|caption", tag):
            self._heading = []

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag == "table":
            self._depth = max(self._depth - 1, 0)
        elif tag in ("td", "th") and self._cell is not None:
            self.tables[-1][1][-1].append(_on_one_line(self._cell))
            self._cell = None
        elif self._heading is not None and re.fullmatch(r"h[1-4]|caption|p|div", tag):
            self._title = _on_one_line(self._heading)
            self._heading = None

    def handle_data(self, data: str) -> None:
        """Collect text."""
        if self._cell is not None:
            self._cell.append(data)
        elif self._heading is not None:
            self._heading.append(data)


def _on_one_line(parts: list[str]) -> str:
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def manual_tables(package: str, pattern: str, work: str) -> Callable[[Path], Iterator[Section]]:
    """Reader of the tables of a package's pages; the title of a table is its first line."""

    def read(cache: Path) -> Iterator[Section]:
        folder = fetch(f"apt:{package}", cache)
        for path in sorted(one for one in folder.glob(pattern) if one.is_file()):
            page = PageTables()
            page.feed(path.read_text(encoding="utf-8", errors="replace"))
            for title, rows in page.tables:
                lines = [f"| {' | '.join(row)} |" for row in rows if len(row) > 1 and any(row)]
                if len(lines) >= LEAST_ROWS and title:
                    yield Section(f"{work}: {title}", [f"{title}\n" + "\n".join(lines)])

    return read
