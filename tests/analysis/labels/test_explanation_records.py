"""Layouts of explanation files: read, or refused with the file and the line."""

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.labels.explanation_records import SaeIdentity, explanation_files
from analysis.labels.explanations import read_explanations
from analysis.runtime.errors import InputError
from tests.analysis.harvest.test_corpus_rows import mutated

TEXTS = {7: "dogs", 11: "cats", 42: "whales"}
CASES = int(os.environ.get("MUTATIONS", "12"))


def csv_file(folder: Path, content: bytes) -> Path:
    (folder / "a.csv").write_bytes(content)
    return folder / "a.csv"


@pytest.mark.parametrize(
    "content",
    [
        b"latent,label\n7,dogs\n11,cats\n42,whales\n",
        b"Feature,Description\n7,dogs\n11,cats\n42,whales\n",
        b"feature,description\n7.0,dogs\n11.0,cats\n42.0,whales\n",
        b"feature;description\n7;dogs\n11;cats\n42;whales\n",
        b"Latent\tLabel\n7\tdogs\n11\tcats\n42\twhales\n",
        b"latent,label\n7,dogs\n\n11,cats\n42,whales\n,\n",
        b"latent,label,notes\n7,dogs,x\n11,cats,\n42,whales,\n,,\n",
        b"\xef\xbb\xbflatent , label\r\n7,dogs\r\n11,cats\r\n42,whales\r\n",
        ",latent,label\n0,7,dogs\n1,11,cats\n2,42,whales\n".encode("utf-16"),
        b"latent,label\n7,do\0gs\n11,cats\n42,whales\n".replace(b"do\0gs", b"\0dogs\0"),
        b"Latent ID,explanation\n7,dogs\n11,cats\n42,whales\n",
    ],
)
def test_variants_of_csv_read_the_same(content: bytes, tmp_path: Path) -> None:
    assert read_explanations(csv_file(tmp_path, content), 64) == TEXTS


ROWS = [{"index": latent, "description": text} for latent, text in TEXTS.items()]


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        {"explanations": ROWS},
        {"Features": ROWS, "model": "gpt2"},
        TEXTS,
        {latent: {"description": text, "score": 1} for latent, text in TEXTS.items()},
        {latent: [text, "another"] for latent, text in TEXTS.items()},
        [row | {"index": str(row["index"])} for row in ROWS],
        [row | {"index": float(str(row["index"]))} for row in ROWS],
    ],
)
def test_variants_of_json_read_the_same(content: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(content), encoding="utf-8")
    assert read_explanations(tmp_path / "a.json", 64) == TEXTS


@pytest.mark.parametrize("other", ["features", "Data"])
def test_an_object_with_two_lists_is_not_read_in_part(tmp_path: Path, other: str) -> None:
    content = {"explanations": ROWS, other: ROWS[:1]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="record 1"):
        read_explanations(tmp_path / "a.json", 64)


