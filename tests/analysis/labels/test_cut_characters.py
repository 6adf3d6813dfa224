"""Whole characters of byte-level tokens, against the bytes of the text."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.harvest.readable import _shown
from analysis.labels.cut_characters import cut_of, decoded, whole_characters, without_pieces
from analysis.labels.units import token_units


@given(st.text(min_size=1, max_size=12), st.lists(st.integers(1, 30), max_size=8))
def test_tokens_cut_anywhere_are_joined_to_the_text_again(text: str, cuts: list[int]) -> None:
    raw = text.replace("⟨", "").encode("utf-8", "ignore")
    ends = sorted({min(cut, len(raw)) for cut in cuts} | {len(raw)})
    tokens = [_shown(raw[a:b]) for a, b in zip([0, *ends], ends, strict=False) if b > a]
    runs = whole_characters(tokens)
    assert [i for a, b in runs for i in range(a, b)] == list(range(len(tokens)))
    shown = "".join(decoded("".join(tokens[a:b])) for a, b in runs)
    assert shown == _shown(raw)


@pytest.mark.parametrize(
    ("tokens", "runs"),
    [
        (["⟨e4 bd⟩", "⟨a0⟩好"], [(0, 2)]),
        (["x⟨e4⟩", "⟨bd⟩⟨a0⟩", "y"], [(0, 2), (2, 3)]),
        (["⟨f0 9f⟩", "⟨98⟩", "⟨80⟩"], [(0, 3)]),
        (["⟨e4 bd⟩", "a", "⟨a0⟩"], [(0, 1), (1, 2), (2, 3)]),
        ([], []),
    ],
)
def test_runs_are_those_of_the_units_of_a_corpus(
    tokens: list[str], runs: list[tuple[int, int]]
) -> None:
    assert whole_characters(tokens) == runs
    n = len(tokens)
    table = pa.table(
        {
            "token": pa.array(tokens, pa.string()),
            "document": np.zeros(n, np.int64),
            "position": np.arange(n, dtype=np.int32),
        }
    )
    if n:
        assert token_units(table).starts.tolist() == [start for start, _ in runs]


def test_lone_pieces_become_an_ellipsis() -> None:
    assert without_pieces("⟨8a⟩⟨e4 bd⟩ sea") == "… sea"
    assert without_pieces("sea") == "sea"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("a", (0, 0, False)),
        ("⟨a0⟩", (1, 0, True)),
        ("⟨bd a0⟩", (2, 0, True)),
        ("⟨a0⟩好", (1, 0, False)),
        ("a⟨a0⟩", (0, 0, False)),  # an end of nothing
        ("a⟨e4⟩", (0, 2, False)),
        ("a⟨e4 bd⟩", (0, 1, False)),
        ("⟨e4⟩a", (0, 0, False)),
        ("⟨a0⟩a⟨f0⟩", (1, 3, False)),
        ("⟨f0 9f⟩", (0, 2, False)),
    ],
)
def test_how_a_token_cuts_characters(text: str, cut: tuple[int, int, bool]) -> None:
    assert cut_of(text) == cut
