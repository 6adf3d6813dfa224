"""Imported activations: the same shards for any row order, and one sentence for each fault."""

import os
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Parameters
from analysis.harvest import imported
from analysis.harvest.imported import ImportSummary, import_activations
from analysis.harvest.shards import read_shards
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from tests.analysis.conftest import Stored
from tests.analysis.harvest.claimed_sizes import claim_uncompressed_bytes
from tests.planted import LATENTS


def table(**columns: list[Any]) -> pa.Table:
    """Three active latents on two tokens of document 4, with some columns replaced."""
    given = {
        "document": pa.array([4, 4, 4], pa.int64()),
        "position": pa.array([2, 2, 7], pa.int32()),
        "token": pa.array([" a", " a", "<b>"]),
        "latent": pa.array([3, 1, 0], pa.int32()),
        "activation": pa.array([0.5, 1.0, 2.0], pa.float32()),
    }
    for name, values in columns.items():
        given[name] = pa.array(values, given[name].type)
    return pa.table(given)


def tokens(positions: list[int]) -> pa.Table:
    return pa.table(
        {
            "document": pa.array([4] * len(positions), pa.int64()),
            "position": pa.array(positions, pa.int32()),
            "token": pa.array(["x"] * len(positions), pa.string()),
        }
    )


def read(
    folder: Path,
    activations: pa.Table,
    listed: pa.Table | None = None,
    **settings: Any,
) -> ImportSummary:
    pq.write_table(activations, folder / "made.parquet")
    if listed is not None:
        pq.write_table(listed, folder / "listed.parquet")
    (folder / "shards").mkdir(exist_ok=True)
    file = folder / "listed.parquet" if listed is not None else None
    given = {"parameters": Parameters(), **settings}
    return import_activations(folder / "made.parquet", file, 8, folder / "shards", **given)


def test_without_a_tokens_file_n_is_the_distinct_tokens(tmp_path: Path) -> None:
    summary = read(tmp_path, table())
    (shard,) = read_shards(tmp_path / "shards")
    assert summary.tokens == 2 and summary.active == 3 and summary.l0 == 1.5
    assert "No tokens file" in summary.notes[0]
    assert shard.position.tolist() == [2, 7] and shard.token.to_pylist() == [" a", "<b>"]
    assert shard.latents.tolist() == [1, 3, 0] and shard.activations.tolist() == [1.0, 0.5, 2.0]
    assert shard.kept.all() and shard.facts.variance is None


def test_a_tokens_file_counts_silent_tokens(tmp_path: Path) -> None:
    summary = read(tmp_path, table(), tokens([0, 2, 3, 7, 9]))
    (shard,) = read_shards(tmp_path / "shards")
    assert summary.tokens == 5 and summary.notes == ()
    assert shard.active.tolist() == [0, 2, 0, 1, 0] and shard.token.to_pylist() == ["x"] * 5


def test_a_tokens_file_in_the_same_folder_is_used(tmp_path: Path) -> None:
    pq.write_table(tokens([2, 5, 7]), tmp_path / "tokens.parquet")
    assert read(tmp_path, table()).tokens == 3


def test_zeros_and_what_is_under_the_threshold_are_not_active(tmp_path: Path) -> None:
    assert read(tmp_path, table(activation=[0.0, 1.0, 2.0])).active == 2
    settings = Parameters(active_threshold=1.0)
    summary = read(tmp_path, table(), parameters=settings)
    assert (summary.active, summary.tokens) == (1, 2)


def test_rows_in_any_order_make_the_same_shards(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "PIECE_ROWS", 3_000)
    given = pq.read_table(stored.planted.activations)
    listed = pq.read_table(stored.planted.tokens)
    shuffle = np.random.default_rng(0).permutation
    pq.write_table(given.take(shuffle(given.num_rows)), tmp_path / "a.parquet")
    pq.write_table(listed.take(shuffle(listed.num_rows)), tmp_path / "t.parquet")
    files = tmp_path / "a.parquet", tmp_path / "t.parquet"
    import_activations(*files, LATENTS, tmp_path, parameters=Parameters())
    for file in stored.shards.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_a_second_import_replaces_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "SHARD_TOKENS", 1)
    read(tmp_path, table())
    assert len(list((tmp_path / "shards").glob("*.arrow"))) == 2
    read(tmp_path, table(position=[2, 2, 2]))
    assert len(list((tmp_path / "shards").iterdir())) == 2


FAULTS = [
    (table(latent=[3, 1, 8]), None, "latent 8, but the SAE has 8 latents"),
    (table(latent=[3, -1, 0]), None, "latent -1"),
    (table(activation=[0.5, -1.0, 2.0]), None, "activation -1.0 of latent 1"),
    (table(activation=[0.5, float("nan"), 2.0]), None, "activation nan"),
    (table(activation=[float("inf"), 1.0, 2.0]), None, "activation inf"),
    (table(latent=[3, 3, 0]), None, "latent 3 twice at document 4, position 2"),
    (table(position=[-1, 2, 7]), None, "position -1"),
    (table(latent=[3, None, 0]), None, "nulls in the column latent"),
    (table().slice(0, 0), None, "no rows"),
    (table().drop_columns(["latent"]), None, "lacks the column latent"),
    (
        table().set_column(3, "latent", [["1", "2", "3"]]),
        None,
        "latent is string, but must be",
    ),
    (table(), tokens([2]), "document 4, position 7, which .*listed.parquet does not list"),
    (table(), tokens([7, 8]), "document 4, position 2, which"),
    (table(), tokens([2, 7, 7]), "lists document 4, position 7 twice"),
    (table(), tokens([]), "no rows"),
    (table(), tokens([2, 7]).drop_columns(["token"]), "lacks the column token"),
]


