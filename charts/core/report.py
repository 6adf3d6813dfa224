"""A page as one HTML file: its figures as pictures, its tables, what readers noted, and provenance.

The file needs no network and runs no script; its policy forbids both. Every text of a corpus, a
label or a note is escaped. A picture is in an `img` element, in which no script runs and no id can
meet that of another picture. `clearwater reproduce` makes every figure and table again.
"""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count, short
from charts.core import picture
from charts.core.figure import CaptionedTable, Figure
from charts.core.provenance import KEY, json_in_markup, provenance_of
from charts.core.text import cut, visible
from charts.core.theme import EXPORT_WIDTH, INK, PAPER, QUIET_INK, SANS

Part = CaptionedTable | Callable[[], CaptionedTable]
"""A figure or a table, or a function that makes one when the report is made."""
MOST_ROWS = 200
"""Of a table; its own files hold all."""
MOST_MARKS = 2_000
"""A chart with more rows is a PNG, because a browser draws an SVG slowly."""
LONGEST_CELL = 200
"""Characters."""
LONGEST_NOTE = 10_000
"""Characters."""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    f"body {{ font: 14px/1.5 {SANS}; color: {INK}; background: {PAPER}; margin: 32px auto; "
    f"max-width: {EXPORT_WIDTH + 200}px; padding: 0 20px; overflow-wrap: anywhere; }} "
    "h1 { font-size: 24px; } h2 { font-size: 17px; margin: 40px 0 8px; } "
    "img { max-width: 100%; height: auto; } "
    f".caption, .basis {{ color: {QUIET_INK}; font-size: 12px; }} .note {{ font-size: 13px; }} "
    ".scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 12px; } "
    "th, td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid #dde3e8; "
    "vertical-align: top; max-width: 320px; white-space: pre-wrap; } "
    "td.number { text-align: right; font-variant-numeric: tabular-nums; } "
    "blockquote { margin: 8px 0; padding: 8px 14px; border-left: 3px solid #9aa8b5; "
    "white-space: pre-wrap; }"
)


@dataclass(frozen=True)
class WrittenNote:
    """A note of a reader, as its parts are shown."""

    about: str
    text: str
    facts: str
    """Status, tags, author and time."""


@dataclass(frozen=True)
class ReportHead:
    """What the report is of."""

    title: str
    basis: tuple[str, ...]
    """Sentences on what all figures of the bundle are based on."""
    selection: str = ""
    notes: tuple[WrittenNote, ...] = ()


def report(head: ReportHead, parts: Sequence[Part]) -> bytes:
    """The report. A figure that cannot be made or drawn is replaced by the reason."""
    title = _text(head.title, LONGEST_CELL)
    body = [f"<h1>{title}</h1>", *(_paragraph(text, "basis") for text in head.basis)]
    if head.selection:
        body.append(_paragraph(f"Selection: {head.selection}", "basis"))
    body += [_noted(note) for note in head.notes]
    body += [_section(i, part) for i, part in enumerate(parts, 1)]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            *body,
            "</body>\n</html>\n",
        ]
    ).encode()


def _text(text: str, longest: int) -> str:
    """A text on one line, isolated from the direction of its neighbours."""
    return html.escape(cut(visible(text[: 4 * longest]), longest))


def _paragraph(text: str, kind: str) -> str:
    return f'<p class="{kind}" dir="auto">{_text(text, LONGEST_NOTE)}</p>'


def _noted(note: WrittenNote) -> str:
    lines = note.text[:LONGEST_NOTE].split("\n")
    text = "\n".join(_text(line, LONGEST_NOTE) for line in lines)
    return (
        f"<h2>Note on {_text(note.about, LONGEST_CELL)}</h2>\n"
        f'<blockquote dir="auto">{text}</blockquote>\n'
        f"{_paragraph(note.facts, 'caption')}"
    )


def _section(number: int, made: Part) -> str:
    try:
        part = made() if callable(made) else made
    except InputError as error:
        return _paragraph(error.public, "note")
    texts = part.texts
    shown = _figure(part) if isinstance(part, Figure) else _table(part.rows)
    origin = json_in_markup(provenance_of(part))
    return "\n".join(
        [
            f"<section>\n<h2>{html.escape(texts['title'])}</h2>",
            shown,
            f'<p class="note" dir="auto">{html.escape(texts.get("note", ""))}</p>',
            f'<p class="caption" dir="auto">{html.escape(texts["caption"])}</p>',
            f'<script type="application/json" id="{KEY}-{number}">{origin}</script>\n</section>',
        ]
    )


def _figure(figure: Figure) -> str:
    if not figure.rows.num_rows:
        return "<p>There are no rows to draw.</p>"
    spec = figure.specification()
    try:
        if figure.rows.num_rows > MOST_MARKS:
            content, kind = picture.png(spec, figure.title), "png"
        else:
            content, kind = picture.svg(spec, figure.title).encode(), "svg+xml"
    except InputError as error:
        return _paragraph(error.public, "note")
    data = base64.b64encode(content).decode()
    alt = html.escape(figure.texts["title"])
    size = f' width="{EXPORT_WIDTH}"' if kind == "png" else ""
    return f'<img alt="{alt}"{size} src="data:image/{kind};base64,{data}">'


def _table(rows: pa.Table) -> str:
    if not rows.num_rows:
        return "<p>There are no rows.</p>"
    shown = rows.slice(0, MOST_ROWS)
    names = [name.replace("_", " ") for name in shown.column_names]
    head = "".join(f'<th scope="col">{_text(name, LONGEST_CELL)}</th>' for name in names)
    lines = "\n".join(f"<tr>{_cells(row)}</tr>" for row in shown.to_pylist())
    rest = rows.num_rows - shown.num_rows
    more = f"<p>{count(rest)} more rows are in the files of the table.</p>" if rest else ""
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n'
        f"</tbody></table></div>\n{more}"
    )


def _cells(row: Mapping[str, Any]) -> str:
    return "".join(_cell(value) for value in row.values())


def _cell(value: object) -> str:
    if value is None:
        return "<td>–</td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    if isinstance(value, float):
        return f'<td class="number">{short(value)}</td>'
    if isinstance(value, list):
        texts = (f"<bdi>{_text(str(one), LONGEST_CELL)}</bdi>" for one in value)
        return f"<td>{' · '.join(texts)}</td>"
    return f"<td><bdi>{_text(str(value), LONGEST_CELL)}</bdi></td>"
