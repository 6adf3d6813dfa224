"""Votes in files: what a cell may hold."""

from datetime import UTC, datetime

import pytest

from analysis.notes.note import Vote
from analysis.notes.note_store import LONGEST_LABEL
from analysis.notes.vote_interchange import GivenVote, vote_cells, votes_of_cell
from analysis.runtime.errors import InputError


def test_a_cell_comes_back() -> None:
    time = datetime(2026, 1, 31, tzinfo=UTC)
    cell = vote_cells([Vote("bob", -1, "=label", time), Vote("ada", 1, "", time)])
    assert cell == [
        {"author": "ada", "value": 1, "label": ""},
        {"author": "bob", "value": -1, "label": "=label"},
    ]
    assert votes_of_cell(cell) == [GivenVote("ada", 1, ""), GivenVote("bob", -1, "=label")]
    assert votes_of_cell(None) == votes_of_cell([]) == []
    long = [{"author": " ada ", "value": 1, "label": "x" * 2 * LONGEST_LABEL}]
    assert votes_of_cell(long) == [GivenVote("ada", 1, "x" * LONGEST_LABEL)]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("ada", "votes is not a list of votes"),
        ([3], "votes is not a list of votes"),
        ([{"author": "ada", "value": 2, "label": "x"}], "a vote is 1 or -1, not '2'"),
        ([{"author": "ada", "value": True, "label": "x"}], "a vote is 1 or -1, not 'True'"),
        ([{"value": 1, "label": "x"}], "a vote has an author"),
        ([{"author": "ada", "value": 1, "label": 3}], "a vote has an author and a label"),
        ([{"author": "", "value": 1, "label": "x"}], "name of an author has 1 to"),
    ],
)
def test_wrong_votes_are_refused(cell: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        votes_of_cell(cell)
