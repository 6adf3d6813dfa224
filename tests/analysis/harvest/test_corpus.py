"""Reading corpora of every kind, and refusing what is none."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.harvest import corpus_rows, odd_rows
from analysis.harvest.corpus import CorpusChoice, Document, corpus_hash, read_corpus
from analysis.harvest.odd_rows import OddRows
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
        (written("c.txt", b"caf\xe9"), "has no text.* in another encoding than UTF-8, skipped: 1"),
        (written("c.jsonl", b""), "has no text"),
        (written("c.jsonl", b'{"text": "a"}\n{"text": '), "Line 2 .* is not JSON"),
        (written("c.jsonl", b'{"words": "a"}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": 5}'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'["text"]'), "Line 1 .* has no `text` column"),
        (written("c.jsonl", b'{"text": "\xff"}'), "line 1 of "),
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
    monkeypatch.setattr(corpus_rows, "MAX_ROW_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match="smaller row groups"):
        list(read_corpus(bomb))
    monkeypatch.setattr(corpus_rows, "MAX_ROW_GROUP_BYTES", 1 << 30)
    monkeypatch.setattr(odd_rows, "MAX_DOCUMENT_CHARACTERS", 99_999)
    odd = OddRows()
    assert {len(document.text) for document in read_corpus(bomb, odd=odd)} == {99_999}
    assert odd.counts == {odd_rows.CUT: 50}


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
    monkeypatch.setattr(odd_rows, "MAX_DOCUMENT_CHARACTERS", 10)
    for text, cut in (("🐋" * 10, 0), ("🐋" * 10 + "x", 1), ("🐋" * 99, 1), ("é" * 11, 1)):
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        row = json.dumps({"text": text}, ensure_ascii=False)
        (tmp_path / "b.jsonl").write_text(row, encoding="utf-8")
        for name in ("a.txt", "b.jsonl"):
            odd = OddRows()
            if len(row.encode()) >= 80 and name == "b.jsonl":  # a line of 8 bytes a character
                continue
            (document,) = read_corpus(tmp_path / name, odd=odd)
            assert document.text == text[:10]
            assert odd.counts == ({odd_rows.CUT: 1} if cut else {})


def test_a_line_without_end_is_skipped_and_the_next_one_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(odd_rows, "MAX_DOCUMENT_CHARACTERS", 10)
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "One."}\n{"text": "' + "x" * 200 + '"}\n{"text": "Two."}\n')
    odd = OddRows()
    assert [(d.index, d.text) for d in read_corpus(path, odd=odd)] == [(0, "One."), (2, "Two.")]
    assert odd.first == {odd_rows.TOO_LONG_LINE: f"line 2 of {path}"}


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
    path.write_bytes(b"x" * 50_000_000)
    odd = OddRows()
    (document,) = read_corpus(path, odd=odd)
    assert len(document.text) == 20_000_000
    assert odd.counts == {odd_rows.CUT: 1}


ODD = [
    "One.", None, "", " \n", "half \ud83d a pair", "a\0b", "Ç" * 300 + "\ufffd", "Last.",
]  # fmt: skip
READ = [
    (0, "One."), (4, "half \ufffd a pair"), (5, "a\ufffdb"), (6, "Ç" * 300 + "\ufffd"),
    (7, "Last."),
]  # fmt: skip
COUNTED = {odd_rows.NO_TEXT: 3, odd_rows.SURROGATES: 1, odd_rows.NULS: 1, odd_rows.UNDECODED: 1}


def odd_bytes(text: str | None) -> bytes | None:
    """UTF-8 with surrogates as they are, and a byte that is none for U+FFFD."""
    if text is None:
        return None
    return text.encode("utf-8", "surrogatepass").replace("\ufffd".encode(), b"\xe9")


def odd_jsonl(folder: Path) -> Path:
    lines = (b'{"text": null}' if t is None else b"%s" % _json_bytes(t) for t in ODD)
    (folder / "c.jsonl").write_bytes(b"\n".join(lines))
    return folder / "c.jsonl"


def _json_bytes(text: str) -> bytes:
    value = json.dumps(text, ensure_ascii=False)
    return b'{"text": ' + (odd_bytes(value) or b"") + b"}"


def odd_parquet(folder: Path) -> Path:
    column = pa.array([odd_bytes(t) for t in ODD], pa.large_binary())
    pq.write_table(pa.table({"text": column.view(pa.large_string())}), folder / "c.parquet")
    return folder / "c.parquet"


def odd_categorical(folder: Path) -> Path:
    column = pa.array([odd_bytes(t) for t in ODD], pa.binary()).view(pa.string())
    table = pa.table({"text": column.dictionary_encode()})
    with pa.OSFile(str(folder / "c.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as w:
        w.write_table(table)
    return folder / "c.arrow"


def odd_views(folder: Path) -> Path:
    column = pa.array([odd_bytes(t) for t in ODD], pa.binary_view())
    table = pa.table({"text": column})
    with (
        pa.OSFile(str(folder / "c.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as w,
    ):
        w.write_table(table)
    return folder / "c.arrow"


@pytest.mark.parametrize("made", [odd_jsonl, odd_parquet, odd_categorical, odd_views])
def test_odd_rows_follow_one_rule_in_every_format(
    made: Callable[[Path], Path], tmp_path: Path
) -> None:
    odd = OddRows()
    path = made(tmp_path)
    assert [(d.index, d.text) for d in read_corpus(path, odd=odd)] == READ
    assert odd.counts == COUNTED
    row = "line" if path.suffix == ".jsonl" else "row"
    assert odd.first[odd_rows.NO_TEXT] == f"{row} 2 of {path}"
    assert odd.first[odd_rows.SURROGATES] == f"{row} 5 of {path}"
    assert all(str(path) in sentence for sentence in odd.sentences())


def test_a_folder_of_texts_is_one_document_for_each(tmp_path: Path) -> None:
    for name, text in (("b/two.md", "Two."), ("a.txt", "One."), ("test.txt", "Three.")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text("About this.")
    read = [(d.title, d.source, d.text) for d in read_corpus(tmp_path)]
    assert read == [
        ("a", "a.txt", "One."), ("two", "b/two.md", "Two."), ("test", "test.txt", "Three."),
    ]  # fmt: skip


def test_another_column_is_read_and_changes_the_hash(tmp_path: Path) -> None:
    path = parquet_of(body=["One."], text=["Two."])(tmp_path)
    chosen = CorpusChoice(column="body")
    assert [d.text for d in read_corpus(path, chosen)] == ["One."]
    assert [d.text for d in read_corpus(path)] == ["Two."]
    assert corpus_hash(path, chosen) != corpus_hash(path)
    (tmp_path / "c.jsonl").write_text('{"body": "One."}\n{"body": 5}\n')
    odd = OddRows()
    assert [d.text for d in read_corpus(tmp_path / "c.jsonl", chosen, odd)] == ["One."]
    assert odd.counts == {odd_rows.NO_STRING: 1}
    with pytest.raises(InputError, match=r"has no `page` column .* --text-column body"):
        list(read_corpus(path, CorpusChoice(column="page")))


@pytest.mark.parametrize("name", ["input_ids", "tokens"])
@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int32()), pa.large_list(pa.int64()), pa.list_(pa.int16(), 2)]
)
def test_token_ids_are_read_as_they_are(name: str, kind: pa.DataType, tmp_path: Path) -> None:
    pq.write_table(pa.table({name: pa.array([[0, 5], None, [7, 2]], kind)}), tmp_path / "c.parquet")
    read = [(d.index, d.text, d.token_ids) for d in read_corpus(tmp_path / "c.parquet")]
    assert read == [(0, "", (0, 5)), (2, "", (7, 2))]
    (tmp_path / "c.jsonl").write_text(f'{{"{name}": [0, 5]}}\n{{"{name}": []}}\n')
    assert [d.token_ids for d in read_corpus(tmp_path / "c.jsonl")] == [(0, 5)]
