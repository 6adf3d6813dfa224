"""Latents by the status and the tags of their notes, as a text and back."""

import pytest

from analysis.notes.note import Note
from analysis.notes.note_content import STATUSES, note_content
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.subjects import latent_subject
from analysis.runtime.errors import InputError
from charts.note_colours import NOTE_STATUS, NOTE_TAG, colours_of, noted_codes, notes_text

NOTED = NotedLatents(
    tuple(
        Note(latent_subject(latent), note_content("n", tags, status=status), 1)
        for latent, tags, status in (
            (3, ["a", "time"], "checked"),
            (8, ["time"], "open"),
            (20, [], "checked"),
            (21, ["b", "time"], "checked"),
            (30, ["b:x"], "open"),
        )
    )
)


def test_statuses_and_tags_have_their_latents() -> None:
    assert notes_text(NOTE_STATUS, NOTED) == "open=8,30;checked=3,20,21"
    # A latent with several tags has the most frequent one.
    assert notes_text(NOTE_TAG, NOTED) == "time=3,8,21;b:x=30"
    assert notes_text(NOTE_TAG, NotedLatents()) == notes_text(NOTE_STATUS, NotedLatents()) == ""


def test_the_text_gives_the_codes_of_the_latents_that_the_bundle_has() -> None:
    words, codes = noted_codes("time=3,8,21;b:x=30", 30)
    assert words == ("time", "b:x")
    assert {i: int(code) for i, code in enumerate(codes) if code} == {3: 1, 8: 1, 21: 1}
    assert noted_codes("", 4)[0] == () and noted_codes("", 4)[1].tolist() == [0] * 4


@pytest.mark.parametrize("text", ["checked", "checked=", "checked=3,x", "checked=-3", "a=1;b"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="words with latents"):
        noted_codes(text, 9)


def test_a_status_has_its_colour_and_tags_differ() -> None:
    every = dict(zip(STATUSES, colours_of(NOTE_STATUS, STATUSES), strict=True))
    assert len(set(every.values())) == 3
    assert colours_of(NOTE_STATUS, ("checked",)) == [every["checked"]]
    tags = colours_of(NOTE_TAG, tuple(map(str, range(30))))
    assert len(tags) == 30 and len(set(tags[:20])) == 20
