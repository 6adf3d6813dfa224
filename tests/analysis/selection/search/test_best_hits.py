"""The best hits, in the world whose words and latents are planted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from analysis.selection.search import search
from analysis.selection.search.best_hits import FORM, NAME, PART, TOKEN, _with_form

HOSTILE = [
    '"',
    "' or 1=1 --",
    "\0",
    "*",
    "a" * 100_000,
    "\ud800",
    "NEAR(",
    "AND",
    "⟨",
    " ",
    "😀",
    "%",
]


def test_latents_of_a_topic_are_found_by_its_word(planted_bundle: Bundle) -> None:
    latents = search(planted_bundle, "whale").latents
    assert latents and all(hit.item < 10 for hit in latents[:5])  # the group of the sea
    assert all(hit.tokens and hit.size > 0 for hit in latents)


def test_a_name_is_better_than_activity(planted_bundle: Bundle) -> None:
    for hit in search(planted_bundle, "violin").latents[:3]:
        assert 40 <= hit.item < 50
    far, near = _with_form(NAME, 4), _with_form(NAME, 3)
    assert near < _with_form(TOKEN, 0) < far
    ranks = [_with_form(NAME, 0), _with_form(PART, 0), _with_form(NAME, 1), _with_form(PART, 1)]
    assert ranks == sorted(ranks) and ranks[2][0] == FORM


def test_each_hit_shows_the_text(planted_bundle: Bundle) -> None:
    hits = search(planted_bundle, "Monday")
    assert hits.tokens[0].name == " Monday"
    assert all("Monday" in hit.name for hit in hits.contexts)
    assert hits.contexts and hits.documents
    for hit in (*hits.tokens, *hits.documents):
        assert evaluate(parse(hit.select), planted_bundle).any()


def test_no_kind_has_more_hits_than_asked(planted_bundle: Bundle) -> None:
    hits = search(planted_bundle, "the", most=2)
    assert len(hits.latents) == 2 and len(hits.documents) == 2 and len(hits.contexts) <= 2


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_text_is_a_query(planted_bundle: Bundle, typed: str) -> None:
    search(planted_bundle, typed)


@settings(max_examples=25)
@given(typed=st.text(max_size=12))
def test_any_text_is_a_query(planted_bundle: Bundle, typed: str) -> None:
    search(planted_bundle, typed)
