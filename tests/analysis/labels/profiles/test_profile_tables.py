"""Profiles of latents and clusters against counts in plain Python."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES, KeptTokens
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.labels.profiles import profile_tables
from analysis.labels.profiles.document_columns import DocumentColumn
from analysis.labels.profiles.profile_tables import cluster_profiles, latent_profiles
from tests.analysis.labels.corpora import stored_activations

DOCUMENTS, LENGTH = 60, 20
LANGUAGE = DocumentColumn("language", ("en", "fr"), np.arange(DOCUMENTS) % 3 // 2)
GENRE = DocumentColumn("genre", ("a", "b", "c"), np.arange(DOCUMENTS) % 4 - 1)
MEMBERS = [np.array([0, 3], np.int32), np.array([2], np.int32), np.array([1, 3], np.int32)]


@pytest.fixture
def values() -> np.ndarray:
    """Latent 0 fires in French, 1 everywhere, 2 never, 3 rarely and anywhere."""
    rng = np.random.default_rng(3)
    french = np.repeat(LANGUAGE.codes == 1, LENGTH)
    values = np.zeros((DOCUMENTS * LENGTH, 4))
    values[:, 0] = rng.random(len(values)) < np.where(french, 0.2, 0.005)
    values[:, 1] = rng.random(len(values)) < 0.3
    values[:, 3] = rng.random(len(values)) < 0.01
    return values


@pytest.fixture
def kept(values: np.ndarray) -> KeptTokens:
    return KeptTokens.of(np.repeat(np.arange(DOCUMENTS), LENGTH), np.ones(len(values), bool))


def _counted(values: np.ndarray, column: DocumentColumn) -> dict[str, tuple[int, int]]:
    """Active tokens and documents of each value, by a loop; values is [tokens, members]."""
    by_document = values.reshape(DOCUMENTS, LENGTH, -1).sum(axis=(1, 2))
    line = 0.0 if (by_document > 0).mean() <= 0.5 else float(np.median(by_document))
    counted: dict[str, tuple[int, int]] = {}
    for document, code in enumerate(column.codes.tolist()):
        if code >= 0:
            tokens, documents = counted.get(column.values[code], (0, 0))
            more = int(by_document[document])
            counted[column.values[code]] = tokens + more, documents + (by_document[document] > line)
    return {value: counts for value, counts in counted.items() if counts[0]}


def _rows(table: pa.Table, kind: str, unit: int, column: str) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if row[kind] == unit and row["column"] == column]


@pytest.mark.parametrize("memory_bytes", [1, 1 << 30])
def test_counts_equal_a_loop(
    values: np.ndarray, kept: KeptTokens, memory_bytes: int, tmp_path: Path
) -> None:
    activations = stored_activations(tmp_path, values)
    columns = [LANGUAGE, GENRE]
    latents = latent_profiles(activations, kept, columns, memory_bytes=memory_bytes)
    clusters = cluster_profiles(MEMBERS, activations, kept, columns, memory_bytes=memory_bytes)
    assert latents.schema == TABLES["latent_profiles"]
    assert clusters.schema == TABLES["cluster_profiles"]
    members = {("latent", i): [i] for i in range(4)}
    members |= {("cluster", i): one.tolist() for i, one in enumerate(MEMBERS)}
    for (kind, unit), own in members.items():
        table = latents if kind == "latent" else clusters
        for column in columns:
            rows = {
                row["value"]: (row["active_tokens"], row["documents"])
                for row in _rows(table, kind, unit, column.name)
            }
            assert rows == _counted(values[:, own], column)
    assert latents["latent"].to_pylist() == sorted(latents["latent"].to_pylist())
    assert 2 not in latents["latent"].to_pylist()


def test_only_the_latent_that_follows_the_language_is_significant(
    values: np.ndarray, kept: KeptTokens, tmp_path: Path
) -> None:
    table = latent_profiles(stored_activations(tmp_path, values), kept, [LANGUAGE])
    small = {(r["latent"], r["value"]) for r in table.to_pylist() if r["q_value"] <= 0.05}
    assert small == {(0, "fr")}
    (row,) = (r for r in _rows(table, "latent", 0, "language") if r["value"] == "fr")
    # All documents have one length: the expected ones are hypergeometric.
    fires = _counted(values[:, [0]], LANGUAGE)
    total = sum(documents for _, documents in fires.values())
    assert row["expected"] == pytest.approx(total * (LANGUAGE.codes == 1).mean(), rel=1e-3)
    assert row["smallest_lift"] < row["documents"] / row["expected"]


def test_the_family_is_all_values_of_a_column(
    values: np.ndarray, kept: KeptTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    families: list[tuple[int, int]] = []

    def noted(p: np.ndarray, family: int) -> np.ndarray:
        families.append((len(p), family))
        return benjamini_hochberg(p, family)

    monkeypatch.setattr(profile_tables, "benjamini_hochberg", noted)
    latent_profiles(stored_activations(tmp_path, values), kept, [LANGUAGE, GENRE])
    # Three latents are active; each could fire with each of 2 languages and 3 genres.
    assert [family for _, family in families] == [6, 9]


def test_without_columns_there_are_no_rows(
    values: np.ndarray, kept: KeptTokens, tmp_path: Path
) -> None:
    assert latent_profiles(stored_activations(tmp_path, values), kept, []).num_rows == 0
    assert cluster_profiles([], stored_activations(tmp_path, values), kept, [GENRE]).num_rows == 0
