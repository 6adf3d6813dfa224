"""Export a figure or a table: PNG, SVG and HTML of the chart, Parquet and CSV of its rows.

Every file contains the title, the caption, the note and the provenance (`charts.core.provenance`);
those of a CSV are in its side file. On one machine, the same figure gives the same bytes. HTML
files use the fonts of the reader; for the fonts of PNG and SVG files see `charts.core.picture`.
"""

import html
import io
import json
import re
from typing import Any, Literal, get_args

import pyarrow.parquet as pq
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from analysis.runtime.errors import InputError
from charts.core import picture
from charts.core.csv_file import SIDE_SUFFIX, csv_of, side_file
from charts.core.figure import CaptionedTable, Figure
from charts.core.provenance import KEY, PARQUET_KEY, json_in_markup, provenance_of
from charts.core.scheme import Scheme, in_dark
from charts.core.theme import EXPORT_WIDTH, INK, PAPER, QUIET_INK, SANS

RowsKind = Literal["parquet", "csv", "csv-metadata", "spreadsheet"]
Kind = Literal["png", "svg", "html", "parquet", "csv", "csv-metadata", "spreadsheet"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROWS_KINDS: tuple[RowsKind, ...] = get_args(RowsKind)
"""Of tables too."""
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "html": "text/html",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "csv-metadata": "application/csvm+json",
    "spreadsheet": "text/csv",
}
_ENDINGS = {"csv-metadata": f"csv{SIDE_SUFFIX}", "spreadsheet": "spreadsheet.csv"}
LONGEST_PART = 40
"""Characters of the selection and of the bundle in the name of a file."""


def export(figure: CaptionedTable, kind: Kind) -> bytes:
    """The figure, or a table, as a file.

    Raises InputError if the kind is unknown, a table has no such kind, or a chart is too large.
    """
    match kind:
        case "parquet":
            return _parquet(figure)
        case "csv":
            return csv_of(figure.rows)
        case "csv-metadata":
            name, made = filename(figure, "csv"), provenance_of(figure).model_dump(mode="json")
            return side_file(figure.rows, name, figure.texts, made)
        case "spreadsheet":
            return csv_of(figure.rows, for_spreadsheets=True)
    if kind not in KINDS or not isinstance(figure, Figure):
        known = KINDS if isinstance(figure, Figure) else ROWS_KINDS
        raise InputError(f"Export: there is no kind {kind!r}; choose one of {', '.join(known)}.")
    return {"png": _png, "svg": _svg, "html": _html}[kind](figure)


def filename(figure: CaptionedTable, kind: Kind) -> str:
    """A name that says what is shown: the figure, the selection and the bundle.

    Such as `latent-20-partners-phi_demo_1a2b3c4d.png`, or `flag-counts_of-flag-live_demo_….png`.
    """
    selected = re.sub(r"[^a-z0-9.]+", "-", figure.selection.casefold()).strip("-.")
    parts = (
        figure.name,
        f"of-{selected[:LONGEST_PART].strip('-.')}" if selected else "",
        re.sub(r"[^A-Za-z0-9.-]+", "-", figure.caption.bundle).strip("-.")[:LONGEST_PART],
        figure.caption.bundle_id[:8],
    )
    return f"{'_'.join(part for part in parts if part)}.{_ENDINGS.get(kind, kind)}"


def _png(figure: Figure) -> bytes:
    return png_file(figure, figure.titled_specification(), picture.SCALE, 72 * picture.SCALE)


def png_file(figure: Figure, spec: dict[str, Any], scale: float, dots: float) -> bytes:
    """A specification of a figure as a PNG with its texts and its provenance.

    `scale` is the pixels per unit of the specification, `dots` those per inch on paper.
    """
    drawn = Image.open(io.BytesIO(picture.png(spec, figure.title, scale)))
    info = PngInfo()
    for key, text in figure.texts.items():
        info.add_itxt({"caption": "Description", "note": "Comment"}.get(key, "Title"), text)
    info.add_itxt(KEY, provenance_of(figure).model_dump_json())
    file = io.BytesIO()
    drawn.save(file, "PNG", pnginfo=info, dpi=(dots, dots))
    return file.getvalue()


def _svg(figure: Figure) -> bytes:
    return svg_file(figure, figure.titled_specification())


def svg_file(figure: Figure, spec: dict[str, Any], points: float | None = None) -> bytes:
    """A specification of a figure as an SVG with its texts and its provenance.

    `points` is the size on paper of a unit of the specification.
    """
    drawn = picture.svg(spec, figure.title)
    texts = figure.texts
    description = html.escape(f"{texts['caption']} {texts.get('note', '')}".strip())
    head, body = drawn.split(">", 1)
    if points is not None:
        head = re.sub(
            r'(width|height)="([\d.]+)"',
            lambda side: f'{side[1]}="{float(side[2]) * points:.2f}pt"',
            head,
        )
    title = html.escape(texts["title"])
    made = f'<metadata id="{KEY}">{json_in_markup(provenance_of(figure))}</metadata>'
    return f"{head}><title>{title}</title><desc>{description}</desc>{made}{body}".encode()


def _html(figure: Figure) -> bytes:
    made = json_in_markup(provenance_of(figure))
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
            f"<title>{title}</title>\n<style>{_style(figure.scheme)}</style>\n<script>{script}</script>",
            f'<script type="application/json" id="{KEY}">{made}</script>\n</head>',
            f'<body>\n<h1>{title}</h1>\n<div id="chart"></div>',
            f'<p class="note">{note}</p>\n<p class="caption">{texts["caption"]}</p>',
            f"<script>\nconst spec = {spec};\n{_EMBED}\n</script>\n</body>\n</html>\n",
        ]
    ).encode()


def _parquet(figure: CaptionedTable) -> bytes:
    texts = {f"clearwater.{key}": text for key, text in figure.texts.items()}
    texts |= {"clearwater.figure": figure.name, "clearwater.bundle_id": figure.caption.bundle_id}
    known = figure.rows.schema.metadata or {}
    made = {PARQUET_KEY: provenance_of(figure).model_dump_json()}
    rows = figure.rows.replace_schema_metadata(known | texts | made)
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd")
    return file.getvalue()


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
