"""Read profiles: the rows of one latent or cluster, and the main value of every latent.

The **share** of a value is that of the active tokens in documents that have a value in the column.
A value is **significant** with q at most `SIGNIFICANT`, and the **main value** of a latent is the
significant one with the largest share: the value on which it fires most, if that is more often than
by chance.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import TABLES, Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.labels.profiles.document_columns import document_columns
from analysis.runtime.arrays import Bools, Floats, Ints

Kind = Literal["latent", "cluster"]
"""What has a profile."""
SIGNIFICANT = 0.05
"""The largest q of a significant value."""


def profile_columns(bundle: Bundle) -> list[str]:
    """The columns of documents by which a bundle has profiles, in the order of the corpus."""
    return [] if bundle.latent_profiles is None else list(counts_of_values(bundle))


def profile_of(bundle: Bundle, kind: Kind, unit: int, column: str) -> pa.Table:
    """The values of a column on which a latent or a cluster fires, largest share first.

    Columns: value, active_tokens, share, of_corpus (the share of the kept tokens), documents,
    expected, lift (documents / expected), q_value, smallest_lift, all_documents (those with the
    value). Empty if the bundle has no such profile.
    """
    if kind == "cluster":
        rows = bundle.cluster_profiles
        rows = rows.filter(pc.equal(rows["cluster"], unit))
    elif bundle.latent_profiles is None:
        rows = TABLES["latent_profiles"].empty_table()
    else:
        rows = bundle.latent_profiles.of(unit)
    rows = rows.filter(pc.equal(rows["column"].cast(pa.string()), column))
    tokens = rows["active_tokens"].to_numpy().astype(np.float64)
    documents, expected = (
        rows[name].to_numpy().astype(np.float64) for name in ("documents", "expected")
    )
    names = rows["value"].cast(pa.string())
    corpus, counts = _of_corpus(bundle, column, names.to_pylist())
    table = pa.table(
        {
            "value": names,
            "active_tokens": rows["active_tokens"],
            "share": tokens / max(tokens.sum(), 1.0),
            "of_corpus": corpus,
            "documents": rows["documents"],
            "expected": rows["expected"],
            "lift": documents / np.where(expected > 0, expected, np.inf),
            "q_value": rows["q_value"],
            "smallest_lift": rows["smallest_lift"],
            "all_documents": counts,
        }
    )
    return table.sort_by([("share", "descending"), ("value", "ascending")])


def _of_corpus(bundle: Bundle, column: str, names: list[str]) -> tuple[Floats, Ints]:
    """The share of the kept tokens and the documents of each value."""
    own = counts_of_values(bundle).get(column)
    if own is None:
        return np.zeros(len(names)), np.zeros(len(names), dtype=np.int64)
    place = [own.values.index(name) for name in names]
    return own.tokens[place] / max(own.tokens.sum(), 1), own.documents[place]


class CorpusCounts(NamedTuple):
    """How much of the corpus each value of a column has."""

    values: tuple[str, ...]
    tokens: Floats
    """[values] kept tokens."""
    documents: Ints
    """[values] documents with a kept token."""


@kept_for_bundle
def counts_of_values(bundle: Bundle) -> dict[str, CorpusCounts]:
    """The counts in the corpus by column."""
    tokens = bundle.documents["tokens"].to_numpy()
    counts = {}
    for column in document_columns(bundle.documents, bundle.document_values):
        has, total = column.codes >= 0, len(column.values)
        counts[column.name] = CorpusCounts(
            column.values,
            np.bincount(column.codes[has], tokens[has], minlength=total).astype(np.float64),
            np.bincount(column.codes[has & (tokens > 0)], minlength=total),
        )
    return counts


@dataclass(frozen=True)
class Profiles:
    """The profiles of all latents, 15 bytes for each row of the table."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    """Different values of all columns."""
    latent: np.ndarray = field(repr=False)
    column: np.ndarray = field(repr=False)
    """[rows] index into `columns`."""
    value: np.ndarray = field(repr=False)
    """[rows] index into `values`."""
    share: np.ndarray = field(repr=False)
    significant: Bools = field(repr=False)

    def with_value(self, column: str, value: str, least: float) -> Ints:
        """Latents for which a value is significant and has at least this share."""
        own = self._rows_of(column) & self.significant & (self.share >= least)
        latents: Ints = self.latent[own & self._has(value)]
        return latents

    def main(self, column: str, latents: int) -> Ints:
        """The main value of each latent [latents], an index into `values`; -1 for none."""
        rows = np.flatnonzero(self._rows_of(column) & self.significant)
        # The last of equal latents is the one with the largest share; ties go to the first value.
        rows = rows[np.lexsort((-rows, self.share[rows]))]
        main = np.full(latents, -1, dtype=np.int64)
        main[self.latent[rows]] = self.value[rows]
        return main

    def with_main(self, column: str, value: str, latents: int) -> Bools:
        """Which latents [latents] have this main value."""
        if value not in self.values:
            return np.zeros(latents, dtype=bool)
        return np.asarray(self.main(column, latents) == self.values.index(value))

    def _rows_of(self, column: str) -> Bools:
        if column not in self.columns:
            return np.zeros(len(self.column), dtype=bool)
        return np.asarray(self.column == self.columns.index(column))

    def _has(self, value: str) -> Bools:
        if value not in self.values:
            return np.zeros(len(self.value), dtype=bool)
        return np.asarray(self.value == self.values.index(value))


def read_profiles(bundle: Bundle) -> Profiles:
    """Read the profiles of all latents; empty if the bundle has none."""
    columns: dict[str, int] = {}
    values: dict[str, int] = {}
    parts: list[tuple[np.ndarray, ...]] = []
    pieces = () if bundle.latent_profiles is None else bundle.latent_profiles.pieces()
    for rows in pieces:
        parts.append(
            (
                rows["latent"].to_numpy(),
                _codes(rows["column"], columns, np.int8),
                _codes(rows["value"], values, np.int32),
                rows["active_tokens"].to_numpy().astype(np.float64),
                rows["q_value"].to_numpy() <= SIGNIFICANT,
            )
        )
    if not parts:
        none = np.empty(0, dtype=np.int64)
        return Profiles((), (), none, none, none, none.astype(float), none.astype(bool))
    latent, column, value, tokens, significant = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    group = latent.astype(np.int64) * len(columns) + column
    share = tokens / np.bincount(group, tokens)[group]
    return Profiles(
        tuple(columns), tuple(values), latent, column, value, share.astype(np.float32), significant
    )


def _codes(words: pa.ChunkedArray, known: dict[str, int], kind: type) -> np.ndarray:
    """The code of each word; `known` is extended by new words."""
    encoded = words.combine_chunks()
    places = [known.setdefault(word, len(known)) for word in encoded.dictionary.to_pylist()]
    return np.array(places or [0], dtype=kind)[encoded.indices.to_numpy()]


kept_profiles = kept_for_bundle(read_profiles)
"""The profiles of the bundle that was used last."""
