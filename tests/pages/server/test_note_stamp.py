"""The route that tells browsers whether anything was written."""

from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.notes.note_content import note_content
from analysis.notes.subjects import latent_subject
from pages.server import note_stamp
from pages.widgets import noted
from tests.pages.server.conftest import asked

pytestmark = pytest.mark.usefixtures("offered")


def test_the_answer_changes_with_every_write_and_with_nothing_else(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    store, place, latent = noted.note_store(), noted.place_of(planted_bundle), latent_subject(3)

    def answer() -> bytes:
        sent = note_stamp.note_stamp(asked(planted_bundle))
        assert (sent.status_code, sent.headers["cache-control"]) == (200, "no-store")
        return bytes(sent.body)

    seen = [answer()]
    assert answer() == seen[0]
    store.write(place, latent, note_content("n"), 0, "bob")
    seen.append(answer())
    store.vote(place, latent, 1, "whale", "bob")
    seen.append(answer())
    store.vote(place, latent, 0, "whale", "bob")
    seen.append(answer())
    store.put(place, latent, 2, "bob")
    seen.append(answer())
    assert len(set(seen)) == len(seen) == 5
    assert answer() == seen[-1] == noted.stamp_text().encode()


def test_a_database_that_cannot_be_opened_is_one_sentence(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'file' / 'notes.sqlite'}")
    sent = note_stamp.note_stamp(asked(planted_bundle))
    assert sent.status_code == 400
    assert str(tmp_path) not in bytes(sent.body).decode()
