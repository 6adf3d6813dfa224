"""Which files of a folder are the corpus, for the layouts that people have."""

import json
from pathlib import Path

import pytest

from analysis.harvest.corpus_files import ChosenFiles, choose_files, local_files, split_of
from analysis.runtime.errors import InputError


def chosen(folder: Path, split: str | None = None) -> ChosenFiles:
    return choose_files(str(folder), local_files(folder), split)


def names(folder: Path, split: str | None = None) -> list[str]:
    return [file.relative for file in chosen(folder, split).files]


def write(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_a_saved_dataset_is_what_its_state_names(tmp_path: Path) -> None:
    write(tmp_path, "data-00000-of-00001.arrow", "cache-1f3a.arrow", "dataset_info.json")
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert names(tmp_path) == ["data-00000-of-00001.arrow"]
    (tmp_path / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(InputError, match=r"names data-00000-of-00001\.arrow, which is not there"):
        names(tmp_path)


def test_leftovers_are_no_data_without_a_manifest(tmp_path: Path) -> None:
    write(tmp_path, "data-00000-of-00001.arrow", "cache-1f3a.arrow", "tmpx.arrow", ".a/b.arrow")
    assert names(tmp_path) == ["data-00000-of-00001.arrow"]


def test_a_dictionary_of_datasets_has_the_splits_that_it_names(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path, f"{split}/data-0.arrow", f"{split}/cache-0.arrow")
        state = {"_data_files": [{"filename": "data-0.arrow"}]}
        (tmp_path / split / "state.json").write_text(json.dumps(state))
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    assert names(tmp_path) == ["train/data-0.arrow"]
    assert "train is read (test is not; choose with --split)" in chosen(tmp_path).notes[0]
    assert names(tmp_path, "test") == ["test/data-0.arrow"]
    assert chosen(tmp_path, "test").notes == ()
    with pytest.raises(InputError, match=r"has no split dev \(its splits: test, train\)"):
        names(tmp_path, "dev")


def test_a_snapshot_of_the_hub(tmp_path: Path) -> None:
    files = ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet")
    write(tmp_path, *files, "data/test-00000-of-00001.parquet", ".gitattributes", "README.md")
    assert names(tmp_path) == list(files)
    cache = write(tmp_path / "cache", "snapshots/new/train.jsonl", "snapshots/old/train.jsonl")
    write(cache, "refs/main")
    (cache / "refs" / "main").write_text("new")
    assert names(cache) == ["snapshots/new/train.jsonl"]


README = """---
configs:
- config_name: en
  default: true
  data_files:
  - split: train
    path: en/*.parquet
  - split: test
    path: [held/a.parquet]
{more}---
"""


def test_the_readme_of_a_dataset_names_its_files(tmp_path: Path) -> None:
    write(tmp_path, "en/a.parquet", "en/b.parquet", "held/a.parquet", "fr/a.parquet")
    (tmp_path / "README.md").write_text(README.format(more=""))
    assert names(tmp_path) == ["en/a.parquet", "en/b.parquet"]
    assert names(tmp_path, "test") == ["held/a.parquet"]
    french = "- config_name: fr\n  data_files: fr/*.parquet\n"
    (tmp_path / "README.md").write_text(README.format(more=french))
    assert names(tmp_path) == ["en/a.parquet", "en/b.parquet"]
    text = README.format(more=french).replace("  default: true\n", "")
    (tmp_path / "README.md").write_text(text)
    with pytest.raises(InputError, match=r"holds 2 datasets \(en, fr\)"):
        names(tmp_path)
    (tmp_path / "README.md").write_text("---\na: [\n---\n")
    assert len(names(tmp_path)) == 4


def test_several_splits_without_train_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train_sft-00000-of-00001.parquet", "test_sft-00000-of-00001.parquet")
    with pytest.raises(InputError, match="test_sft, train_sft; choose one with --split"):
        names(tmp_path)
    assert names(tmp_path, "train_sft") == ["train_sft-00000-of-00001.parquet"]


def test_files_of_no_split_are_not_merged_with_others(tmp_path: Path) -> None:
    write(tmp_path, "train.jsonl", "extra.jsonl")
    with pytest.raises(InputError, match=r"files of none, such as extra\.jsonl"):
        names(tmp_path)
    assert names(tmp_path, "train") == ["train.jsonl"]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", "a.jsonl.gz", "license.txt")
    assert names(tmp_path) == ["a.parquet"]
    assert "1 others, such as a.jsonl.gz, are not" in chosen(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.jsonl", "train"),
        ("data/training_set.parquet", "train"),
        ("dev/part-00000-of-00009.parquet", "validation"),
        ("eval.jsonl.zst", "test"),
        ("wiki-train-00000-of-00001.arrow", "train"),
        ("trainer.jsonl", ""),
        ("a/b.parquet", ""),
        ("test/train-00000-of-00001.parquet", "train"),
        ("contest/latest.txt", ""),
    ],
)
def test_splits_of_paths(path: str, split: str) -> None:
    assert split_of(path) == split
