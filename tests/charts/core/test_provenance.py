"""The provenance of a file: written into every kind, read again, and hostile files refused."""

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.core import provenance
from charts.core.export import KINDS, Kind, export
from charts.core.figure import CaptionedTable, Figure
from charts.core.provenance import (
    hash_of,
    hashes_of,
    json_in_markup,
    provenance_of,
    read_provenance,
)
from charts.health import flag_counts

HOSTILE_VIEW = 'latent?select="</script></metadata><!-- & 😀 \u202e'


@pytest.fixture(scope="module")
def figure(tiny: Bundle) -> Figure:
    return replace(flag_counts(tiny), view=HOSTILE_VIEW).of_selection("a & <b>")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"csv", "spreadsheet"}])
def test_every_kind_of_file_holds_it(figure: Figure, tmp_path: Path, kind: Kind) -> None:
    file = tmp_path / {"csv-metadata": "a.csv-metadata.json"}.get(kind, f"a.{kind}")
    file.write_bytes(export(figure, kind))
    read = read_provenance(file)
    assert read == provenance_of(figure)
    assert (read.view, read.selection, read.rows) == (HOSTILE_VIEW, "a & <b>", 4)
    assert read.function == "charts.health.flag_counts" and read.kind == "figure"


def test_a_csv_has_it_in_its_side_file(figure: Figure, tmp_path: Path) -> None:
    for name in ("a.csv", "a.spreadsheet.csv"):
        (tmp_path / name).write_bytes(export(figure, "csv"))
        with pytest.raises(InputError, match=r"side file a\.csv-metadata\.json is not beside it"):
            read_provenance(tmp_path / name)
    (tmp_path / "a.csv-metadata.json").write_bytes(export(figure, "csv-metadata"))
    for name in ("a.csv", "a.spreadsheet.csv"):
        assert read_provenance(tmp_path / name) == provenance_of(figure)


def test_a_table_is_no_figure(figure: Figure) -> None:
    table = CaptionedTable(
        name="t", title="T", rows=figure.rows, caption=figure.caption, call=figure.call
    )
    assert provenance_of(table).kind == "table"


def test_markup_holds_it_as_text(figure: Figure) -> None:
    text = json_in_markup(provenance_of(figure))
    assert not set("<>&") & set(text)
    assert json.loads(text)["view"] == HOSTILE_VIEW


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (pa.array(["a", None, "b"]), pa.array(["a", None, "b"]).dictionary_encode(), True),
        (pa.array(["ab", ""]), pa.array(["a", "b"]), False),
        (pa.array(["", None]), pa.array([None, ""]), False),
        (pa.array([0, None]), pa.array([None, 0]), False),
        (pa.array([1, 2], pa.int32()), pa.array([1, 2], pa.int64()), False),
        (pa.array([0.1, 0.2]), pa.array([0.1, 0.3]), False),
        (pa.array([[1], [2, 3]]), pa.array([[1, 2], [3]]), False),
        (pa.array([["a"], None]), pa.array([["a"], []]), False),
        (pa.array([True, None]), pa.array([True, False]), False),
    ],
)
def test_a_hash_is_of_the_values(one: pa.Array, other: pa.Array, same: bool) -> None:
    a, b = (pa.chunked_array([values]) for values in (one, other))
    assert (hash_of(a) == hash_of(b)) == same
    assert hash_of(pa.chunked_array([one.slice(0, 1), one.slice(1)])) == hash_of(a)


def test_a_hash_does_not_see_what_is_below_a_missing_value() -> None:
    valid = pa.array([True, False]).buffers()[1]
    arrays = [pa.Array.from_buffers(pa.int32(), 2, [valid, data]) for data in (
        pa.array([1, 5], pa.int32()).buffers()[1], pa.array([1, 6], pa.int32()).buffers()[1]
    )]  # fmt: skip
    one, other = (hashes_of(pa.table({"a": array})) for array in arrays)
    assert one == other


def _with_text_chunk(data: bytes, key: bytes, text: bytes) -> bytes:
    body = b"tEXt" + key + b"\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", "is not an exported file; give a Parquet, CSV"),
        ("a.parquet", b"x", "is damaged, or its suffix is wrong; export it again"),
        ("a.png", b"x", "is damaged, or its suffix is wrong; export it again"),
        ("a.json", b"{", "is damaged, or its suffix is wrong; export it again"),
        ("a.svg", b"\xff\xfe", "is damaged, or its suffix is wrong; export it again"),
        ("a.json", b"[1]", "has no provenance; export it again with this"),
        ("a.svg", b"<svg></svg>", "has no provenance; export it again with this"),
        ("a.svg", b'<metadata id="clearwater">{}</metadata>', "its provenance is damaged"),
        ("a.json", b'{"clearwater": {"rows": "x"}}', "its provenance is damaged"),
    ],
)
def test_files_without_provenance_are_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_provenance(tmp_path / name)
    assert str(caught.value).count("\n") == 0


def test_damaged_metadata_and_pictures_are_refused(figure: Figure, tmp_path: Path) -> None:
    pq.write_table(
        figure.rows.replace_schema_metadata({provenance.PARQUET_KEY: "{"}), tmp_path / "a.parquet"
    )
    with pytest.raises(InputError, match="its provenance is damaged"):
        read_provenance(tmp_path / "a.parquet")
    (tmp_path / "a.png").write_bytes(_with_text_chunk(export(figure, "png"), b"clearwater", b"{"))
    assert read_provenance(tmp_path / "a.png") == provenance_of(figure), "the last text counts"


def test_a_missing_or_a_huge_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_provenance(tmp_path / "a.png")
    with pytest.raises(InputError, match="is not an exported file"):
        read_provenance(tmp_path)
    (tmp_path / "a.svg").write_bytes(b"12")
    monkeypatch.setattr(provenance, "MOST_BYTES", 1)
    with pytest.raises(InputError, match="is not an exported file"):
        read_provenance(tmp_path / "a.svg")
