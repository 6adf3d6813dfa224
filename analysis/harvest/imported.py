"""Activations made elsewhere: a Parquet file becomes the same shards that a harvest writes.

The activations file has the columns document int64, position int32, token string, latent int32 and
activation float32, one row for every active latent of a token. A tokens file (document, position,
token) lists every kept token, silent ones too; without it the kept tokens are those of the
activations file. Both are streamed where they are sorted by document and position; a smaller
unsorted file is sorted in memory, a larger one is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.bundle import Parameters
from analysis.harvest.mask import MaskCounts
from analysis.harvest.shards import Shard, ShardFacts, rounded, write_shard
from analysis.runtime.errors import InputError

SHARD_TOKENS = 65_536
MEMORY_BYTES = 512 << 20
PIECE_ROWS = 1 << 18
MAX_ROW_GROUP_BYTES = 2 << 30
_SORTING_BYTES_PER_ROW = 64  # the columns, twice, and the order

TOKEN_COLUMNS = {"document": pa.int64(), "position": pa.int32(), "token": pa.string()}
ACTIVATION_COLUMNS = {**TOKEN_COLUMNS, "latent": pa.int32(), "activation": pa.float32()}

Ints = npt.NDArray[np.int64]
Progress = Callable[[int], None]
"""Is told the number of kept tokens that are done."""


@dataclass(frozen=True)
class ImportSummary:
    """What was imported."""

    tokens: int
    """Kept tokens."""
    active: int
    """Stored activations."""
    notes: tuple[str, ...]
    """One sentence for each thing that a reader of the figures should know."""

    @property
    def l0(self) -> float:
        """Mean active latents per kept token."""
        return self.active / self.tokens


@dataclass(frozen=True)
class _Scan:
    """What one pass over a file's keys finds."""

    rows: int
    is_sorted: bool


@dataclass(frozen=True)
class _Rows:
    """Rows of either file, ordered by document, position and, where there is one, latent."""

    document: Ints
    position: npt.NDArray[np.int32]
    token: Any
    latent: npt.NDArray[np.int32]
    activation: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.document)


