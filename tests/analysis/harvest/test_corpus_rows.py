"""Rows of every format, packed and not, and 200 damaged corpora."""

import gzip
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.harvest import corpus_rows
from analysis.harvest.corpus import CorpusChoice, read_corpus
from analysis.harvest.odd_rows import OddRows
from analysis.runtime.errors import InputError

CASES = int(os.environ.get("MUTATIONS", "12"))
"""Of each kind of file; MUTATIONS=60 is the whole."""
TEXTS = ["One.", "Zwei, drei.", "x" * 700, "四"]
LINES = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), sink, row_group_size=2)
    return sink.getvalue()


def arrow() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"text": pa.array(TEXTS, pa.large_string())})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "c.jsonl": lambda: LINES,
    "c.ndjson.gz": lambda: gzip.compress(LINES),
    "c.jsonl.zst": lambda: zstd(LINES[:30]) + zstd(LINES[30:]),
    "c.json": lambda: json.dumps([{"text": text} for text in TEXTS], indent=1).encode(),
    "c.json.gz": lambda: gzip.compress(LINES),
    "c.parquet": parquet,
    "c.arrow": arrow,
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_texts(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name]())
    assert [d.text for d in read_corpus(tmp_path / name)] == TEXTS
    if name.startswith("c.json") and name.count(".") == 1:
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + FILES[name]())
        assert [d.text for d in read_corpus(tmp_path / name)] == TEXTS


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_packed_text_is_one_document(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    name = "whale.txt.gz" if pack is gzip.compress else "whale.txt.zst"
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbfCall me Ishmael."))
    (document,) = read_corpus(tmp_path / name)
    assert (document.title, document.text) == ("whale", "Call me Ishmael.")


@pytest.mark.parametrize("name", ["c.ndjson.gz", "c.jsonl.zst"])
def test_a_packed_file_that_ends_early_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name]()[:-6])
    with pytest.raises(InputError, match=r"cannot be unpacked .* to its end: it is damaged"):
        list(read_corpus(tmp_path / name))


def test_long_lines_of_a_packed_file_are_whole(tmp_path: Path) -> None:
    texts = ["x" * 3_000_000, "y", "z" * 1_048_576]
    content = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    (tmp_path / "c.jsonl.zst").write_bytes(zstd(content))
    assert [d.text for d in read_corpus(tmp_path / "c.jsonl.zst")] == texts


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1.5]), "has no `text` column of strings"),
        (pa.array([["a"]]), "has no `text` column of strings"),
        (pa.nulls(1), "has no `text` column of strings"),
    ],
)
def test_a_column_of_another_type_is_refused(
    column: pa.Array, message: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"text": column, "tokens": [["a"]]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match=message):
        list(read_corpus(tmp_path / "c.parquet"))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    with (
        pa.OSFile(str(tmp_path / "c.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as w,
    ):
        w.write_table(table)
    with pytest.raises(InputError, match="has several columns `text`"):
        list(read_corpus(tmp_path / "c.arrow"))


def mutated(content: bytes, random: random.Random) -> bytes:
    """The bytes with some changed, removed, repeated or swapped."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            del data[at : at + random.choice((1, 7, 100))]
        elif kind == 2:
            data[at:at] = data[at : at + random.choice((1, 7, 100))]
        elif kind == 3:
            data[at:at] = random.choice((b"\0", b"\n", b'"', b"\\ud83d", b"\xff\xfe", b"null"))
        else:
            del data[at:]
        if not data:
            data += b"\0"
    return bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_corpus_is_read_or_refused_with_its_file(name: str, tmp_path: Path) -> None:
    content = FILES[name]()
    for seed in range(CASES):
        (tmp_path / name).write_bytes(mutated(content, random.Random(seed)))
        odd = OddRows()
        try:
            documents = list(read_corpus(tmp_path / name, CorpusChoice(), odd))
        except InputError as error:
            assert str(tmp_path / name) in str(error), seed
            assert "\n" not in str(error)
            if name == "c.jsonl" and "no text" not in str(error):
                assert "Line " in str(error), seed
            continue
        for document in documents:
            assert "\0" not in document.text, seed
            document.text.encode()
            document.title.encode()


ROWS = [
    {"text": "a", "title": "A", "source": "s", "language": "fr", "class": 3, "score": 0.5},
    {"text": "b", "title": "B", "source": "s", "language": None, "class": 4, "score": 0.1},
]


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet", "arrow"])
def test_other_columns_are_values_of_the_documents(kind: str, tmp_path: Path) -> None:
    path, table = tmp_path / f"c.{kind}", pa.Table.from_pylist(ROWS)
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as w:
            w.write_table(table)
    elif kind == "json":
        path.write_text(json.dumps(ROWS))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    first, second = read_corpus(path)
    assert dict(first.values) == {"language": "fr", "class": "3"}
    assert dict(second.values) == {"class": "4"}
    assert (first.title, first.source) == ("A", "s")


def test_a_second_text_is_not_read_as_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_rows, "_SMALL_COLUMN", 0)
    rows = {"text": ["a", "b"], "other": ["x" * 300, "y" * 300], "genre": ["p", "q"]}
    pq.write_table(pa.table(rows), tmp_path / "c.parquet", compression="none")
    assert [dict(d.values) for d in read_corpus(tmp_path / "c.parquet")] == [
        {"genre": "p"},
        {"genre": "q"},
    ]


@pytest.mark.parametrize("value", [[0, "five"], [0, 1.5], [0, None], [True, 3]])
def test_a_list_with_anything_but_ids_is_no_column_of_tokens(tmp_path: Path, value: object) -> None:
    (tmp_path / "c.jsonl").write_text(json.dumps({"input_ids": value}))
    with pytest.raises(InputError, match="no `text` column of strings"):
        list(read_corpus(tmp_path / "c.jsonl"))
