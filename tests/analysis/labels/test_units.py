"""Tokens that cut a character are one unit, whatever the cut."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.harvest.readable import _shown
from analysis.labels.units import token_units
from tests.analysis.labels.corpora import token_table


def _units(*documents: list[str]) -> list[str]:
    """The text of the unit of every row."""
    units = token_units(token_table(*documents))
    return [units.texts[units.code[unit]] for unit in units.of_row]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["a", " b"], ["a", " b"]),
        (["⟨c3⟩", "⟨a9⟩"], ["é"] * 2),
        (["⟨e4⟩", "⟨bd⟩", "⟨a0⟩"], ["你"] * 3),
        (["⟨e4 bd⟩", "⟨a0⟩好"], ["你好"] * 2),
        (["x⟨e4⟩", "⟨bd⟩⟨a0⟩", "y"], ["x你", "x你", "y"]),
        (["⟨f0 9f⟩", "⟨98⟩", "⟨80⟩"], ["😀"] * 3),
        (["⟨e4 bd⟩", "a", "⟨a0⟩"], ["⟨e4 bd⟩", "a", "⟨a0⟩"]),
        (["⟨a0⟩", "⟨a0⟩"], ["⟨a0⟩", "⟨a0⟩"]),
        (["é", "⟨a9⟩"], ["é", "⟨a9⟩"]),
        (["Ġthe", "▁cat"], [" the", " cat"]),
    ],
)
def test_the_parts_of_a_character_are_joined(tokens: list[str], expected: list[str]) -> None:
    assert _units(tokens) == expected


@given(st.text("aé你😀สต", min_size=1, max_size=12), st.data())
def test_any_cut_of_a_text_gives_whole_characters(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(raw) - 1, 1)))) - {len(raw)})
    bounds = [0, *cuts, len(raw)]
    tokens = [_shown(raw[a:b]) for a, b in pairwise(bounds)]
    units = token_units(token_table([token for token in tokens if token]))
    assert "".join(units.texts[code] for code in units.code) == text


def test_no_unit_spans_documents_or_a_gap() -> None:
    assert _units(["⟨c3⟩"], ["⟨a9⟩"]) == ["⟨c3⟩", "⟨a9⟩"]
    table = token_table(["⟨c3⟩", "⟨a9⟩", "x"])
    gap = table.set_column(1, "position", pa.array([0, 2, 3], pa.int32()))
    units = token_units(gap)
    assert [units.texts[c] for c in units.code] == ["⟨c3⟩", "⟨a9⟩", "x"]
    assert units.follows.tolist() == [False, False, True]


def test_units_know_their_rows() -> None:
    units = token_units(token_table(["a", "⟨c3⟩", "⟨a9⟩", "a"], ["b"]))
    assert units.of_row.tolist() == [0, 1, 1, 2, 3]
    assert units.starts.tolist() == [0, 1, 3, 4]
    assert units.code[0] == units.code[2]
    assert units.follows.tolist() == [False, True, True, False]


def test_an_empty_table_has_no_units() -> None:
    units = token_units(token_table())
    assert len(units.of_row) == len(units.texts) == 0