@pytest.mark.parametrize(("activations", "listed", "message"), FAULTS, ids=[f[2] for f in FAULTS])
def test_faults_are_reported(
    tmp_path: Path, activations: pa.Table, listed: pa.Table | None, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path, activations, listed)
    assert ".parquet: " in str(error.value) and str(error.value).endswith(".")


def test_duplicates_across_pieces_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "PIECE_ROWS", 1)
    with pytest.raises(InputError, match="latent 3 twice"):
        read(tmp_path, table(latent=[3, 3, 0]))
    with pytest.raises(InputError, match="position 7 twice"):
        read(tmp_path, table(), tokens([2, 7, 7]))


def test_names_with_wildcards_are_plain_file_names(tmp_path: Path) -> None:
    folder = tmp_path / "layer=3" / "a[1]*"
    folder.mkdir(parents=True)
    assert read(folder, table()).active == 3
    (shard,) = read_shards(folder / "shards")
    assert shard.position.tolist() == [2, 7]


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "made.parquet"
    pq.write_table(table(), file, compression="none", use_dictionary=False)
    content = bytearray(file.read_bytes())
    content[4:40] = b"\xff" * 36
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read to its end"):
        import_activations(file, None, 8, tmp_path, parameters=Parameters())


def test_sorting_leaves_only_shards(tmp_path: Path) -> None:
    read(tmp_path, table())
    names = sorted(file.name for file in (tmp_path / "shards").iterdir())
    assert names == ["000000.arrow", "000000.arrow.sum"]


def test_progress_counts_kept_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported, "SHARD_TOKENS", 2)
    reports: list[tuple[str, int, int]] = []
    progress = Progress("import", lambda *report: reports.append(report))
    read(tmp_path, table(), tokens([0, 2, 3, 7, 9]), progress=progress)
    assert reports == [("import", 2, 5), ("import", 4, 5), ("import", 5, 5)]


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        import_activations(tmp_path / "no", None, 8, tmp_path, parameters=Parameters())
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        import_activations(tmp_path / "text.parquet", None, 8, tmp_path, parameters=Parameters())


def test_extreme_document_numbers_keep_their_order(tmp_path: Path) -> None:
    ends = [np.iinfo(np.int64).min, -5, np.iinfo(np.int64).max]
    read(tmp_path, table(document=ends, position=[0, 0, 0]))
    (shard,) = read_shards(tmp_path / "shards")
    assert shard.document.tolist() == ends


def test_token_columns_of_other_string_kinds(tmp_path: Path) -> None:
    for kind in (pa.large_string(), pa.dictionary(pa.int16(), pa.string())):
        other = table().set_column(2, "token", table()["token"].cast(kind))
        read(tmp_path, other)
        (shard,) = read_shards(tmp_path / "shards")
        assert shard.token.to_pylist() == [" a", "<b>"]


def test_a_shard_has_at_most_65_536_tokens(tmp_path: Path) -> None:
    summary = read(tmp_path, table(), tokens(list(range(65_537))))
    first, second = read_shards(tmp_path / "shards")
    assert summary.tokens == 65_537 and (len(first), len(second)) == (65_536, 1)
    assert second.position.tolist() == [65_536]


@pytest.mark.parametrize(
    ("memory_bytes", "processors", "memory", "threads"),
    [
        (1, 16, 64_000_000, 1),
        (64_000_001, 16, 64_000_001, 1),
        (249_999_999, 16, 249_999_999, 1),
        (250_000_000, 16, 250_000_000, 2),
        (1_000_000_000, 3, 1_000_000_000, 3),
    ],
)
def test_each_thread_of_the_sorting_has_125_megabytes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory_bytes: int,
    processors: int,
    memory: int,
    threads: int,
) -> None:
    used: list[dict[str, Any]] = []
    connect = duckdb.connect

    def noted(name: str, config: dict[str, Any]) -> Any:
        used.append(config)
        return connect(name, config=config)

    monkeypatch.setattr(duckdb, "connect", noted)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert read(tmp_path, table(), memory_bytes=memory_bytes).active == 3
    assert (used[0]["memory_limit"], used[0]["threads"]) == (f"{memory}B", threads)


def test_row_groups_of_two_gibibytes_are_read_and_larger_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "made.parquet"
    pq.write_table(table(), file)
    claim_uncompressed_bytes(file, 2 << 30)
    assert import_activations(file, None, 8, tmp_path, parameters=Parameters()).active == 3
    claim_uncompressed_bytes(file, (2 << 30) + 1)
    with pytest.raises(InputError, match="row group 0 holds 2,147,483,649 bytes"):
        import_activations(file, None, 8, tmp_path, parameters=Parameters())
