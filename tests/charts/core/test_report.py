"""A page as one HTML file: what it holds, and that hostile texts stay texts."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.contexts import context_strips
from charts.core import picture
from charts.core import report as module
from charts.core.report import ReportHead, WrittenNote, report
from charts.core.text import visible
from charts.density import density_histogram
from charts.map import latent_map
from charts.reproduction import reproduce_all
from charts.tables import latents_table
from tests.charts.conftest import HOSTILE

HEAD = ReportHead("Latent · demo", ("N = 7 kept tokens.",), "density<0.1")
EVERY = np.ones(120, dtype=bool)


class Parsed(HTMLParser):
    """The elements of a file, the texts of the table cells, and what is outside of scripts."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[str] = []
        self.text = ""
        self._in_cell = False
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag in ("td", "th"):
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.cells[-1] += data


def test_figures_and_tables_are_in_it_with_their_texts(tiny: Bundle, tmp_path: Path) -> None:
    figure, table = density_histogram(tiny), latents_table(tiny, EVERY, "Latents")
    content = report(HEAD, [figure, lambda: table])
    parsed = Parsed(content)
    for texts in (figure.texts, table.texts):
        assert all(text in parsed.text for text in texts.values())
    for words in (*HEAD.basis, HEAD.title, "Selection: density<0.1"):
        assert words in parsed.text
    (source,) = [value for name, value in parsed.attributes if name == "src"]
    assert source is not None and source.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(source.partition(",")[2]).startswith(b"<svg")
    assert len(parsed.cells) == (table.rows.num_rows + 1) * table.rows.num_columns
    file = tmp_path / "report.html"
    file.write_bytes(content)
    made = reproduce_all(file, tiny.path)
    assert [one.figure.name for one in made] == [figure.name, table.name]
    assert all(one.difference == "" for one in made)


def test_nothing_is_loaded_or_run(tiny: Bundle) -> None:
    content = report(HEAD, [density_histogram(tiny)])
    parsed = Parsed(content)
    policy = dict(parsed.attributes)["content"]
    assert ("content", "default-src 'none'; img-src data:; style-src 'unsafe-inline'") in (
        parsed.attributes
    ), policy
    addresses = [value or "" for name, value in parsed.attributes if name in ("src", "href")]
    assert addresses and all(address.startswith("data:") for address in addresses)
    kinds = re.findall(rb"<script([^>]*)>", content)
    assert kinds == [b' type="application/json" id="clearwater-1"']


def test_hostile_texts_are_shown_as_they_are(tiny: Bundle) -> None:
    rows = pa.table({"token": HOSTILE, "several": [[text, "b"] for text in HOSTILE]})
    table = replace(latents_table(tiny, EVERY, HOSTILE[0]), rows=rows, title=HOSTILE[13])
    note = WrittenNote(HOSTILE[0], f"{HOSTILE[13]}\n{HOSTILE[3]}", HOSTILE[0])
    head = replace(HEAD, title=HOSTILE[0], selection=HOSTILE[13], notes=(note,))
    content = report(head, [table, context_strips(tiny, 20)])
    parsed = Parsed(content)
    assert set(parsed.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "blockquote", "section",
        "script", "div", "table", "thead", "tbody", "tr", "th", "td", "bdi", "img",
    }  # fmt: skip
    assert parsed.tags.count("script") == 2
    cells = parsed.cells[2::2]
    for text, cell in zip(HOSTILE, cells[: len(HOSTILE)], strict=True):
        expected = visible(text)
        assert cell == (expected if len(expected) <= 200 else expected[:199] + "…")
    assert visible(HOSTILE[3]) in parsed.text and "\u202e" not in parsed.text
    assert b"\0" not in content


def test_cells_say_what_they_hold(tiny: Bundle) -> None:
    rows = pa.table(
        {
            "a_count": [12345, None],
            "share": [0.123456, float("nan")],
            "is_weak": [True, False],
            "names": [["a", "b"], []],
        }
    )
    table = replace(latents_table(tiny, EVERY, "x"), rows=rows)
    cells = Parsed(report(HEAD, [table])).cells
    assert cells[:4] == ["a count", "share", "is weak", "names"]
    assert cells[4:8] == ["12345", "0.123", "yes", "a · b"]
    assert cells[8] == "–" and cells[10] == "no"


def test_long_tables_and_many_marks(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 100)
    monkeypatch.setattr(module, "MOST_MARKS", 3)
    figure = density_histogram(tiny)
    assert figure.rows.num_rows > 3
    parsed = Parsed(report(HEAD, [latents_table(tiny, EVERY, "x"), figure]))
    assert "20 more rows are in the files of the table." in parsed.text
    assert parsed.tags.count("tr") == 101
    (source,) = [value for name, value in parsed.attributes if name == "src"]
    assert source is not None and source.startswith("data:image/png;base64,")


def test_what_cannot_be_drawn_has_the_reason(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = density_histogram(tiny)
    monkeypatch.setattr(picture, "MOST_ROWS", 2)
    assert "are too many for a picture" in Parsed(report(HEAD, [figure])).text
    refused = Parsed(report(HEAD, [lambda: latent_map(tiny, colour="<none>"), figure]))
    assert "cannot colour by '<none>'" in refused.text
    nothing = replace(figure, rows=figure.rows.slice(0, 0))
    assert "There are no rows to draw." in Parsed(report(HEAD, [nothing])).text
    empty = latents_table(tiny, np.zeros(120, dtype=bool), "x")
    assert "There are no rows." in Parsed(report(HEAD, [empty])).text
