"""Positions, windows and documents against a walk over the rows, one at a time."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.bundle import positions
from analysis.bundle.positions import UNITS, KeptTokens, Unit, kept_tokens
from analysis.runtime.errors import InputError
from tests.analysis.conftest import Stored

DOCUMENT = np.repeat([4, 7, 9], [6, 2, 2])
KEPT = np.array([0, 1, 1, 0, 1, 0, 0, 0, 1, 1], dtype=bool)

Masks = st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=6)


def corpus(masks: list[list[bool]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Document ids 3, 6, 9, ... and the mask of every row."""
    ids = 3 * np.arange(1, len(masks) + 1)
    return np.repeat(ids, [len(mask) for mask in masks]), np.concatenate(masks).astype(bool)


def walk(
    document: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_], window: int
) -> dict[str, list[tuple[int, ...]]]:
    """The unit of every kept row, spelled out: token, (document, window), document."""
    units: dict[str, list[tuple[int, ...]]] = {unit: [] for unit in UNITS}
    seen: dict[int, int] = {}
    for row, one in enumerate(document.tolist()):
        if kept[row]:
            place = seen.get(one, 0)
            seen[one] = place + 1
            units["token"].append((row,))
            units["window"].append((one, place // window))
            units["document"].append((one,))
    return units


@given(masks=Masks, window=st.integers(1, 5))
def test_units_are_those_of_a_walk_over_the_rows(masks: list[list[bool]], window: int) -> None:
    document, kept = corpus(masks)
    tokens = KeptTokens.of(document, kept)
    rows = np.flatnonzero(kept)
    expected = walk(document, kept, window)
    for unit in UNITS:
        found = tokens.units_of(rows, unit, window)
        whole = tokens.units(unit, window)
        distinct = sorted(set(expected[unit]))
        assert (np.diff(found) >= 0).all()
        assert [distinct[i] for i in np.unique(found, return_inverse=True)[1]] == expected[unit]
        assert tokens.n_units(unit, window) == whole.total == len(distinct)
        assert np.array_equal(whole.of_row[rows], found)
        assert found.max(initial=-1) < whole.size
        assert whole.kind == unit and whole.of_row.dtype == np.uint32


@given(masks=Masks)
def test_documents_and_positions_are_those_of_the_columns(masks: list[list[bool]]) -> None:
    document, kept = corpus(masks)
    tokens = KeptTokens.of(document, kept)
    rows = np.arange(len(document))
    assert np.array_equal(tokens.documents[tokens.documents_of(rows)], document)
    assert tokens.before.tolist() == [int(kept[:row].sum()) for row in rows]
    assert tokens.lengths.tolist() == [sum(mask) for mask in masks]
    assert tokens.total == kept.sum() and tokens.rows == len(document)
    for i, one in enumerate(tokens.documents.tolist()):
        own = np.flatnonzero(document == one)
        assert (tokens.row_starts[i], tokens.row_ends[i]) == (own[0], own[-1] + 1)


def test_masked_tokens_fill_no_window_and_are_not_counted() -> None:
    tokens = KeptTokens.of(DOCUMENT, KEPT)
    # Document 4 has three kept tokens: two windows. Document 7 has none. Document 9 has one window.
    assert tokens.units_of(np.flatnonzero(KEPT), "window", 2).tolist() == [0, 0, 1, 2, 2]
    assert [tokens.n_units(unit, 2) for unit in UNITS] == [5, 3, 2]
    assert [tokens.units(unit, 2).size for unit in UNITS] == [10, 3, 3]
    assert tokens.lengths.tolist() == [3, 0, 2]


@pytest.mark.parametrize("unit", ["token", "document"])
def test_only_windows_have_a_length(unit: Unit) -> None:
    tokens = KeptTokens.of(DOCUMENT, KEPT)
    rows = np.flatnonzero(KEPT)
    assert np.array_equal(tokens.units_of(rows, unit, 0), tokens.units_of(rows, unit, 9))


def test_a_window_without_a_token_is_refused() -> None:
    tokens = KeptTokens.of(DOCUMENT, KEPT)
    for call in (tokens.units, tokens.n_units):
        with pytest.raises(ValueError, match="window is 0, but must be at least 1"):
            call("window", 0)


def test_the_default_window_is_256_tokens() -> None:
    tokens = KeptTokens.of(np.zeros(257, np.int64), np.ones(257, dtype=bool))
    assert tokens.n_units("window") == 2
    assert tokens.units_of(np.array([255, 256]), "window").tolist() == [0, 1]


def test_no_rows_have_no_documents() -> None:
    tokens = KeptTokens.of(np.empty(0, np.int64), np.empty(0, dtype=bool))
    assert tokens.total == tokens.rows == len(tokens.documents) == 0


@pytest.mark.parametrize("piece", [1, 3, 4, 100])
def test_reading_in_pieces_gives_the_same(
    tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "PIECE_ROWS", piece)
    document = np.repeat([2, 5, 6, 11], [4, 1, 7, 3])
    kept = np.random.default_rng(0).random(len(document)) < 0.6
    rows = pa.table({"document": document, "kept": kept})
    pq.write_table(rows, tmp_path / "tokens.parquet")
    read, expected = kept_tokens(tmp_path), KeptTokens.of(document, kept)
    for name in ("before", "ends", "documents", "row_ends"):
        found, wanted = getattr(read, name), getattr(expected, name)
        assert np.array_equal(found, wanted) and found.dtype == wanted.dtype, name


def test_reading_the_stored_token_table(stored: Stored) -> None:
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    kept = kept_tokens(stored.tables)
    assert np.array_equal(kept.before, np.arange(len(document)))
    assert kept.documents.tolist() == np.unique(document).tolist()
    assert np.array_equal(kept.documents[kept.documents_of(np.arange(len(document)))], document)


def test_an_empty_token_table_is_refused(tmp_path: Path) -> None:
    rows = pa.table({"document": pa.array([], pa.int64()), "kept": pa.array([], pa.bool_())})
    pq.write_table(rows, tmp_path / "tokens.parquet")
    with pytest.raises(InputError, match="has no tokens; build the bundle again"):
        kept_tokens(tmp_path)
