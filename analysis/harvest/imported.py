"""Import activations from another program: write a Parquet file as shards, as a harvest does.

The activations file has the columns document int64, position int32, token string, latent int32 and
activation float32, one row for every active latent of a token. A tokens file (document, position,
token) lists every kept token, including those without an active latent. Without it, the kept
tokens are those of the activations file. Rows may be in any order.

DuckDB checks, joins and sorts the files. It stays within the memory setting and spills the rest to
a folder next to the shards, so files of any size can be imported.
"""

import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Parameters
from analysis.harvest.mask import MaskCounts
from analysis.harvest.shards import Shard, ShardFacts, rounded, write_shard
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

SHARD_TOKENS = 65_536
PIECE_ROWS = 1 << 18
MAX_ROW_GROUP_BYTES = 2 << 30
SMALLEST_MEMORY_BYTES = 64_000_000
BYTES_PER_THREAD = 125_000_000
"""DuckDB needs about this much memory for each thread that sorts."""

TOKEN_COLUMNS = {"document": pa.int64(), "position": pa.int32(), "token": pa.string()}
ACTIVATION_COLUMNS = {**TOKEN_COLUMNS, "latent": pa.int32(), "activation": pa.float32()}
ORDERED_COLUMNS = pa.schema({"row": pa.int64(), "latent": pa.int32(), "activation": pa.float32()})


@dataclass(frozen=True)
class ImportSummary:
    """Counts of an import, and notes on it."""

    tokens: int
    """Kept tokens."""
    active: int
    """Stored activations."""
    notes: tuple[str, ...]
    """One sentence for each fact that matters for reading the results."""

    @property
    def l0(self) -> float:
        """Mean active latents per kept token."""
        return self.active / self.tokens


