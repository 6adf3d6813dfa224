"""Where an exported file comes from: written into every file, and read from it again.

The provenance names the bundle and the call that made the figure, so that it can be made again. It
holds a hash of each column of its rows, so that a picture too can be compared with what is made.
It is JSON: metadata of a Parquet file, an international text chunk of a PNG, a `metadata` element
of an SVG, a `script` element of an HTML file, and a part of the side file of a CSV.
"""

import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.runtime.errors import InputError
from charts.core.csv_file import SIDE_SUFFIX
from charts.core.figure import CaptionedTable, Figure
from charts.core.scheme import Scheme

KEY = "clearwater"
"""Of the text chunk of a PNG, of the id of the elements, and of the part of a side file."""
PARQUET_KEY = b"clearwater.provenance"
MOST_BYTES = 256 * 2**20
"""Of a file that is read."""
_SVG = re.compile(r'<metadata id="clearwater">(.*?)</metadata>', re.DOTALL)
_HTML = re.compile(
    r'<script type="application/json" id="clearwater(?:-\d+)?">(.*?)</script>', re.DOTALL
)
"""A report has one for each of its figures and tables."""


class Provenance(BaseModel):
    """Enough to find the bundle of a file, to make its figure again and to compare the rows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bundle: str
    bundle_id: str
    title: str
    kind: Literal["figure", "table"]
    function: str = ""
    """Of `charts/`; empty if the figure was made outside of it."""
    arguments: dict[str, Any] = {}
    selection: str = ""
    scheme: Scheme = "light"
    view: str = ""
    """The page and the parameters of the link that shows it."""
    rows: int
    columns: dict[str, str]
    """Each column and the hash of its values (`hash_of`)."""


def provenance_of(figure: CaptionedTable) -> Provenance:
    """The provenance of a figure or a table."""
    call = figure.call
    return Provenance(
        bundle=figure.caption.bundle,
        bundle_id=figure.caption.bundle_id,
        title=figure.texts["title"],
        kind="figure" if isinstance(figure, Figure) else "table",
        function=call.function if call else "",
        arguments=call.to_json() if call else {},
        selection=figure.selection,
        scheme=figure.scheme if isinstance(figure, Figure) else "light",
        view=figure.view,
        rows=figure.rows.num_rows,
        columns=hashes_of(figure.rows),
    )


def hashes_of(rows: pa.Table) -> dict[str, str]:
    """The hash of each column."""
    return dict(zip(rows.column_names, map(hash_of, rows.columns), strict=True))


def hash_of(column: pa.ChunkedArray) -> str:
    """A hash of the type and the values of a column, however they are stored in memory."""
    digest = hashlib.sha256()
    _add(digest, column.combine_chunks())
    return digest.hexdigest()[:16]


def _add(digest: Any, values: pa.Array) -> None:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    digest.update(f"{values.type} {len(values)}".encode())
    digest.update(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        digest.update(pc.list_value_length(values).fill_null(0).to_numpy().tobytes())
        _add(digest, values.flatten())
    elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        filled = values.fill_null("")
        digest.update(pc.binary_length(filled).to_numpy().tobytes())
        digest.update("".join(filled.to_pylist()).encode())
    elif pa.types.is_boolean(values.type):
        digest.update(values.fill_null(False).to_numpy(zero_copy_only=False).tobytes())
    else:
        digest.update(values.fill_null(0).to_numpy(zero_copy_only=False).tobytes())


def json_in_markup(provenance: Provenance) -> str:
    """The provenance as JSON that is safe in SVG and HTML: it has no <, > and &."""
    text = provenance.model_dump_json()
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def read_provenance(file: Path) -> Provenance:
    """The provenance in an exported file, the first of a report; InputError if it has none."""
    return read_provenances(file)[0]


def read_provenances(file: Path) -> list[Provenance]:
    """The provenance of each figure and table in a file, one unless the file is a report.

    Raises InputError if there is none.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise InputError(f"{file}: there is no such file; give one that was exported.") from error
    if not file.is_file() or size > MOST_BYTES:
        raise InputError(f"{file}: is not an exported file; give one of the dashboard's exports.")
    try:
        texts = _texts_of(file)
    except InputError:
        raise
    except (OSError, pa.ArrowException, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise InputError(f"{file}: is damaged, or its suffix is wrong; export it again.") from error
    if not texts:
        raise InputError(
            f"{file}: has no provenance; export it again with this version of Clearwater."
        )
    try:
        return [Provenance.model_validate_json(text) for text in texts]
    except ValidationError as error:
        raise InputError(f"{file}: its provenance is damaged; export it again.") from error


def _texts_of(file: Path) -> list[str]:
    match file.suffix.lower():
        case ".parquet":
            stored = (pq.read_schema(file).metadata or {}).get(PARQUET_KEY)
            return [stored.decode()] if stored else []
        case ".png":
            with Image.open(file) as picture:
                return [str(picture.info[KEY])] if KEY in picture.info else []
        case ".svg":
            return _in_markup(_SVG, file)
        case ".html":
            return _in_markup(_HTML, file)
        case ".json":
            content = json.loads(file.read_text("utf-8"))
            own = content.get(KEY) if isinstance(content, dict) else None
            return [json.dumps(own)] if own else []
        case ".csv":
            return _texts_of(side_file_of(file))
    raise InputError(
        f"{file}: is not an exported file; give a Parquet, CSV, PNG, SVG or HTML file."
    )


def side_file_of(file: Path) -> Path:
    """The side file of a CSV, in its folder; raises InputError if it is not there."""
    side = file.with_name(file.name.replace(".spreadsheet.csv", ".csv") + SIDE_SUFFIX)
    if not side.is_file():
        raise InputError(
            f"{file}: its side file {side.name} is not beside it; export that too, from the same "
            "menu."
        )
    return side


def _in_markup(place: re.Pattern[str], file: Path) -> list[str]:
    return [html.unescape(text) for text in place.findall(file.read_text("utf-8"))]
