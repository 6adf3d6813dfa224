"""The main source of clusters against counts in plain Python."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.labels import main_source
from analysis.labels.main_source import MOSTLY, main_sources
from tests.analysis.labels.corpora import stored_activations

SOURCES = ["books", "web", "books", "code", "web", ""]
TOKENS = 40
DOCUMENTS = np.repeat(np.arange(6) * 10, TOKENS)
MEMBERS = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5]), np.array([6])]


def _table(sources: list[str]) -> pa.Table:
    return pa.table({"document": np.arange(6) * 10, "source": sources, "tokens": [TOKENS] * 6})


@pytest.fixture
def values() -> np.ndarray:
    """Latents 0 to 2 fire mostly in books, 3 in code, 4 and 5 everywhere, 6 never."""
    rng = np.random.default_rng(0)
    values = np.zeros((6 * TOKENS, 7))
    books, code = np.isin(DOCUMENTS, [0, 20]), DOCUMENTS == 30
    values[:, :3] = rng.random((len(values), 3)) < np.where(books, 0.6, 0.02)[:, None]
    values[:, 3] = code
    values[:, 4:6] = rng.random((len(values), 2)) < 0.3
    return values


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20])
def test_sources_equal_a_plain_count(values: np.ndarray, memory_bytes: int, tmp_path: Path) -> None:
    found = main_sources(
        MEMBERS,
        stored_activations(tmp_path, values),
        _table(SOURCES),
        DOCUMENTS,
        memory_bytes=memory_bytes,
    )
    for name, share, members in zip(found.name, found.share, MEMBERS, strict=True):
        counts = Counter(
            SOURCES[DOCUMENTS[row] // 10] for m in members for row in np.flatnonzero(values[:, m])
        )
        main, count = counts.most_common(1)[0] if counts else ("", 0)
        part = count / max(counts.total(), 1)
        assert share == pytest.approx(part)
        assert name == (main if part > MOSTLY else "")
    assert found.name == ["books", "code", "", ""]


def test_half_of_the_activity_is_not_most_of_it(tmp_path: Path) -> None:
    values = np.zeros((6 * TOKENS, 1))
    values[[0, 40]] = 1
    activations = stored_activations(tmp_path, values)
    found = main_sources([np.array([0])], activations, _table(SOURCES), DOCUMENTS)
    assert (found.name, found.share.tolist()) == ([""], [0.5])


def test_a_source_that_is_most_of_the_corpus_marks_nothing(
    values: np.ndarray, tmp_path: Path
) -> None:
    sources = ["books"] * 4 + ["web"] * 2
    activations = stored_activations(tmp_path, values)
    found = main_sources(MEMBERS, activations, _table(sources), DOCUMENTS)
    assert found.name == [""] * 4
    assert found.share[0] > 0.9
    half = main_sources(MEMBERS, activations, _table(["books"] * 3 + ["web"] * 3), DOCUMENTS)
    assert half.name[0] == "books"


def test_without_two_sources_there_is_no_share(
    values: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activations = stored_activations(tmp_path, values)
    for table, most in ((_table([""] * 6), 1_000), (_table(SOURCES), 3)):
        monkeypatch.setattr(main_source, "MOST_SOURCES", most)
        found = main_sources(MEMBERS, activations, table, DOCUMENTS)
        assert found.name == [""] * 4
        assert np.isnan(found.share).all()


@pytest.mark.parametrize(("count", "is_counted"), [(1_000, True), (1_001, False)])
def test_more_than_1000_sources_are_not_counted(
    count: int, is_counted: bool, tmp_path: Path
) -> None:
    documents = np.arange(count)
    table = pa.table(
        {"document": documents, "source": [f"s{i}" for i in documents], "tokens": [1] * count}
    )
    activations = stored_activations(tmp_path, (documents[:, None] == 5).astype(float))
    found = main_sources([np.array([0])], activations, table, documents)
    assert found.name == (["s5"] if is_counted else [""])
    assert np.isfinite(found.share).tolist() == [is_counted]


def test_the_corpus_is_counted_in_tokens(values: np.ndarray, tmp_path: Path) -> None:
    """Two of six documents are books, but most of the tokens."""
    activations = stored_activations(tmp_path, values)
    documents = _table(SOURCES).set_column(2, "tokens", pa.array([400, 40, 400, 40, 40, 40]))
    assert main_sources(MEMBERS, activations, documents, DOCUMENTS).name == ["", "code", "", ""]
