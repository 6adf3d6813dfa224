"""Reading corpora of every kind, and refusing what is none."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.harvest import corpus
from analysis.harvest.corpus import Document, corpus_hash, read_corpus
from analysis.runtime.errors import InputError
from tests.analysis.harvest.claimed_sizes import claim_uncompressed_bytes

TEXTS = ["Call me Ishmael.", "  ", "Ça va ?\nOui.", "def f(x):\n\treturn x"]


def as_parquet(folder: Path) -> Path:
    table = pa.table({"text": TEXTS, "title": ["a", "b", "c", "d"], "other": [1, 2, 3, 4]})
    pq.write_table(table, folder / "c.parquet", row_group_size=2)
    return folder / "c.parquet"


def as_jsonl(folder: Path) -> Path:
    rows = [{"text": text, "title": title} for text, title in zip(TEXTS, "abcd", strict=True)]
    path = folder / "c.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def as_dataset(folder: Path, opened: Any = pa.ipc.new_stream) -> Path:
    """A dataset with splits, as Hugging Face's save_to_disk lays it out: Arrow streams."""
    train = folder / "dataset" / "train"
    train.mkdir(parents=True)
    (folder / "dataset" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    table = pa.table({"title": ["a", "b", "c", "d"], "text": pa.array(TEXTS, pa.large_string())})
    for number, part in enumerate((table.slice(0, 3), table.slice(3))):
        name = train / f"data-0000{number}-of-00002.arrow"
        with pa.OSFile(str(name), "wb") as sink, opened(sink, table.schema) as writer:
            writer.write_table(part)
    return folder / "dataset"


def as_arrow_files(folder: Path) -> Path:
    return as_dataset(folder, pa.ipc.new_file)


@pytest.mark.parametrize("made", [as_parquet, as_jsonl, as_dataset, as_arrow_files])
def test_every_kind_gives_the_same_documents(made: Callable[[Path], Path], tmp_path: Path) -> None:
    read = list(read_corpus(made(tmp_path)))
    # The blank document is passed over; the others keep their places.
    assert [(d.index, d.title, d.text) for d in read] == [
        (0, "a", TEXTS[0]),
        (2, "c", TEXTS[2]),
        (3, "d", TEXTS[3]),
    ]


def test_a_text_file_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "whale.txt").write_text("One.\n\nTwo.", encoding="utf-8")
    assert list(read_corpus(tmp_path / "whale.txt")) == [
        Document(0, "whale", "whale.txt", "One.\n\nTwo.")
    ]


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def parquet_of(**columns: list[Any]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(pa.table(columns), folder / "c.parquet")
        return folder / "c.parquet"

    return write


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda folder: folder / "no.txt", "There is no corpus at"),
        (lambda folder: folder, "holds no .arrow, .parquet, .jsonl or .txt file"),
        (written("c.docx", b"PK"), "has an unknown format"),
        (written("c.txt", b""), "has no text"),
        (written("c.txt", b" \n\t "), "has no text"),
        (written("c.txt", b"caf\xe9"), "not UTF-8 text at byte 3"),
        (written("c.jsonl", b""), "has no text"),
        (written("c.jsonl", b'{"text": "a"}\n{"text": '), "Line 2 .* is not JSON"),
        (written("c.jsonl", b'{"words": "a"}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": 5}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'["text"]'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": "\xff"}'), "Line 1 .* is not JSON"),
        (written("c.parquet", b"PAR1 nonsense"), "cannot be read as Parquet"),
        (written("c.arrow", b"nonsense of some length"), "cannot be read as Arrow"),
        (parquet_of(body=["a"]), r"no `text` column of strings \(its columns: body\)"),
        (parquet_of(text=[1, 2]), "no `text` column of strings"),
        (parquet_of(text=pa.array([], pa.string())), "has no text"),
        (parquet_of(text=[None, " "]), "has no text"),
    ],
)
def test_what_is_no_corpus_is_refused_in_one_sentence(
    made: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    path = made(tmp_path)
    with pytest.raises(InputError, match=message) as refused:
        list(read_corpus(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_truncated_parquet_page_is_refused(tmp_path: Path) -> None:
    path = as_parquet(tmp_path)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        list(read_corpus(path))


def test_budgets_bound_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = parquet_of(text=["x" * 100_000] * 50)(tmp_path)
    monkeypatch.setattr(corpus, "MAX_ROW_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match="smaller row groups"):
        list(read_corpus(bomb))
    monkeypatch.setattr(corpus, "MAX_ROW_GROUP_BYTES", 1 << 30)
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_CHARACTERS", 99_999)
    with pytest.raises(InputError, match=r"Document 0 .* 100,000 characters"):
        list(read_corpus(bomb))


def test_corpus_hash_follows_the_content(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path)
    before = corpus_hash(path)
    assert re.fullmatch("[0-9a-f]{64}", before)
    other = tmp_path / "other.jsonl"
    other.write_bytes(path.read_bytes())
    assert corpus_hash(other) == before
    other.write_bytes(path.read_bytes() + b"\n")
    assert corpus_hash(other) != before
    assert corpus_hash(as_dataset(tmp_path)) == corpus_hash(tmp_path / "dataset")
    with pytest.raises(InputError, match="There is no corpus"):
        corpus_hash(tmp_path / "nothing")


def test_documents_of_exactly_the_largest_size_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_CHARACTERS", 10)
    row = json.dumps({"text": "🐋" * 10}, ensure_ascii=False)
    for name, text in (("a.txt", "🐋" * 10), ("b.jsonl", row)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (document,) = read_corpus(tmp_path / name)
        assert document.text == "🐋" * 10
    (tmp_path / "a.txt").write_text("🐋" * 10 + "x", encoding="utf-8")
    with pytest.raises(InputError, match="41 bytes, which is too large"):
        list(read_corpus(tmp_path / "a.txt"))
    (tmp_path / "a.txt").write_text("x" * 11, encoding="utf-8")
    with pytest.raises(InputError, match="has 11 characters"):
        list(read_corpus(tmp_path / "a.txt"))


def test_a_folder_with_several_kinds_of_files_is_read_from_the_first(tmp_path: Path) -> None:
    kinds = ("txt", "jsonl", "parquet", "arrow")
    for kind in kinds:
        file = tmp_path / f"a.{kind}"
        table = pa.table({"text": [kind]})
        if kind == "txt":
            file.write_text(kind)
        elif kind == "jsonl":
            file.write_text(json.dumps({"text": kind}))
        elif kind == "parquet":
            pq.write_table(table, file)
        else:
            with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table)
        assert [document.text for document in read_corpus(tmp_path)] == [kind]


def test_row_groups_with_two_gibibytes_of_text_are_read_and_larger_ones_refused(
    tmp_path: Path,
) -> None:
    path = parquet_of(text=["One.", "Two."])(tmp_path)
    claim_uncompressed_bytes(path, 2 << 30)
    assert [document.text for document in read_corpus(path)] == ["One.", "Two."]
    claim_uncompressed_bytes(path, (2 << 30) + 1)
    with pytest.raises(InputError, match="holds 2,147,483,649 bytes of text"):
        list(read_corpus(path))


def test_a_document_has_at_most_20_million_characters(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"x" * 20_000_000)
    (document,) = read_corpus(path)
    assert len(document.text) == 20_000_000
    path.write_bytes(b"x" * 20_000_001)
    with pytest.raises(InputError, match="more than the 20,000,000 allowed"):
        list(read_corpus(path))
