"""The stored activations, by latent and by token, against the planted matrix."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, activations
from analysis.bundle.activations import Activations, open_activations
from analysis.bundle.tables import ROW_GROUP, TableWriter, read_rows, write_table
from analysis.runtime.errors import InputError
from tests.analysis.conftest import Stored
from tests.planted import LATENTS

SOME = np.array([3, 57, 58, 165, 190, 199])
"""190 is dead."""


def entries(
    stored: Stored, latents: npt.NDArray[np.int64] | slice
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Counts [k], token rows [m] and activations [m] of some columns of the matrix."""
    columns = stored.values[:, latents].T
    owner, row = np.nonzero(columns)
    return np.bincount(owner, minlength=len(columns)), row, columns[owner, row]


def test_one_latent_and_one_token(stored: Stored) -> None:
    for latent in (0, 57, 165, 190, 199):
        tokens, values = stored.activations.of_latent(latent)
        assert np.array_equal(tokens, np.flatnonzero(stored.values[:, latent]))
        assert np.array_equal(values, stored.values[tokens, latent])
    for row in (0, 1, 9_999, stored.planted.n_tokens - 1):
        latents, values = stored.activations.of_token(row)
        assert np.array_equal(latents, np.flatnonzero(stored.values[row]))
        assert np.array_equal(values, stored.values[row, latents])


@pytest.mark.parametrize(("rows", "latents"), [(1 << 22, 1 << 30), (2_000, 9), (0, 9), (500, 1)])
def test_blocks_by_latent_are_the_matrix(stored: Stored, rows: int, latents: int) -> None:
    counts, row, values = entries(stored, slice(None))
    blocks = list(stored.activations.blocks_by_latent(most_rows=rows, most_latents=latents))
    assert np.array_equal(np.concatenate([b.latents for b in blocks]), np.arange(LATENTS))
    assert np.array_equal(np.concatenate([b.counts for b in blocks]), counts)
    assert np.array_equal(np.concatenate([b.tokens for b in blocks]), row)
    assert np.array_equal(np.concatenate([b.activations for b in blocks]), values)
    for block in blocks:
        assert len(block.latents) <= latents
        assert len(block.tokens) <= rows or len(block.latents) == 1


@pytest.mark.parametrize("hole", [ROW_GROUP, 300, 1])
def test_chosen_latents_read_together_or_apart(
    stored: Stored, hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "ROW_GROUP", hole)
    counts, row, values = entries(stored, SOME)
    tokens, counted = stored.activations.tokens_of(SOME)
    assert np.array_equal(tokens, row) and np.array_equal(counted, counts)
    for most in (1 << 22, 700, 0):
        each = list(stored.activations.each_of(SOME, most))
        assert [latent for latent, _, _ in each] == SOME.tolist()
        assert [len(tokens) for _, tokens, _ in each] == counts.tolist()
        assert np.array_equal(np.concatenate([tokens for _, tokens, _ in each]), row)
        assert np.array_equal(np.concatenate([values for _, _, values in each]), values)


def test_no_latents_have_no_tokens(stored: Stored) -> None:
    tokens, counts = stored.activations.tokens_of(np.empty(0, dtype=np.int64))
    assert len(tokens) == len(counts) == 0 and tokens.dtype == np.uint32
    assert list(stored.activations.each_of(np.empty(0, dtype=np.int64))) == []


def test_near_latents_are_one_read_and_far_ones_are_not(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[int, int]] = []

    def read(shared: object, start: int, stop: int, columns: list[str] | None = None) -> pa.Table:
        spans.append((start, stop))
        return read_rows(shared, start, stop, columns)  # type: ignore[arg-type]

    monkeypatch.setattr(activations, "read_rows", read)
    ends = stored.activations.latent_ends
    list(stored.activations.each_of(np.array([3, 5])))
    assert spans == [(ends[2], ends[5])]
    spans.clear()
    monkeypatch.setattr(activations, "ROW_GROUP", int(ends[4] - ends[3]))
    list(stored.activations.each_of(np.array([3, 5])))
    assert spans == [(ends[2], ends[3]), (ends[4], ends[5])]


@pytest.mark.parametrize("most", [2 << 20, 1_000, 0])
def test_blocks_by_token_are_the_matrix(stored: Stored, most: int) -> None:
    _, latent = np.nonzero(stored.values[:900])
    start, latents = 0, []
    for block in stored.activations.blocks_by_token(most):
        assert block.first == start and block.offsets[0] == 0
        assert block.offsets[-1] == len(block.latents)
        assert len(block.latents) <= most or block.stop == block.first + 1
        latents.append(block.latents)
        start = block.stop
        if start >= 900:
            break
    assert np.array_equal(np.concatenate(latents)[: len(latent)], latent)


def test_a_block_by_token_has_the_row_of_each_activation(stored: Stored) -> None:
    block = next(iter(stored.activations.blocks_by_token(5_000)))
    for i in range(block.stop):
        own = block.latents[block.offsets[i] : block.offsets[i + 1]]
        assert np.array_equal(own, np.flatnonzero(stored.values[i]))


def test_a_range_of_tokens(stored: Stored) -> None:
    latents, active = stored.activations.latents_of_tokens(500, 900)
    row, latent = np.nonzero(stored.values[500:900])
    assert np.array_equal(latents, latent)
    assert np.array_equal(active, np.bincount(row, minlength=400))