def import_activations(
    file: Path,
    tokens_file: Path | None,
    d_sae: int,
    folder: Path,
    *,
    parameters: Parameters,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> ImportSummary:
    """Write the activations of `file` as shards to `folder`, replacing the shards in it.

    Without a `tokens_file`, `tokens.parquet` next to the file is used if it exists. A latent is
    active where its activation is above parameters.active_threshold. `progress` is called with
    kept tokens.

    Raises InputError if a file is missing, damaged or empty, lacks a column or has one of another
    type; a latent is not one of the `d_sae` of the SAE; an activation is negative, infinite or NaN;
    a row occurs twice; the token of a row is not in the tokens file; the memory setting is too
    small.
    """
    for old in folder.glob("*.arrow*"):
        old.unlink()
    listed, notes = find_tokens_file(file, tokens_file)
    check_files(file, tokens_file)
    with _database(folder / "sorting", memory_bytes, file) as database:
        _open_view(database, "activations", file, list(ACTIVATION_COLUMNS))
        _check_activations(database, file, d_sae)
        if listed == file:
            tokens = _number_distinct_tokens(database)
        else:
            _open_view(database, "listed", listed, list(TOKEN_COLUMNS))
            tokens = _number_listed_tokens(database, listed)
            _check_all_listed(database, file, listed)
        active = 0
        for number, (start, rows) in enumerate(_rows_by_shard(database, tokens)):
            _check_unique(database, file, rows)
            shard = _shard(_tokens(database, start), start, rows, parameters.active_threshold)
            write_shard(folder, number, shard)
            active += shard.facts.active
            progress(start + len(shard), tokens)
    return ImportSummary(tokens, active, notes)


def find_tokens_file(file: Path, tokens_file: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The file that lists the kept tokens, and notes on the choice."""
    if tokens_file is not None:
        return tokens_file, ()
    neighbour = file.with_name("tokens.parquet")
    if neighbour.exists() and neighbour != file:
        return neighbour, (f"Kept tokens are those of {neighbour.name}, next to {file.name}.",)
    return file, (
        "No tokens file was given: N counts only tokens with an active latent, so densities are "
        "too high if tokens without one were left out.",
    )


def check_files(file: Path, tokens_file: Path | None) -> None:
    """Raises InputError if a file is missing, is not Parquet or lacks a column."""
    listed, _ = find_tokens_file(file, tokens_file)
    _check_columns(file, ACTIVATION_COLUMNS)
    _check_columns(listed, ACTIVATION_COLUMNS if listed == file else TOKEN_COLUMNS)


def _check_columns(file: Path, columns: dict[str, pa.DataType]) -> None:
    """Check a file's schema, without reading its rows."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; give a Parquet file.")
    try:
        opened = pq.ParquetFile(file, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: is not a readable Parquet file; write it again.") from error
    schema = opened.schema_arrow
    for name, kind in columns.items():
        index = schema.get_field_index(name)
        if index < 0:
            needed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            raise InputError(f"{file}: lacks the column {name}; it needs the columns {needed}.")
        if not _is_kind(schema.field(index).type, kind):
            raise InputError(
                f"{file}: the column {name} is {schema.field(index).type}, but must be {kind}; "
                "convert it."
            )
    for group in range(opened.metadata.num_row_groups):
        size = opened.metadata.row_group(group).total_byte_size
        if size > MAX_ROW_GROUP_BYTES:
            raise InputError(
                f"{file}: row group {group} holds {size:,} bytes; write smaller row groups."
            )


def _is_kind(stored: pa.DataType, needed: pa.DataType) -> bool:
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    return bool(stored == needed or (needed == pa.string() and stored == pa.large_string()))


# --- the database ------------------------------------------------------------------------------


@contextmanager
def _database(spill: Path, memory_bytes: int, file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database within the memory setting; the folder `spill` is removed at the end.

    Raises InputError, naming `file`, if the data read from it are damaged or too large.
    """
    memory_bytes = max(memory_bytes, SMALLEST_MEMORY_BYTES)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_bytes}B",
        "temp_directory": str(spill),
        "threads": max(1, min(os.cpu_count() or 1, memory_bytes // BYTES_PER_THREAD)),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with duckdb.connect(":memory:", config=config) as database:
            yield database
    except duckdb.OutOfMemoryException as error:
        raise InputError(
            f"{file}: {memory_bytes:,} bytes of memory are too few to sort it, or the disk is "
            "full; increase --memory, or free space."
        ) from error
    except (duckdb.Error, pa.ArrowException) as error:
        if "No space left on device" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(spill)) from error
        reason = str(error).strip().partition("\n")[0][:200].rstrip(".:")
        raise InputError(
            f"{file}: cannot be read to its end and sorted ({reason}); write it again."
        ) from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _open_view(
    database: duckdb.DuckDBPyConnection, name: str, file: Path, columns: list[str]
) -> None:
    """Make a view of a file.

    Raises InputError if it has no rows, a null, or a negative position.
    """
    path = glob.escape(str(file))
    database.read_parquet(path, hive_partitioning=False).create_view(name)
    counts = ", ".join(f"count({column})" for column in columns)
    (row,) = database.execute(f"SELECT count(*), min(position), {counts} FROM {name}").fetchall()
    rows, position, *present = row
    if rows == 0:
        raise InputError(f"{file}: has no rows; give a file with at least one token.")
    for column, count in zip(columns, present, strict=True):
        if count < rows:
            raise InputError(f"{file}: has nulls in the column {column}; every row needs a value.")
    if position < 0:
        raise InputError(
            f"{file}: has the position {position}; positions count from 0 in each document."
        )


def _check_activations(database: duckdb.DuckDBPyConnection, file: Path, d_sae: int) -> None:
    outside = database.execute(
        "SELECT latent FROM activations WHERE latent < 0 OR latent >= ? LIMIT 1", [d_sae]
    ).fetchall()
    if outside:
        raise InputError(
            f"{file}: has latent {outside[0][0]}, but the SAE has {d_sae:,} latents, 0 to "
            f"{d_sae - 1}; give the SAE that the activations were made with."
        )
    wrong = database.execute(
        "SELECT activation, latent FROM activations "
        "WHERE NOT (isfinite(activation) AND activation >= 0) LIMIT 1"
    ).fetchall()
    if wrong:
        activation, latent = wrong[0]
        raise InputError(
            f"{file}: has the activation {activation} of latent {latent}; activations must be "
            "finite and not negative."
        )


def _number_distinct_tokens(database: duckdb.DuckDBPyConnection) -> int:
    """Make the table `tokens` from the activations; its row counts tokens in their order."""
    return _number_tokens(
        database,
        "(SELECT document, position, arg_min(token, latent) AS token FROM activations "
        "GROUP BY document, position)",
    )


def _number_listed_tokens(database: duckdb.DuckDBPyConnection, listed: Path) -> int:
    """Make the table `tokens` from the tokens file.

    Raises InputError if a token is listed twice.
    """
    twice = database.execute(
        "SELECT document, position FROM listed GROUP BY ALL HAVING count(*) > 1 "
        "ORDER BY ALL LIMIT 1"
    ).fetchall()
    if twice:
        document, position = twice[0]
        raise InputError(
            f"{listed}: lists document {document}, position {position} twice; list every token "
            "once."
        )
    return _number_tokens(database, "listed")


def _number_tokens(database: duckdb.DuckDBPyConnection, source: str) -> int:
    database.execute(
        "CREATE TABLE tokens AS "
        "SELECT row_number() OVER (ORDER BY document, position) - 1 AS row, "
        f"document, position, token FROM {source} ORDER BY row"
    ).fetchall()
    return int(database.execute("SELECT count(*) FROM tokens").fetchall()[0][0])


def _check_all_listed(database: duckdb.DuckDBPyConnection, file: Path, listed: Path) -> None:
    unlisted = database.execute(
        "SELECT document, position FROM activations ANTI JOIN tokens USING (document, position) "
        "ORDER BY ALL LIMIT 1"
    ).fetchall()
    if unlisted:
        document, position = unlisted[0]
        raise InputError(
            f"{file}: has an activation at document {document}, position {position}, which "
            f"{listed} does not list; list every kept token there."
        )


# --- shards ------------------------------------------------------------------------------------


def _rows_by_shard(
    database: duckdb.DuckDBPyConnection, tokens: int
) -> Iterator[tuple[int, pa.Table]]:
    """Yield each shard's first token and its activations, ordered by token row and latent."""
    pieces = (
        database.cursor()
        .sql(
            "SELECT row, latent, activation FROM activations JOIN tokens USING (document, "
            "position) ORDER BY row, latent"
        )
        .to_arrow_reader(PIECE_ROWS)
    )
    waiting = ORDERED_COLUMNS.empty_table()
    for start in range(0, tokens, SHARD_TOKENS):
        stop = start + SHARD_TOKENS
        parts = [waiting]
        while not parts[-1].num_rows or parts[-1]["row"][-1].as_py() < stop:
            piece = next(pieces, None)
            if piece is None:
                break
            parts.append(pa.Table.from_batches([piece]).cast(ORDERED_COLUMNS))
        rows = pa.concat_tables(parts)
        cut = int(np.searchsorted(rows["row"].to_numpy(), stop))
        yield start, rows.slice(0, cut)
        waiting = rows.slice(cut)


def _check_unique(database: duckdb.DuckDBPyConnection, file: Path, rows: pa.Table) -> None:
    row, latent = rows["row"].to_numpy(), rows["latent"].to_numpy()
    repeated = np.flatnonzero((np.diff(row) == 0) & (np.diff(latent) == 0))
    if len(repeated):
        at = int(repeated[0])
        token = database.cursor().execute(
            "SELECT document, position FROM tokens WHERE row = ?", [int(row[at])]
        )
        document, position = token.fetchall()[0]
        raise InputError(
            f"{file}: has latent {latent[at]} twice at document {document}, position {position}; "
            "keep one of the rows."
        )


def _tokens(database: duckdb.DuckDBPyConnection, start: int) -> pa.Table:
    """The tokens of the shard that begins at row `start`."""
    return (
        database.cursor()
        .sql(
            "SELECT document, position, token FROM tokens WHERE row >= ? AND row < ? ORDER BY row",
            params=[start, start + SHARD_TOKENS],
        )
        .to_arrow_table()
    )


def _shard(tokens: pa.Table, start: int, rows: pa.Table, threshold: float) -> Shard:
    """The shard of these tokens, with the activations above the threshold."""
    activation = rows["activation"].to_numpy()
    above = activation > np.float32(threshold)
    owner = rows["row"].to_numpy()[above] - start
    texts = tokens["token"].combine_chunks().cast(pa.string()).dictionary_encode()
    return Shard(
        document=tokens["document"].to_numpy(),
        position=tokens["position"].to_numpy(),
        token=pa.DictionaryArray.from_arrays(texts.indices.cast(pa.int32()), texts.dictionary),
        kept=np.ones(tokens.num_rows, dtype=bool),
        active=np.bincount(owner, minlength=tokens.num_rows).astype(np.int32),
        latents=rows["latent"].to_numpy()[above].astype(np.uint32),
        activations=rounded(activation[above]),
        facts=ShardFacts(mask=MaskCounts(kept=tokens.num_rows), active=int(above.sum())),
    )