def test_variants_of_parquet_read_the_same(tmp_path: Path) -> None:
    columns = {"Feature": [7.0, 11.0, 42.0], "Label": pa.array(TEXTS.values()).dictionary_encode()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert read_explanations(tmp_path / "a.parquet", 64) == TEXTS


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"index,feature,description\n0,7,dogs\n1,11,cats\n", "line 2 has different ids in `index` and `feature`"),  # noqa: E501
        (b"latent,label\n7,dogs\n1.5,cats\n", "line 3 has the id '1.5' in `latent`"),
        (b"latent,label\n7,dogs\n,cats\n", "line 3 has no id"),
        (b"latent,text\n7,dogs\n", "line 2 has no text"),
        (b"latent,label\n7,dogs\n8,\xff\n", "line 3 is not UTF-8"),
        (b"latent,label\n7,dogs\n64,cats\n", r"the SAE has 64 latents, .* \(line 3 of a.csv\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(content: bytes, problem: str, tmp_path: Path) -> None:
    path = csv_file(tmp_path, content)
    with pytest.raises(InputError, match=problem) as caught:
        read_explanations(path, 64)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def bulk_export(folder: Path, *saes: str) -> Path:
    """Neuronpedia's: a folder for each SAE, with explanations and other folders."""
    for place, sae in enumerate(saes):
        inside = folder / "v1" / sae / "explanations"
        inside.mkdir(parents=True)
        model, layer = sae.split("/")
        for batch, (latent, text) in enumerate(TEXTS.items()):
            row = {"modelId": model, "layer": layer, "index": str(latent + place)}
            line = json.dumps(row | {"description": f"{text} {place}"})
            (inside / f"batch-{batch}.jsonl.gz").write_bytes(gzip.compress(line.encode()))
        (inside.parent / "features").mkdir()
        (inside.parent / "features" / "batch-0.jsonl.gz").write_bytes(
            gzip.compress(b'{"index": 1}')
        )
    return folder / "v1"


def test_a_bulk_export_of_one_sae(tmp_path: Path) -> None:
    export = bulk_export(tmp_path, "gpt2-small/6-res-jb")
    wanted = {latent: f"{text} 0" for latent, text in TEXTS.items()}
    for folder in (export, export / "gpt2-small", export / "gpt2-small" / "6-res-jb"):
        assert read_explanations(folder, 64) == wanted
    assert read_explanations(export, 64, SaeIdentity("gpt2-small/6-res-jb", 6)) == wanted
    assert read_explanations(export, 64, SaeIdentity(None, 6)) == wanted
    for other in (SaeIdentity("gpt2-small/5-res-jb", 5), SaeIdentity(None, 5)):
        with pytest.raises(InputError, match="explains gpt2-small/6-res-jb, but this SAE is"):
            read_explanations(export, 64, other)


def test_records_of_other_saes_are_left_out(tmp_path: Path) -> None:
    export = bulk_export(tmp_path, "gpt2-small/5-res-jb", "gpt2-small/6-res-jb")
    wanted = {latent + 1: f"{text} 1" for latent, text in TEXTS.items()}
    assert read_explanations(export, 64, SaeIdentity("gpt2-small/6-res-jb")) == wanted
    assert len(explanation_files(export, SaeIdentity("gpt2-small/6-res-jb"))) == 3
    assert read_explanations(export, 64, SaeIdentity(None, 6)) == wanted
    with pytest.raises(InputError, match="explains several SAEs"):
        read_explanations(export, 64)
    merged = b"".join(gzip.decompress(f.read_bytes()) + b"\n" for f in explanation_files(export))
    (tmp_path / "merged.jsonl").write_bytes(merged)
    assert read_explanations(tmp_path / "merged.jsonl", 64, SaeIdentity(None, 6)) == wanted
    bulk_export(tmp_path / "more", "gpt2-small/6-res-jb", "gpt2-small/6-att-kk")
    with pytest.raises(InputError, match="and which of them is this one is not stated"):
        read_explanations(tmp_path / "more", 64, SaeIdentity(None, 6))


FILES = {
    "a.csv": b"latent,label\n" + b"".join(b"%d,%s\n" % (i, t.encode()) for i, t in TEXTS.items()),
    "a.json": json.dumps(TEXTS).encode(),
    "a.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
}


@pytest.mark.parametrize("name", FILES)
def test_a_mutated_file_is_read_or_refused_with_its_file(name: str, tmp_path: Path) -> None:
    for seed in range(CASES):
        (tmp_path / name).write_bytes(mutated(FILES[name], random.Random(seed)))
        try:
            texts = read_explanations(tmp_path / name, 64)
        except InputError as error:
            assert str(tmp_path / name) in str(error), seed
            assert "\n" not in str(error)
            continue
        for latent, text in texts.items():
            assert 0 <= latent < 64
            assert "\0" not in text
            text.encode()
