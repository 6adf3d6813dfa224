"""The types of notes."""

from analysis.notes.note import EditConflictError, Note
from analysis.notes.note_content import NoteContent, note_content
from analysis.notes.subjects import latent_subject


def test_a_conflict_has_both_versions_and_names_the_other_editor() -> None:
    stored = Note(latent_subject(3), note_content(text="theirs"), 4, "ada")
    conflict = EditConflictError(stored, note_content(text="mine"))
    assert (conflict.stored.content.text, conflict.given.text) == ("theirs", "mine")
    assert "ada has changed this note" in str(conflict)


def test_a_subject_without_a_note_has_version_0() -> None:
    note = Note(latent_subject(3), NoteContent(), 0)
    assert note.content.is_empty and note.time is None and note.author == ""