def import_activations(
    file: Path,
    tokens_file: Path | None,
    d_sae: int,
    folder: Path,
    *,
    parameters: Parameters,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write the activations of `file` as shards to `folder`, in place of what is there.

    Without a `tokens_file`, `tokens.parquet` beside the file is taken if it exists. A latent is
    active where its activation is above parameters.active_threshold. InputError: a file is
    missing, damaged, lacks a column or has one of another type; a latent lies outside the SAE's
    `d_sae`; an activation is negative, infinite or not a number; a row is there twice; a row's
    token is not in the tokens file; a file is too large to be sorted here; no token is there.
    """
    for old in folder.glob("*.arrow"):
        old.unlink()
    listed, notes = find_tokens_file(file, tokens_file)
    scan = _check_activations(file, d_sae, memory_bytes)
    listed_scan = _check_keys(listed, TOKEN_COLUMNS, memory_bytes) if listed != file else scan
    found = _Matcher(file, _in_order(file, ACTIVATION_COLUMNS, scan))
    number = kept = active = 0
    for tokens in _token_pieces(listed, listed_scan, has_repeats=listed == file):
        shard = found.shard(tokens, listed, parameters.active_threshold)
        write_shard(folder, number, shard)
        number, kept, active = number + 1, kept + len(shard), active + shard.facts.active
        if progress:
            progress(kept)
    found.finish(listed)
    return ImportSummary(kept, active, notes)


def find_tokens_file(file: Path, tokens_file: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The file that lists the kept tokens, and what a reader should know about the choice."""
    if tokens_file is not None:
        return tokens_file, ()
    beside = file.with_name("tokens.parquet")
    if beside.exists() and beside != file:
        return beside, (f"Kept tokens are those of {beside.name}, found beside {file.name}.",)
    return file, (
        "No tokens file was given: N counts the tokens with an active latent alone, so densities "
        "are too high wherever tokens without one were left out.",
    )


# --- checks ------------------------------------------------------------------------------------


def _open(file: Path, columns: dict[str, pa.DataType]) -> pq.ParquetFile:
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
            raise InputError(
                f"{file}: lacks the column {name}; the columns must be {_told(columns)}."
            )
        if not _is_kind(schema.field(index).type, kind):
            raise InputError(
                f"{file}: the column {name} is {schema.field(index).type} where {kind} is needed; "
                "convert it."
            )
    for group in range(opened.metadata.num_row_groups):
        size = opened.metadata.row_group(group).total_byte_size
        if size > MAX_ROW_GROUP_BYTES:
            raise InputError(
                f"{file}: row group {group} holds {size:,} bytes; write smaller row groups."
            )
    return pq.ParquetFile(file, memory_map=True, read_dictionary=["token"])


def _told(columns: dict[str, pa.DataType]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _is_kind(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(found == wanted or (wanted == pa.string() and found == pa.large_string()))


def _batches(file: Path, columns: dict[str, pa.DataType], names: list[str]) -> Iterator[Any]:
    opened = _open(file, columns)
    try:
        yield from opened.iter_batches(batch_size=PIECE_ROWS, columns=names)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: cannot be read to its end; write it again.") from error


def _check_activations(file: Path, d_sae: int, memory_bytes: int) -> _Scan:
    """Check every latent and activation, and the keys."""
    for batch in _batches(file, ACTIVATION_COLUMNS, ["latent", "activation"]):
        _check_nulls(file, batch)
        latents, values = (batch.column(i).to_numpy() for i in range(2))
        outside = (latents < 0) | (latents >= d_sae)
        if outside.any():
            raise InputError(
                f"{file}: has latent {latents[outside][0]}, but the SAE has {d_sae:,} latents, 0 "
                f"to {d_sae - 1}; give the SAE that the activations were made with."
            )
        wrong = ~(np.isfinite(values) & (values >= 0))
        if wrong.any():
            raise InputError(
                f"{file}: has the activation {values[wrong][0]} of latent {latents[wrong][0]}; "
                "activations must be finite and not negative."
            )
    return _check_keys(file, ACTIVATION_COLUMNS, memory_bytes)


def _check_keys(file: Path, columns: dict[str, pa.DataType], memory_bytes: int) -> _Scan:
    """Whether rows are ordered by document and position; refuses what cannot be ordered here."""
    rows, is_sorted = 0, True
    last = (np.iinfo(np.int64).min, -1)
    for batch in _batches(file, columns, ["document", "position"]):
        _check_nulls(file, batch)
        document, position = (batch.column(i).to_numpy() for i in range(2))
        if len(position) == 0:
            continue
        if position.min() < 0:
            raise InputError(
                f"{file}: has the position {position.min()}; positions count from 0 in a document."
            )
        before = np.concatenate([[last[0]], document[:-1]])
        position_before = np.concatenate([[last[1]], position[:-1]])
        ascends = (document > before) | ((document == before) & (position >= position_before))
        is_sorted &= bool(ascends.all())
        rows += len(document)
        last = (int(document[-1]), int(position[-1]))
    if rows == 0:
        raise InputError(f"{file}: has no rows; give a file with at least one token.")
    if not is_sorted and rows * _SORTING_BYTES_PER_ROW > memory_bytes:
        raise InputError(
            f"{file}: its {rows:,} rows are not sorted and too many to sort within the memory "
            "setting; sort them by document, position."
        )
    return _Scan(rows, is_sorted)


def _check_nulls(file: Path, batch: Any) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if column.null_count:
            raise InputError(f"{file}: has nulls in the column {name}; every row needs a value.")


# --- rows in order -----------------------------------------------------------------------------


def _in_order(file: Path, columns: dict[str, pa.DataType], scan: _Scan) -> Iterator[_Rows]:
    """The rows in pieces that end where a token ends."""
    pieces = (_rows(batch) for batch in _batches(file, columns, list(columns)))
    if not scan.is_sorted:
        yield _ordered(_joined(list(pieces)))
        return
    carried: _Rows | None = None
    for rows in pieces:
        if len(rows) == 0:
            continue
        joined = rows if carried is None else _joined([carried, rows])
        last = (joined.document == joined.document[-1]) & (joined.position == joined.position[-1])
        cut = int(np.argmax(last))
        if cut:
            yield _ordered(_cut(joined, 0, cut))
        carried = _cut(joined, cut, len(joined))
    if carried is not None:
        yield _ordered(carried)


def _rows(batch: Any) -> _Rows:
    token = batch.column("token")
    if not pa.types.is_dictionary(token.type):
        token = token.dictionary_encode()
    has_values = "latent" in batch.schema.names
    zeros = np.zeros(batch.num_rows, dtype=np.int32)
    return _Rows(
        batch.column("document").to_numpy(),
        batch.column("position").to_numpy(),
        token.cast(pa.dictionary(pa.int32(), pa.string())),
        batch.column("latent").to_numpy() if has_values else zeros,
        batch.column("activation").to_numpy() if has_values else zeros.astype(np.float32),
    )


def _joined(parts: list[_Rows]) -> _Rows:
    tokens = pa.chunked_array([part.token for part in parts]).unify_dictionaries()
    return _Rows(
        np.concatenate([part.document for part in parts]),
        np.concatenate([part.position for part in parts]),
        tokens.combine_chunks(),
        np.concatenate([part.latent for part in parts]),
        np.concatenate([part.activation for part in parts]),
    )


def _cut(rows: _Rows, start: int, stop: int) -> _Rows:
    span = slice(start, stop)
    return _Rows(
        rows.document[span],
        rows.position[span],
        rows.token.slice(start, stop - start),
        rows.latent[span],
        rows.activation[span],
    )


def _taken(rows: _Rows, places: npt.NDArray[Any]) -> _Rows:
    return _Rows(
        rows.document[places],
        rows.position[places],
        rows.token.take(pa.array(places)),
        rows.latent[places],
        rows.activation[places],
    )


def _ordered(rows: _Rows) -> _Rows:
    return _taken(rows, np.lexsort((rows.latent, rows.position, rows.document)))


def _token_pieces(file: Path, scan: _Scan, *, has_repeats: bool) -> Iterator[_Rows]:
    """Each token once, in pieces of SHARD_TOKENS (the last one shorter).

    InputError: a token is listed twice in a tokens file.
    """
    columns = ACTIVATION_COLUMNS if has_repeats else TOKEN_COLUMNS
    waiting: _Rows | None = None
    for rows in _in_order(file, columns, scan):
        new = np.ones(len(rows), dtype=bool)
        new[1:] = (np.diff(rows.document) != 0) | (np.diff(rows.position) != 0)
        if not has_repeats and not new.all():
            at = int(np.argmin(new))
            raise InputError(
                f"{file}: lists document {rows.document[at]}, position {rows.position[at]} twice; "
                "list every token once."
            )
        once = _taken(rows, np.flatnonzero(new)) if has_repeats else rows
        waiting = once if waiting is None else _joined([waiting, once])
        while len(waiting) >= SHARD_TOKENS:
            yield _cut(waiting, 0, SHARD_TOKENS)
            waiting = _cut(waiting, SHARD_TOKENS, len(waiting))
    if waiting is not None and len(waiting):
        yield waiting


class _Matcher:
    """Gives each piece of the kept tokens its activations; both come in the same order."""

    def __init__(self, file: Path, rows: Iterator[_Rows]) -> None:
        self._file = file
        self._rows = rows
        self._waiting: _Rows | None = next(rows, None)

    def shard(self, tokens: _Rows, listed: Path, threshold: float) -> Shard:
        """The shard of these tokens, with all activations up to the last of them."""
        parts = [self._matched(tokens, rows, listed) for rows in self._up_to(tokens)]
        over = [rows.activation > np.float32(threshold) for _, rows in parts]
        owners = _concat([owner[keep] for (owner, _), keep in zip(parts, over, strict=True)], "i8")
        latents = _concat([r.latent[keep] for (_, r), keep in zip(parts, over, strict=True)], "u4")
        values = _concat(
            [r.activation[keep] for (_, r), keep in zip(parts, over, strict=True)], "f4"
        )
        return Shard(
            document=tokens.document,
            position=tokens.position,
            token=_compact(tokens.token),
            kept=np.ones(len(tokens), dtype=bool),
            active=np.bincount(owners, minlength=len(tokens)).astype(np.int32),
            latents=latents.astype(np.uint32),
            activations=rounded(values.astype(np.float32)),
            facts=ShardFacts(mask=MaskCounts(kept=len(tokens)), active=len(latents)),
        )

    def finish(self, listed: Path) -> None:
        """InputError where activations are left behind the last kept token."""
        if self._waiting is not None and len(self._waiting):
            self._refuse(self._waiting, 0, listed)

    def _up_to(self, tokens: _Rows) -> Iterator[_Rows]:
        """The next activations, as far as the last of the tokens."""
        last = int(tokens.document[-1]), int(tokens.position[-1])
        while self._waiting is not None:
            rows = self._waiting
            behind = (rows.document > last[0]) | (
                (rows.document == last[0]) & (rows.position > last[1])
            )
            cut = int(np.argmax(behind)) if behind.any() else len(rows)
            if cut:
                yield _cut(rows, 0, cut)
            if cut < len(rows):
                self._waiting = _cut(rows, cut, len(rows))
                return
            self._waiting = next(self._rows, None)

    def _matched(self, tokens: _Rows, rows: _Rows, listed: Path) -> tuple[Ints, _Rows]:
        """Which token [m] every activation belongs to; none twice, none without a token."""
        owner = np.empty(len(rows), dtype=np.int64)
        _match(tokens.document, tokens.position, rows.document, rows.position, owner)
        if (owner < 0).any():
            self._refuse(rows, int(np.argmax(owner < 0)), listed)
        twice = (np.diff(owner) == 0) & (np.diff(rows.latent) == 0)
        if twice.any():
            at = int(np.argmax(twice))
            raise InputError(
                f"{self._file}: has latent {rows.latent[at]} twice at document "
                f"{rows.document[at]}, position {rows.position[at]}; keep one row of them."
            )
        return owner, rows

    def _refuse(self, rows: _Rows, at: int, listed: Path) -> None:
        raise InputError(
            f"{self._file}: has an activation at document {rows.document[at]}, position "
            f"{rows.position[at]}, which {listed} does not list; list every kept token there."
        )


def _concat(parts: list[npt.NDArray[Any]], kind: str) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _compact(token: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same tokens with a dictionary of those that occur, in the order of their occurrence."""
    used = pc.cast(token, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices.cast(pa.int32()), used.dictionary)


@numba.njit(cache=True)
def _match(
    document: Ints,
    position: npt.NDArray[np.int32],
    row_document: Ints,
    row_position: npt.NDArray[np.int32],
    owner: Ints,
) -> None:
    """Fill owner [m] with the place of each row's token, or -1; both sides are ascending."""
    k = 0
    for i in range(len(row_document)):
        while k < len(document) and (
            document[k] < row_document[i]
            or (document[k] == row_document[i] and position[k] < row_position[i])
        ):
            k += 1
        found = (
            k < len(document) and document[k] == row_document[i] and position[k] == row_position[i]
        )
        owner[i] = k if found else -1
