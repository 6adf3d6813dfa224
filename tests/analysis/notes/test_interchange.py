"""Export and import: what comes back is what was written, and no import loses an edit."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.notes.interchange import (
    COLUMNS,
    ImportReport,
    import_notes,
    notes_table,
    read_notes,
    read_votes,
    write_notes,
)
from analysis.notes.note import Place
from analysis.notes.note_content import NoteContent, note_content
from analysis.notes.note_store import NoteStore
from analysis.notes.subjects import (
    ClusterOrigin,
    Subject,
    cluster_subject,
    latent_subject,
    new_collection,
    pair_subject,
)
from analysis.notes.vote_interchange import GivenVote
from analysis.runtime.errors import InputError
from tests.analysis.notes.conftest import PLACE

ELSEWHERE = Place("e" * 64, "f" * 64, "second")
ORIGIN = ClusterOrigin("first", 4, "cooccurrence")
CONTENTS = {
    latent_subject(7): note_content("=1+1", ["time", "b"], "@cmd\n'quoted' \"x\", ; 💧", "checked"),
    latent_subject(8): note_content("'+", [], "\u202eשלום <b>", "open"),
    pair_subject(3, 9): note_content("-pair", [], "a\n\nb", "unclear"),
    cluster_subject([4, 5, 6], ORIGIN): note_content("cluster"),
    new_collection([1, 2, 30]): note_content("suspects", ["x"]),
}


_import: Callable[..., ImportReport] = partial(import_notes, latents=1000)


@pytest.fixture
def filled(sqlite_store: NoteStore) -> NoteStore:
    for subject, content in CONTENTS.items():
        sqlite_store.write(PLACE, subject, content, 0, "ada")
    sqlite_store.vote(PLACE, latent_subject(7), 1, "label", "ada")
    sqlite_store.vote(PLACE, latent_subject(7), -1, "label", "bob")
    sqlite_store.vote(PLACE, latent_subject(7), -1, "label", "cy")
    return sqlite_store


def test_the_rows_of_an_export(filled: NoteStore) -> None:
    table = notes_table(filled, PLACE.sae)
    assert table.schema == COLUMNS
    rows = table.to_pylist()
    assert [row["latents"] for row in rows] == [list(subject.members) for subject in CONTENTS]
    assert [(row["votes_for"], row["votes_against"]) for row in rows] == [(1, 2), *[(0, 0)] * 4]
    assert (rows[3]["bundle"], rows[3]["cluster"], rows[3]["space"]) == ("first", 4, "cooccurrence")
    assert {row["author"] for row in rows} == {"ada"}
    assert rows[0]["name"] == "=1+1"


def votes_of(store: NoteStore, sae: str) -> set[tuple[str, str, str, int, str]]:
    return {(s.kind, s.key, v.author, v.value, v.label) for s, v in store.all_votes(sae)}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_subjects_with_votes_only_are_exported_and_come_back(
    filled: NoteStore, kind: str, tmp_path: Path
) -> None:
    filled.vote(PLACE, latent_subject(40), 1, "=days", "ada")
    filled.vote(PLACE, latent_subject(40), -1, "=days", "bob")
    filled.vote(PLACE, latent_subject(20), -1, "of", "ada")
    filled.vote(PLACE, latent_subject(21), 1, "of", "ada")
    filled.vote(PLACE, latent_subject(21), 0, "of", "ada")
    cluster = cluster_subject([4, 5], ORIGIN)
    filled.vote(PLACE, cluster, 1, "verbs", "ada")
    rows = notes_table(filled, PLACE.sae).to_pylist()[len(CONTENTS) :]
    assert [(r["kind"], r["latents"], r["votes_for"], r["votes_against"]) for r in rows] == [
        ("cluster", [4, 5], 1, 0),
        ("latent", [20], 0, 1),
        ("latent", [40], 1, 1),
    ]
    assert {(row["version"], row["name"], row["text"], row["time"]) for row in rows} == {
        (0, "", "", None)
    }
    file = tmp_path / f"notes.{kind}"
    write_notes(notes_table(filled, PLACE.sae), file)
    filled.write(ELSEWHERE, latent_subject(20), note_content("stays"), 0, "eve")
    for replace, stored in ((False, 7), (True, 0)):
        report = _import(
            filled, ELSEWHERE, read_notes(file), "bob", votes=read_votes(file), replace=replace
        )
        assert report.votes == stored and report.kept == ()
    assert votes_of(filled, ELSEWHERE.sae) == votes_of(filled, PLACE.sae)
    assert len(votes_of(filled, PLACE.sae)) == 7
    assert filled.note(ELSEWHERE, latent_subject(20)).content.name == "stays"
    back = {s.key: s for s, _ in filled.all_votes(ELSEWHERE.sae)}
    assert back[cluster.key].origin == ORIGIN


def test_an_import_replaces_no_vote_unless_requested(filled: NoteStore) -> None:
    given = [(latent_subject(7), GivenVote("ada", -1, "label"))]
    assert _import(filled, PLACE, [], "cy", votes=given).votes == 0
    assert ("ada", 1) in {(v.author, v.value) for v in filled.votes(PLACE, latent_subject(7))}
    assert _import(filled, PLACE, [], "cy", votes=given, replace=True).votes == 1
    assert ("ada", -1) in {(v.author, v.value) for v in filled.votes(PLACE, latent_subject(7))}
    far = [(latent_subject(1000), GivenVote("ada", 1, "label"))]
    with pytest.raises(InputError, match="about latent 1000, but this SAE has 1,000"):
        _import(filled, PLACE, [(latent_subject(9), note_content("n"))], "cy", votes=far)
    assert filled.note(PLACE, latent_subject(9)).version == 0


def test_a_wrong_vote_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"given\.parquet: row 1: votes is not a list of votes"):
        read_votes(_file(tmp_path, votes=[[3]]))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_import_restores_an_export(filled: NoteStore, kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"notes.{kind}"
    write_notes(notes_table(filled, PLACE.sae), file)
    assert [one.name for one in tmp_path.glob("notes.*") if "sqlite" not in one.name] == [file.name]
    report = _import(filled, ELSEWHERE, read_notes(file), "bob")
    assert (report.written, report.unchanged, report.kept) == (5, 0, ())
    restored = {note.subject.members: note for note in filled.notes(ELSEWHERE.sae)}
    for subject, content in CONTENTS.items():
        note = restored[subject.members]
        assert note.content == content and note.subject.origin == subject.origin
        assert (note.author, note.action) == ("bob", "import")
        assert note.subject.kind == subject.kind
    again = _import(filled, ELSEWHERE, read_notes(file), "bob")
    assert (again.written, again.unchanged, again.kept) == (0, 5, ())


def test_no_text_of_a_csv_can_be_a_formula(filled: NoteStore, tmp_path: Path) -> None:
    file = tmp_path / "notes.csv"
    write_notes(notes_table(filled, PLACE.sae), file)
    with file.open(encoding="utf-8", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert "'=1+1" in cells and "'-pair" in cells and "''+" in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_an_import_replaces_nothing_unless_requested(filled: NoteStore) -> None:
    changed = note_content("new name")
    report = _import(filled, PLACE, [(latent_subject(7), changed)], "bob")
    assert (report.written, report.unchanged) == (0, 0)
    assert [note.content for note in report.kept] == [CONTENTS[latent_subject(7)]]
    assert filled.note(PLACE, latent_subject(7)).version == 1
    report = _import(filled, PLACE, [(latent_subject(7), changed)], "bob", replace=True)
    assert (report.written, report.kept) == (1, ())
    assert [note.content.name for note in filled.history(PLACE, latent_subject(7))] == [
        "=1+1",
        "new name",
    ]


def test_a_note_that_was_emptied_is_imported_again(filled: NoteStore) -> None:
    subject = latent_subject(7)
    filled.write(PLACE, subject, note_content(), 1, "ada")
    report = _import(filled, PLACE, [(subject, CONTENTS[subject])], "bob")
    assert (report.written, report.unchanged, report.kept) == (1, 0, ())
    note = filled.note(PLACE, subject)
    assert (note.content, note.version, note.author) == (CONTENTS[subject], 3, "bob")


def test_a_collection_is_found_by_its_name(filled: NoteStore) -> None:
    content = note_content("suspects", ["y"])
    _import(filled, PLACE, [(new_collection([1, 2, 30]), content)], "bob", replace=True)
    (collection,) = (n for n in filled.notes(PLACE.sae) if n.subject.kind == "collection")
    assert (collection.content, collection.version) == (content, 2)
    with pytest.raises(InputError, match="'suspects' has other latents here"):
        _import(filled, PLACE, [(new_collection([1, 2]), content)], "bob")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((new_collection([1, 2]), note_content("suspects")), "'suspects' has other latents here"),
        ((new_collection([1, 2]), note_content("first")), "'first' has other latents here"),
        ((new_collection([1, 2]), note_content(text="t")), "has no name"),
        ((pair_subject(3, 1000), note_content("n")), "about latent 1000, but this SAE has 1,000"),
    ],
)
def test_nothing_is_stored_if_a_later_note_is_wrong(
    wrong: tuple[Subject, NoteContent], message: str, filled: NoteStore
) -> None:
    first = [
        (latent_subject(999), note_content("last latent")),
        (new_collection([5]), note_content("first")),
    ]
    with pytest.raises(InputError, match=message):
        _import(filled, PLACE, [*first, wrong], "bob")
    assert len(filled.notes(PLACE.sae)) == len(CONTENTS)
    assert _import(filled, PLACE, first, "bob").written == 2


def test_a_collection_that_is_twice_in_a_file_is_one(filled: NoteStore) -> None:
    given = [(new_collection([5]), note_content("twice", text=text)) for text in "ab"]
    report = _import(filled, PLACE, given, "bob")
    assert report.written == 1 and [note.content.text for note in report.kept] == ["a"]


def test_a_large_cluster_comes_back_from_csv(sqlite_store: NoteStore, tmp_path: Path) -> None:
    before = csv.field_size_limit()
    subject = cluster_subject(range(0, 80_000, 2))
    sqlite_store.write(PLACE, subject, note_content("large"), 0, "ada")
    write_notes(notes_table(sqlite_store, PLACE.sae), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").stat().st_size > before
    ((back, _),) = read_notes(tmp_path / "a.csv")
    assert back.key == subject.key and csv.field_size_limit() == before


CLUSTER: dict[str, list[object]] = {
    "kind": ["cluster"],
    "latents": [[3, 4]],
    "bundle": ["first"],
    "space": ["decoder"],
}


def _file(tmp_path: Path, **columns: list[object]) -> Path:
    usual: dict[str, list[object]] = {
        "kind": ["latent"],
        "latents": [[3]],
        "name": ["n"],
        "tags": [["t"]],
        "text": [""],
        "status": ["open"],
    }
    file = tmp_path / "given.parquet"
    pq.write_table(pa.table({k: v for k, v in (usual | columns).items() if v}), file)
    return file


def test_a_file_of_another_tool_needs_few_columns(tmp_path: Path) -> None:
    ((subject, content),) = read_notes(_file(tmp_path))
    assert subject == latent_subject(3) and content == note_content("n", ["t"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"status": []}, "has no column status"),
        ({"kind": ["layer"]}, "row 1: the kind is one of latent, pair"),
        ({"latents": [[1, 2]]}, "row 1: a note on a latent cannot have 2 latents"),
        ({"latents": [[-1]]}, "row 1: -1 is not the id"),
        ({"latents": [["x"]]}, "row 1: a latent is a whole number, not 'x'"),
        ({"latents": [[3.5]]}, "row 1: a latent is a whole number, not '3.5'"),
        ({"latents": [[True]]}, "row 1: a latent is a whole number, not 'True'"),
        ({"latents": ["34"]}, "row 1: latents is not a list"),
        ({"tags": ["ab"]}, "row 1: tags is not a list"),
        ({"name": [3]}, "row 1: this is not a note"),
        (CLUSTER | {"cluster": ["x"]}, "row 1: this is not a note"),
        (CLUSTER | {"cluster": [2**31]}, "row 1: 2147483648 is not the number of a cluster"),
        (CLUSTER | {"cluster": [-1]}, "row 1: -1 is not the number of a cluster"),
        ({"status": ["done"]}, "row 1: The status 'done' is unknown"),
        ({"tags": [["a b"]]}, "row 1: 'a b' is not a tag"),
        ({"kind": ["pair"], "latents": [[4, 4]]}, "row 1: A pair is two latents"),
        ({"kind": ["cluster"], "latents": [[]]}, "cannot have 0 latents|is not a note"),
    ],
)
def test_wrong_files_are_refused(
    columns: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read_notes(_file(tmp_path, **columns))


HEADER = b"kind,latents,name,tags,text,status,cluster\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "end in .parquet or .csv"),
        ("a.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("a.csv", b"\xff\xfe", "cannot be read as CSV"),
        ("a.csv", b"kind,latents\n", "has no column name"),
        ("a.csv", HEADER + b"latent,3;4,,,,,\n", r"row 1: latents is no list .* like \[3, 14\]"),
        ("a.csv", HEADER + b'latent,[3],,"[""a]",,,\n', r'row 1: tags .* like \["days"\]'),
        ("a.csv", HEADER + b"latent,[3],,[],,,\nlatent,[3],,[],,,4a\n", "row 2: cluster is a num"),
        ("a.csv", HEADER + b"latent,[3],,[],,," + b"9" * 5000, "row 1: cluster is a number"),
        ("a.csv", HEADER + b"latent," + b"[" * 100_000 + b",,,,,\n", "row 1: latents is no list"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_notes(tmp_path / name)


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.notes.interchange.MOST_ROWS", 2)
    one = pq.read_table(_file(tmp_path))
    pq.write_table(pa.concat_tables([one] * 3), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="more than 2 rows"):
        read_notes(tmp_path / "a.parquet")
    pq.write_table(pa.concat_tables([one] * 2), tmp_path / "a.parquet")
    assert len(read_notes(tmp_path / "a.parquet")) == 2
    lines = ["kind,latents,name,tags,text,status", *["latent,[3],,,,open"] * 3]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match="more than 2 rows"):
        read_notes(tmp_path / "a.csv")
    monkeypatch.setattr("analysis.notes.interchange.MOST_BYTES", 10)
    with pytest.raises(InputError, match="more than 10 bytes"):
        read_notes(tmp_path / "a.csv")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_file_has_at_most_so_many_bytes(
    filled: NoteStore, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"a.{kind}"
    filled.write(PLACE, latent_subject(9), note_content(text="x" * 9_999), 0, "ada")
    write_notes(notes_table(filled, PLACE.sae), file)
    most = file.stat().st_size
    if kind == "parquet":
        packed, most = most, pq.read_metadata(file).row_group(0).total_byte_size
        assert most > packed
    monkeypatch.setattr("analysis.notes.interchange.MOST_BYTES", most)
    assert len(read_notes(file)) == len(CONTENTS) + 1
    monkeypatch.setattr("analysis.notes.interchange.MOST_BYTES", most - 1)
    with pytest.raises(InputError, match=f"more than {most - 1:,} bytes"):
        read_notes(file)


def test_files_that_are_missing(sqlite_store: NoteStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_notes(tmp_path / "a.csv")
    with pytest.raises(InputError, match="there is no such folder"):
        write_notes(notes_table(sqlite_store, PLACE.sae), tmp_path / "x" / "a.csv")
