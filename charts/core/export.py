"""Export a figure: PNG, SVG and HTML of the chart, Parquet and CSV of its rows.

Every file contains the title, the caption and the note. On one machine, the same figure gives the
same bytes. HTML files use the fonts of the reader; for the fonts of PNG and SVG files see
`charts.core.picture`.
"""

import csv
import html
import io
import json
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from analysis.runtime.errors import InputError
from charts.core import picture
from charts.core.figure import Figure
from charts.core.scheme import Scheme, in_dark
from charts.core.theme import EXPORT_WIDTH, INK, PAPER, QUIET_INK, SANS

Kind = Literal["png", "svg", "html", "parquet", "csv"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "html": "text/html",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(figure: Figure, kind: Kind) -> bytes:
    """The figure as a file; raises InputError if the kind is unknown or the chart too large."""
    match kind:
        case "png":
            return _png(figure)
        case "svg":
            return _svg(figure)
        case "html":
            return _html(figure)
        case "parquet":
            return _parquet(figure)
        case "csv":
            return _csv(figure)
    raise InputError(f"Export: there is no kind {kind!r}; choose one of {', '.join(KINDS)}.")


def filename(figure: Figure, kind: Kind) -> str:
    """A name with the figure and the bundle, such as `map_1a2b3c4d.png`."""
    return f"{figure.name}_{figure.caption.bundle_id[:8] or 'bundle'}.{kind}"


def _png(figure: Figure) -> bytes:
    drawn = Image.open(io.BytesIO(picture.png(figure.titled_specification(), figure.title)))
    info = PngInfo()
    for key, text in figure.texts.items():
        info.add_itxt({"caption": "Description", "note": "Comment"}.get(key, "Title"), text)
    file = io.BytesIO()
    dots = 72 * picture.SCALE
    drawn.save(file, "PNG", pnginfo=info, dpi=(dots, dots))
    return file.getvalue()


def _svg(figure: Figure) -> bytes:
    drawn = picture.svg(figure.titled_specification(), figure.title)
    texts = figure.texts
    description = html.escape(f"{texts['caption']} {texts.get('note', '')}".strip())
    head, body = drawn.split(">", 1)
    title = html.escape(texts["title"])
    return f"{head}><title>{title}</title><desc>{description}</desc>{body}".encode()


def _html(figure: Figure) -> bytes:
    texts = {key: html.escape(text) for key, text in figure.texts.items()}
    # Text of a corpus may hold </script> or <!--: no < of the data reaches the page as such.
    chart = figure.specification()
    picture.check_size(chart, figure.title)
    spec = json.dumps(chart, ensure_ascii=False).replace("<", "\\u003c")
    script = picture.javascript().replace("</script", "<\\/script")
    title, note = texts["title"], texts.get("note", "")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{title}</title>\n<style>{_style(figure.scheme)}</style>\n<script>{script}</script>\n</head>",
            f'<body>\n<h1>{title}</h1>\n<div id="chart"></div>',
            f'<p class="note">{note}</p>\n<p class="caption">{texts["caption"]}</p>',
            f"<script>\nconst spec = {spec};\n{_EMBED}\n</script>\n</body>\n</html>\n",
        ]
    ).encode()


def _parquet(figure: Figure) -> bytes:
    texts = {f"clearwater.{key}": text for key, text in figure.texts.items()}
    texts |= {"clearwater.figure": figure.name, "clearwater.bundle_id": figure.caption.bundle_id}
    known = figure.rows.schema.metadata or {}
    rows = figure.rows.replace_schema_metadata(known | texts)
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd")
    return file.getvalue()


def _csv(figure: Figure) -> bytes:
    file = io.StringIO()
    for text in figure.texts.values():
        file.write(f"# {text}\r\n")
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(figure.rows.column_names)
    columns = [_csv_column(column) for column in figure.rows.columns]
    writer.writerows(zip(*columns, strict=True))
    return file.getvalue().encode()


def _csv_column(column: pa.ChunkedArray) -> list[Any]:
    """Values for a CSV: no string can be read as a formula, and lists are JSON."""
    if pa.types.is_float32(column.type):
        short = column.to_numpy(zero_copy_only=False).astype(str).astype(np.float64)
        missing = column.is_null().to_pylist()
        return [
            None if none else value for value, none in zip(short.tolist(), missing, strict=True)
        ]
    return [_csv_value(value) for value in column.to_pylist()]


def _csv_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        safe = value.replace("\0", "")
        return f"'{safe}" if safe.startswith(_FORMULA) else safe
    return value


def _style(scheme: Scheme) -> str:
    """The style sheet of an HTML file."""
    colours = {"ink": INK, "quiet": QUIET_INK, "paper": PAPER}
    if scheme == "dark":
        colours = in_dark(colours)
    return (
        f"body {{ font-family: {SANS}; color: {colours['ink']}; background: {colours['paper']}; "
        f"color-scheme: {scheme}; margin: 32px auto; max-width: {EXPORT_WIDTH + 40}px; "
        f"padding: 0 20px; }} h1 {{ font-size: 20px; }} "
        f"p {{ font-size: 13px; line-height: 1.5; }} .caption {{ color: {colours['quiet']}; }}"
    )


_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)
_EMBED = (
    "vegaEmbed('#chart', spec, {renderer: 'svg', "
    "actions: {export: true, source: false, compiled: false, editor: false}});"
)
