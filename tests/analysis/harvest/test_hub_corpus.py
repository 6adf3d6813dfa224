"""A dataset of the hub is streamed over HTTP; what is no dataset is one sentence."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.harvest.corpus import CorpusChoice, corpus_hash, read_corpus
from analysis.harvest.hub_corpus import repository_files, repository_named
from analysis.runtime.errors import InputError
from tests.analysis.harvest.dataset_hub import SHA, dataset_hub


def parquet(*texts: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), sink)
    return sink.getvalue()


FILES = {
    "README.md": b"---\nlicense: mit\n---\n",
    "data/train-00000-of-00002.parquet": parquet("One.", "Two."),
    "data/train-00001-of-00002.parquet": parquet("Three."),
    "data/test-00000-of-00001.parquet": parquet("Four."),
}


def test_a_dataset_is_read_over_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    repository_files.cache_clear()
    with dataset_hub("org/name", FILES) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        assert [d.text for d in read_corpus("org/name")] == ["One.", "Two.", "Three."]
        chosen = CorpusChoice(split="test")
        assert [d.text for d in read_corpus("org/name", chosen)] == ["Four."]
        assert [d.text for d in read_corpus(f"org/name@{SHA}", chosen)] == ["Four."]
        assert corpus_hash("org/name") != corpus_hash("org/name", chosen)
        with pytest.raises(InputError, match="no dataset of that name could be read"):
            list(read_corpus("org/other"))
    repository_files.cache_clear()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="org/name is not a file or folder, and no dataset"):
        list(read_corpus("org/name"))


def test_names_of_files_are_no_ids() -> None:
    assert repository_named("org/name") == "org/name"
    assert repository_named("org/name@v1.0") == "org/name@v1.0"
    for path in ("name", "a/b/c", "/a/b", "./a", "../a", "data/c.jsonl", "c.jsonl/", "~/corpus"):
        assert repository_named(path) is None
