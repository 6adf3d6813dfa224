"""Where tokens and documents are: rows of the token table, and positions among kept tokens."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from analysis.runtime.arrays import Ints
from analysis.runtime.errors import InputError


@dataclass(frozen=True)
class KeptTokens:
    """Where the kept tokens stand; masked tokens are no positions."""

    before: np.ndarray = field(repr=False)
    """[rows] uint32: kept tokens before each row of the token table."""
    ends: np.ndarray = field(repr=False)
    """[documents] int64: kept tokens up to the end of each document; ascending."""

    @staticmethod
    def of(document: np.ndarray, kept: np.ndarray) -> "KeptTokens":
        """From two columns of the token table, [rows]."""
        running = np.cumsum(kept, dtype=np.int64)
        last = np.flatnonzero(np.diff(document, append=document[-1:] + 1))
        return KeptTokens((running - kept).astype(np.uint32), running[last])


def kept_tokens(tables: Path) -> KeptTokens:
    """Where the kept tokens stand, from the token table of a bundle that is being built."""
    tokens = pq.read_table(tables / "tokens.parquet", columns=["document", "kept"])
    return KeptTokens.of(tokens["document"].to_numpy(), tokens["kept"].to_numpy())


@dataclass(frozen=True)
class DocumentRows:
    """Where each document ends in the token table."""

    documents: Ints
    """[documents] ids, ascending."""
    ends: Ints
    """[documents] the row behind each document's last token."""

    def index_of(self, rows: npt.NDArray[Any]) -> Ints:
        """Which document, counted from 0, each row of the token table lies in."""
        return np.searchsorted(self.ends, rows, side="right")

    @property
    def starts(self) -> Ints:
        """[documents] the row of each document's first token."""
        return np.concatenate([[0], self.ends[:-1]])


def document_rows(tables: Path) -> DocumentRows:
    """Read the documents' ends from the token table, a piece at a time."""
    ids: list[Ints] = []
    ends: list[Ints] = []
    row = 0
    file = pq.ParquetFile(tables / "tokens.parquet", memory_map=True)
    for batch in file.iter_batches(columns=["document"]):
        documents = batch.column("document").to_numpy()
        last = np.append(np.flatnonzero(np.diff(documents)), len(documents) - 1)
        if ids and ids[-1][-1] == documents[0]:
            ids[-1], ends[-1] = ids[-1][:-1], ends[-1][:-1]
        ids.append(documents[last])
        ends.append(last + row + 1)
        row += len(documents)
    if not ids:
        raise InputError(f"{tables / 'tokens.parquet'}: has no tokens; build the bundle again.")
    return DocumentRows(np.concatenate(ids), np.concatenate(ends))
