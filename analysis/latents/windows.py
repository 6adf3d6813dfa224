"""Windows of the corpus: the tokens around a picked token, inside its document.

Every reader of contexts reads their windows here, of any length. Only the row groups of the token
table that hold the windows are read, and the activations of the latents that are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from analysis.bundle import (
    ROW_GROUP,
    Activations,
    Bundle,
    KeptTokens,
    TableFile,
    read_rows,
)
from analysis.bundle.cut_texts import cut_texts
from analysis.bundle.damage import damaged
from analysis.bundle.ranges import any_limits
from analysis.bundle.row_checks import check_rows
from analysis.runtime.arrays import Float32s, Int32s, Ints


class Windows(NamedTuple):
    """Rows of the token table around p picked tokens, inside their documents."""

    document: Ints
    """[p] index of the document."""
    peak: Ints
    """[p] index of the picked token in its window."""
    offsets: Ints
    """[p + 1] window i has rows[offsets[i]:offsets[i + 1]]."""
    rows: Ints
    """[offsets[p]] rows of the token table."""

    @property
    def lengths(self) -> Ints:
        """[p] tokens of each window."""
        return np.diff(self.offsets)

    def lists(self, values: pa.Array | Float32s) -> pa.ListArray:
        """One list per window, from one value for each of the rows."""
        return pa.ListArray.from_arrays(pa.array(self.offsets.astype(np.int32)), pa.array(values))


def rows_around(kept: KeptTokens, picked: Ints, length: int) -> Windows:
    """The windows of `length` tokens around picked rows [p]: length // 2 tokens come before.

    A window is shorter if its document begins or ends inside it.
    """
    document = kept.documents_of(picked)
    first = picked - length // 2
    start = np.maximum(kept.row_starts[document], first)
    stop = np.minimum(kept.row_ends[document], first + length)
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    rows = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], stop - start)
    return Windows(document, picked - start, offsets, rows)


@dataclass(frozen=True)
class WindowReader:
    """Reads the windows of contexts from the tables of a bundle, finished or not."""

    tables: Path
    """The folder of the tables."""
    kept: KeptTokens
    activations: Activations
    opened: TableFile | None = None
    """The file of the tokens, if it is open."""

    @staticmethod
    def of(bundle: Bundle) -> "WindowReader":
        """The reader of an open bundle."""
        return WindowReader(bundle.path, bundle.kept_tokens, bundle.activations, bundle.tokens_file)

    def read(self, contexts: pa.Table, length: int) -> pa.Table:
        """Rows of the contexts table with their windows of `length` tokens.

        Adds tokens [n], activations [n] (of the context's latent; 0 where it is not active) and
        peak, the index of the picked token. Raises InputError if a table is damaged, or a context
        is at a position that its document does not have.
        """
        rows, around = self._texts(contexts, length)
        values = self._activations(contexts["latent"].to_numpy(), around)
        place = rows.column_names.index("peak")
        return rows.add_column(place, "activations", around.lists(values))

    def read_texts(self, contexts: pa.Table, length: int) -> pa.Table:
        """As `read`, without the activations, whose table is then not read."""
        return self._texts(contexts, length)[0]

    def _texts(self, contexts: pa.Table, length: int) -> tuple[pa.Table, Windows]:
        document, position = (contexts[name].to_numpy() for name in ("document", "position"))
        place = np.minimum(
            np.searchsorted(self.kept.documents, document), len(self.kept.documents) - 1
        )
        starts, ends = self.kept.row_starts[place], self.kept.row_ends[place]
        around = rows_around(self.kept, np.minimum(starts + position, ends - 1), length)
        text, positions = read_tokens(self._tokens, around.rows)
        if not np.array_equal(positions[around.offsets[:-1] + around.peak], position):
            # An imported document may lack positions.
            around = rows_around(self.kept, self._rows_of(place, position), length)
            text, _ = read_tokens(self._tokens, around.rows)
        rows = contexts.append_column("tokens", around.lists(text))
        return rows.append_column("peak", pa.array(around.peak.astype(np.int16))), around

    @cached_property
    def _tokens(self) -> TableFile:
        return self.opened or TableFile(self.tables / "tokens.parquet")

    def _rows_of(self, place: Ints, position: Int32s) -> Ints:
        """Rows [p] of the tokens at positions [p] of documents, given by index [p]."""
        rows = np.empty(len(place), dtype=np.int64)
        for document in np.unique(place):
            start, stop = self.kept.row_starts[document], self.kept.row_ends[document]
            own = read_rows(self._tokens, int(start), int(stop), ["position"])[
                "position"
            ].to_numpy()
            chosen = np.flatnonzero(place == document)
            at = np.minimum(np.searchsorted(own, position[chosen]), len(own) - 1)
            if not np.array_equal(own[at], position[chosen]):
                raise damaged(
                    self.tables / "contexts.parquet", "has positions that their documents lack"
                )
            rows[chosen] = start + at
        return rows

    def _activations(self, latents: Int32s, around: Windows) -> Float32s:
        """The activation of each window's latent [p] on each of its rows."""
        owner = np.repeat(latents, around.lengths)
        values = np.zeros(len(owner), dtype=np.float32)
        for latent, tokens, own in self.activations.each_of(np.unique(latents)):
            chosen = np.flatnonzero(owner == latent)
            rows = around.rows[chosen]
            place = np.minimum(np.searchsorted(tokens, rows), max(len(tokens) - 1, 0))
            if len(tokens):
                values[chosen] = np.where(tokens[place] == rows, own[place], np.float32(0))
        return values


def read_tokens(tokens: TableFile, rows: Ints) -> tuple[pa.Array, Int32s]:
    """Text and position of rows [m] of the token table. Raises InputError if it is damaged."""
    unique, inverse = np.unique(rows, return_inverse=True)
    read = token_rows(tokens, unique, ["token", "position"])
    # Each row group has a dictionary of its own, and Arrow joins them slowly.
    text = pa.concat_arrays([pa.array([], pa.string()), *read["token"].cast(pa.string()).chunks])
    return text.take(pa.array(inverse)), read["position"].to_numpy().astype(np.int32)[inverse]


def token_rows(tokens: TableFile, rows: Ints, columns: Sequence[str]) -> pa.Table:
    """Columns of rows [m] of the token table, read one row group at a time.

    Raises InputError if the table is damaged.
    """
    unique, inverse = np.unique(rows, return_inverse=True)
    pieces = []
    for group in np.unique(unique // ROW_GROUP):
        low, high = np.searchsorted(unique, [group * ROW_GROUP, (group + 1) * ROW_GROUP])
        first = int(group) * ROW_GROUP
        table = read_rows(tokens, first, min(first + ROW_GROUP, tokens.rows), columns)
        pieces.append(table.take(pa.array(unique[low:high] - first)))
    chosen = cut_texts("tokens", pa.concat_tables(pieces or [tokens.read(columns, [])]))
    check_rows(tokens.path, chosen, any_limits())
    is_sorted = len(unique) == len(rows) and bool((inverse[1:] > inverse[:-1]).all())
    return chosen if is_sorted else chosen.take(pa.array(inverse))