def test_opening_counts_the_latents(stored: Stored) -> None:
    opened = open_activations(stored.tables, LATENTS + 2)
    counts = np.append(stored.bits.sum(axis=0), [0, 0])
    assert np.array_equal(opened.latent_counts, counts)
    assert np.array_equal(opened.latent_ends, np.cumsum(counts))
    assert np.array_equal(opened.token_ends, np.cumsum(stored.bits.sum(axis=1)))


def test_rows_are_located_by_number_over_many_row_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30_000, 12)
    tokens = np.concatenate([np.sort(rng.choice(10**6, n, replace=False)) for n in counts])
    values = rng.random(len(tokens)).astype(np.float32)
    table = pa.table({"token": tokens.astype(np.uint32), "activation": values})
    with TableWriter(tmp_path, "activations_by_latent") as writer:
        for start in range(0, len(tokens), 7_777):
            writer.write(table.slice(start, 7_777))
    file = pq.ParquetFile(tmp_path / "activations_by_latent.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert all(rows == ROW_GROUP for rows in groups[:-1])
    assert len(groups) > 1
    ends = np.cumsum(counts)
    opened = Activations(tmp_path, ends, np.zeros(10**6, np.int64))
    for latent, (start, stop) in enumerate(zip(ends - counts, ends, strict=True)):
        found, own = opened.of_latent(latent)
        assert (found == tokens[start:stop]).all()
        assert (own == values[start:stop]).all()


def write_activations(folder: Path, tokens: list[int], values: list[float]) -> Activations:
    """Two latents with three activations each, on the rows of a token table of ten rows."""
    with TableWriter(folder, "activations_by_latent") as writer:
        writer.write(pa.table({"token": tokens, "activation": values}))
    return Activations(folder, np.array([3, 6]), np.zeros(10, np.int64))


def test_tokens_that_ascend_in_every_latent_are_read(tmp_path: Path) -> None:
    opened = write_activations(tmp_path, [1, 2, 9, 2, 8, 9], [1.0] * 6)
    assert [tokens.tolist() for _, tokens, _ in opened.each_of(np.arange(2))] == [
        [1, 2, 9],
        [2, 8, 9],
    ]


@pytest.mark.parametrize(
    ("tokens", "value", "message"),
    [
        ([1, 2, 10, 2, 8, 9], 1.0, "rows of tokens that the bundle does not have"),
        ([1, 9, 2, 2, 8, 9], 1.0, "tokens do not ascend"),
        ([1, 2, 9, 2, 8, 8], 1.0, "tokens do not ascend"),
        ([1, 2, 9, 2, 8, 9], float("inf"), "not finite"),
        ([1, 2, 9, 2, 8, 9], float("nan"), "not finite"),
    ],
)
def test_damaged_activations_are_named(
    tmp_path: Path, tokens: list[int], value: float, message: str
) -> None:
    opened = write_activations(tmp_path, tokens, [1.0, 1.0, value, 1.0, 1.0, 1.0])
    with pytest.raises(InputError, match=f"/activations_by_latent.parquet: has .*{message}"):
        list(opened.each_of(np.arange(2)))


def test_latents_that_the_sae_does_not_have_are_named(tmp_path: Path) -> None:
    write_table(tmp_path, "activations_by_token", pa.table({"latent": [0, 1, 2]}))
    opened = Activations(tmp_path, np.array([3, 6]), np.array([2, 3]))
    assert opened.latents_of_tokens(0, 1)[0].tolist() == [0, 1]
    with pytest.raises(InputError, match="latents that the SAE does not have"):
        opened.latents_of_tokens(0, 2)


def test_by_latent_and_by_token_hold_the_same_pairs(planted_bundle: Bundle) -> None:
    stored = planted_bundle.activations
    by_latent = {
        (int(token), latent): float(value)
        for latent in range(planted_bundle.latents.num_rows)
        for token, value in zip(*stored.of_latent(latent), strict=True)
    }
    assert len(by_latent) == sum(planted_bundle.latents["active_tokens"].to_pylist())
    rows = np.random.default_rng(0).choice(planted_bundle.tokens.num_rows, 50, replace=False)
    for row in rows:
        latents, values = stored.of_token(int(row))
        expected = {pair: v for pair, v in by_latent.items() if pair[0] == row}
        found = {(int(row), int(a)): float(v) for a, v in zip(latents, values, strict=True)}
        assert found == expected
    latents, counts = stored.latents_of_tokens(0, planted_bundle.tokens.num_rows)
    assert len(latents) == len(by_latent) == counts.sum()


def without_first(file: Path, column: str) -> None:
    """Remove the first value of a column of a table's file."""
    rows = pq.read_table(file)
    values = pa.array([None, *rows[column].to_pylist()[1:]], rows[column].type)
    pq.write_table(rows.set_column(rows.column_names.index(column), column, values), file)


def test_a_missing_latent_is_named(tmp_path: Path) -> None:
    write_table(tmp_path, "activations_by_token", pa.table({"latent": [0, 1, 1]}))
    without_first(tmp_path / "activations_by_token.parquet", "latent")
    opened = Activations(tmp_path, np.array([3, 6]), np.array([2, 3]))
    with pytest.raises(InputError, match=r"by_token.* has rows without a latent"):
        opened.latents_of_tokens(0, 2)


def test_a_missing_token_is_named(tmp_path: Path) -> None:
    opened = write_activations(tmp_path, [1, 2, 9, 2, 8, 9], [1.0] * 6)
    without_first(tmp_path / "activations_by_latent.parquet", "token")
    with pytest.raises(InputError, match=r"by_latent.* has rows without a token"):
        list(opened.each_of(np.arange(2)))
