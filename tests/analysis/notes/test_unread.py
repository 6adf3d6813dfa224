"""Which latent to look at next, against a sort of rows."""

import math

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.notes.note import Note
from analysis.notes.note_content import note_content
from analysis.notes.noted_latents import NotedLatents
from analysis.notes.subjects import latent_subject
from analysis.notes.unread import next_unread, unread

NOTED = NotedLatents(
    (Note(latent_subject(3), note_content("n"), 1),), voted=frozenset({10, 11, 9999})
)


def test_the_order_is_that_of_reading_and_leaves_out_what_was_looked_at(
    planted_bundle: Bundle,
) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 198
    rows = [
        row
        for row in planted_bundle.latents.to_pylist()
        if row["latent"] < 198 and row["latent"] not in (3, 10, 11) and row["flag"] != "dead"
    ]

    def key(row: dict[str, float | None]) -> tuple[float, float, float]:
        rank = row["reading_rank"]
        return (math.inf if rank is None else rank, -(row["density"] or 0), row["latent"] or 0)

    expected = [row["latent"] for row in sorted(rows, key=key)]
    assert len(expected) > 150
    assert unread(planted_bundle, NOTED, mask).tolist() == expected
    assert len(unread(planted_bundle, NOTED, np.zeros(len(mask), dtype=bool))) == 0


def test_the_latents_of_a_bundle_are_sorted_once(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    first = unread(planted_bundle, NotedLatents(), every).tolist()
    monkeypatch.setattr("analysis.notes.unread.pc.sort_indices", None)
    some = unread(planted_bundle, NOTED, np.arange(len(every)) < 20).tolist()
    assert some == [one for one in first if one < 20 and one not in (3, 10, 11)] and some


def test_the_next_one() -> None:
    ids = np.array([7, 2, 9])
    assert next_unread(ids, None) == 7
    assert next_unread(ids, 7) == 2
    assert next_unread(ids, 9) == 7
    assert next_unread(ids, 4) == 7  # it was looked at, so it is no longer among them
    assert next_unread(np.array([7]), 7) is None
    assert next_unread(np.empty(0, dtype=np.int64), None) is None


def test_a_random_one_is_never_the_current_one() -> None:
    ids = np.array([7, 2, 9])
    drawn = [next_unread(ids, 2, chance) for chance in (0, 0.49, 0.5, 0.999)]
    assert drawn == [7, 7, 9, 9]
    assert [next_unread(ids, None, chance) for chance in (0, 0.4, 0.999)] == [7, 2, 9]
