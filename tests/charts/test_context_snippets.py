"""The strongest context of a latent as a short text."""

import numpy as np

from analysis.bundle import Bundle
from charts.context_snippets import Snippet, snippet_of, strongest_snippets


def test_a_snippet_is_the_strongest_stored_context(tiny: Bundle) -> None:
    snippets = strongest_snippets(tiny, np.array([20, 0, 33, 20]))
    assert set(snippets) == {20, 33}  # latent 0 is dead
    stored = tiny.contexts.of(20).to_pylist()
    best = max((row for row in stored if row["kind"] == "top"), key=lambda row: row["activation"])
    table = tiny.tokens.to_pydict()
    places = list(zip(table["document"], table["position"], strict=True))
    at = places.index((best["document"], best["position"]))
    assert snippets[20].token == snippet_of([table["token"][at]], 0).token
    assert snippets[20].after.startswith(snippet_of([table["token"][at + 1]], 0).token[:1])


def test_a_snippet_shows_whole_characters() -> None:
    tokens = ["⟨a0⟩", "x ", "⟨e4 bd⟩", "⟨a0⟩", "好", "⟨e4⟩"]
    assert snippet_of(tokens, 3) == Snippet("…x ", "你", "好…")
    assert snippet_of(tokens, 2).token == "你"


def test_a_line_is_cut_at_both_ends_and_marks_the_token() -> None:
    assert Snippet("the ", " sea", " is").line == "the  [sea] is"
    long = Snippet("b" * 25, "x", "a" * 37).line
    assert long == "…" + "b" * 24 + "[x]" + "a" * 36 + "…"
    assert Snippet("b" * 24, "x", "a" * 36).line == "b" * 24 + "[x]" + "a" * 36
    assert Snippet("", " ", "").line == " [␣]"
    assert Snippet("", "", "").line == ""
