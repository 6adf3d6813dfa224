"""Every format of explanations gives the same texts; a damaged file is one sentence."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.labels import explanation_records
from analysis.labels.explanation_records import explanation_files
from analysis.labels.explanations import (
    LONGEST,
    clean_text,
    content_words,
    read_explanations,
    unspaced_words,
    word_terms,
)
from analysis.labels.terms import TokenTerms, token_terms
from analysis.runtime.errors import InputError
from tests.analysis.harvest.claimed_sizes import claim_uncompressed_bytes
from tests.analysis.labels.corpora import token_table

TEXTS = {0: "whales and the sea", 3: '"=cmd" <b>courts</b>', 7: "日本の地名"}


def _csv(folder: Path) -> Path:
    rows = [f'{latent},"{text.replace(chr(34), chr(34) * 2)}"' for latent, text in TEXTS.items()]
    (folder / "labels.csv").write_text("\n".join(["latent,label", *rows]), encoding="utf-8")
    return folder / "labels.csv"


def _parquet(folder: Path) -> Path:
    table = {"latent": list(TEXTS), "label": list(TEXTS.values()), "notes": [None] * len(TEXTS)}
    pq.write_table(pa.table(table), folder / "labels.parquet")
    return folder / "labels.parquet"


def _neuronpedia_records() -> list[dict[str, str]]:
    """As Neuronpedia exports them; the second record of a latent does not count."""
    records = [
        {
            "modelId": "gpt2-small",
            "layer": "6-res-jb",
            "index": str(latent),
            "description": text,
            "typeName": "oai_token-act-pair",
            "explanationModelName": "gpt-4o-mini",
        }
        for latent, text in TEXTS.items()
    ]
    return [*records, records[0] | {"description": "another opinion"}]


def _neuronpedia_json(folder: Path) -> Path:
    (folder / "export.json").write_text(json.dumps(_neuronpedia_records()))
    return folder / "export.json"


def _neuronpedia_batches(folder: Path) -> Path:
    batches = folder / "explanations"
    batches.mkdir()
    for i, record in enumerate(_neuronpedia_records()):
        with gzip.open(batches / f"batch-{i}.jsonl.gz", "wt") as file:
            file.write(json.dumps(record) + "\n\n")
    return batches


def _neuronpedia_features(folder: Path) -> Path:
    records = [
        {"index": str(latent), "explanations": [{"description": text}]}
        for latent, text in TEXTS.items()
    ] + [{"index": "5", "explanations": []}]
    (folder / "features.jsonl").write_text("\n".join(map(json.dumps, records)))
    return folder / "features.jsonl"


def _mapping(folder: Path) -> Path:
    (folder / "map.json").write_text(json.dumps(TEXTS))
    return folder / "map.json"


def _delphi(folder: Path) -> Path:
    made = folder / "delphi"
    made.mkdir()
    for latent, text in TEXTS.items():
        (made / f"layers.6_latent{latent}.txt").write_text(json.dumps(text))
    (made / "README.md").write_text("not one of them")
    return made


def _delphi_json(folder: Path) -> Path:
    made = folder / "delphi"
    made.mkdir()
    for latent, text in TEXTS.items():
        (made / f"layers.6_latent{latent}.json").write_text(json.dumps({"explanation": text}))
    return made


@pytest.mark.parametrize(
    "write",
    [
        _csv, _parquet, _neuronpedia_json, _neuronpedia_batches, _neuronpedia_features, _mapping,
        _delphi, _delphi_json,
    ],
)  # fmt: skip
def test_every_format_reads_the_same(write: object, tmp_path: Path) -> None:
    assert callable(write)
    assert read_explanations(write(tmp_path), 8) == TEXTS


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", b"id,text\n1,x\n", "cannot be read as explanations"),
        ("a.csv", b"latent,label\nx,y\n", "cannot be read as explanations"),
        ("a.csv", b"latent,label\n1,\n", "contains no explanation"),
        ("a.csv", b"latent,label\n8,x\n", "explains latent 8, but the SAE has 8 latents"),
        ("a.csv", b"latent,label\n-1,x\n", "explains latent -1"),
        ("a.csv", b"latent,label\n1,\xff\xfe\n", "cannot be read as explanations"),
        ("a.csv", b'latent,label\n1,"' + b"x" * 200_000, "cannot be read as explanations"),
        ("a.parquet", b"PAR1 no", "cannot be read as explanations"),
        ("a.json", b"[" * 100_000, "cannot be read as explanations"),
        ("a.json", b'[{"index": 1.5, "description": "x"}]', "cannot be read as explanations"),
        ("a.json", b"[1, 2]", "cannot be read as explanations"),
        ("a.jsonl.gz", b"no gzip", "cannot be read as explanations"),
        ("a.xlsx", b"", "not a known format"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, content: bytes, problem: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_explanations(tmp_path / name, 8)
    assert str(tmp_path / name) in str(caught.value)


def test_a_folder_must_contain_one_hook_point(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no file of explanations"):
        read_explanations(tmp_path, 8)
    for layer in (5, 6):
        (tmp_path / f"layers.{layer}_latent1.txt").write_text('"x"')
    with pytest.raises(InputError, match=r"several hook points, layers\.5 and layers\.6"):
        read_explanations(tmp_path, 8)
    with pytest.raises(InputError, match="no such file"):
        read_explanations(tmp_path / "nowhere", 8)


def test_files_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanation_records, "MOST_BYTES", 10_000)
    line = json.dumps({"index": 1, "description": "x" * 100_000})
    with gzip.open(tmp_path / "bomb.jsonl.gz", "wt") as file:
        file.write(line)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_explanations(tmp_path / "bomb.jsonl.gz", 8)
    (tmp_path / "long.jsonl").write_text(line)
    with pytest.raises(InputError, match="larger than"):
        read_explanations(tmp_path / "long.jsonl", 8)


def test_texts_are_not_interpreted() -> None:
    assert clean_text("  a\n\tb <i>&amp;\u202e ") == "a b <i>&amp;\u202e"
    assert clean_text("\ud800x\0y") == "?x y"
    assert len(clean_text("ab " * LONGEST)) == LONGEST


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("words related to whales and the sea", ["whales", "sea"]),
        ('the word "the" in any context', ["the"]),
        ("references to 'Monday' or Tuesday", ["monday", "tuesday"]),
        ("a patient’s dose of C", ["patient’s", "dose"]),
        ("lengths in km or m", ["lengths", "km"]),
        ("", []),
        ("คำว่า “สตรอเบอร์รี่”", ["สตรอเบอร์รี่", "คำว่า"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("「草莓」 and 水", ["草莓", "水"]),
        ("草莓cake的", ["草莓", "cake", "的"]),
        ("rock'n'roll ’tis", ["rock'n'roll", "tis"]),
    ],
)
def test_content_words(text: str, words: list[str]) -> None:
    assert content_words(text) == words


def test_words_are_found_among_the_terms() -> None:
    tokens = pa.table(
        {
            "document": [0, 0, 0],
            "position": pa.array([0, 1, 2], pa.int32()),
            "token": pa.array([" Whale", " straw", "berry"]).dictionary_encode(),
            "kept": [True, True, True],
        }
    )
    terms = token_terms(tokens)
    found = word_terms([["whale", "nothing"], ["strawberry"], ["berry"]], terms)
    assert [[terms.shown[term] for term in row] for row in found] == [["Whale"], ["strawberry"], []]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.jsonl.gz"])
def test_files_of_exactly_the_largest_size_are_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"index": i, "description": "x" * 200}) + "\n" for i in (1, 2)]
    content = ("latent,label\n1,x\n" if name == "a.csv" else "".join(lines)).encode()
    stored = gzip.compress(content) if name.endswith(".gz") else content
    (tmp_path / name).write_bytes(stored)
    monkeypatch.setattr(explanation_records, "MOST_BYTES", len(content))
    assert 1 in read_explanations(tmp_path / name, 8)
    monkeypatch.setattr(explanation_records, "MOST_BYTES", len(content) - 1)
    with pytest.raises(InputError, match=r"larger than|unpacks to more than"):
        read_explanations(tmp_path / name, 8)


@pytest.mark.parametrize("marks", ['""', "''", "“”", "«»"])
def test_function_words_count_in_quotes_of_up_to_sixty_characters(marks: str) -> None:
    for letters, words in ((56, ["the", "x" * 56]), (57, ["x" * 57])):
        assert content_words(f"{marks[0]}the {'x' * letters}{marks[1]}") == words


def test_texts_are_cut_after_a_thousand_characters() -> None:
    assert clean_text("x" * 1_000) == "x" * 1_000
    assert clean_text("x" * 1_001) == "x" * 999 + "…"
    # White space is joined in the first 4,000 characters.
    assert clean_text("a" + " " * 3_998 + "b") == "a b"
    assert clean_text("a" + " " * 3_999 + "b") == "a"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"feature": 1, "index": 2, "latent": 3, "label": "a"}, {3: "a"}),
        ({"feature": 2, "index": 2, "label": "a"}, {2: "a"}),
        ({"feature": 1, "explanation": "c", "description": "b", "label": "a"}, {1: "a"}),
        ({"feature": 1, "explanation": "c", "description": "b"}, {1: "b"}),
        (
            {"index": 1, "explanations": [{"description": "first"}, {"description": "x"}]},
            {1: "first"},
        ),
    ],
)
def test_of_several_names_the_first_known_one_counts(
    record: dict[str, object], text: dict[int, str], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    assert read_explanations(tmp_path / "a.jsonl", 4) == text


def _unspaced_terms(*words: str) -> TokenTerms:
    return token_terms(token_table(list(words)))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("草莓", ["草莓", "草莓酱"]),
        ("草", ["草"]),
        ("莓", []),
        ("喜欢草莓酱的人", ["喜欢", "草莓酱"]),
        ("蓝莓", []),
        ("สตรอเบอร์รี่", ["สตรอเบอร์รี่"]),
    ],
)
def test_words_without_spaces_are_found_in_and_around_terms(word: str, found: list[str]) -> None:
    terms = _unspaced_terms("草莓", "草", "草莓酱", "喜欢", "的", "人", "สตรอเบอร์รี่", " sea")
    (row,) = word_terms([[word]], terms)
    assert [terms.shown[term] for term in row] == found


def test_only_words_without_spaces_join_the_lexicon() -> None:
    assert unspaced_words('the sea, "草莓" and คำ') == ["草莓", "คำ"]


def test_files_have_at_most_512_megabytes_stored_and_unpacked(tmp_path: Path) -> None:
    text = tmp_path / "a.csv"
    with text.open("wb") as file:
        file.truncate(512 << 20)  # without taking space on the disk
    assert explanation_files(text) == [text]
    with text.open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="larger than 512 MB"):
        explanation_files(text)
    table = tmp_path / "a.parquet"
    pq.write_table(pa.table({"latent": [1], "label": ["x"]}), table)
    claim_uncompressed_bytes(table, 512 << 20)
    assert read_explanations(table, 8) == {1: "x"}
    claim_uncompressed_bytes(table, (512 << 20) + 1)
    with pytest.raises(InputError, match="unpacks to more than 512 MB"):
        read_explanations(table, 8)
