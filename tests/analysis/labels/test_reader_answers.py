"""Answers of readers: whole lines, in the folder that is named."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import platformdirs
import pytest

from analysis.labels.reader_answers import FILE, FOLDER, Answer, answers_folder, store_answer
from analysis.runtime.errors import InputError

ANSWER = Answer("abc", "latent 3", 7, 0, 2, True, 4.25, "2026-01-02T03:04:05+00:00")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "answers"))
    return tmp_path / "answers"


def test_answers_are_json_lines_in_the_named_folder(folder: Path) -> None:
    other = replace(ANSWER, trial=1, right=False)
    store_answer(ANSWER)
    store_answer(other)
    lines = (folder / FILE).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [asdict(ANSWER), asdict(other)]


def test_the_default_folder_is_that_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert answers_folder() == Path(platformdirs.user_data_dir("clearwater"))


def test_lines_of_many_writers_stay_whole(folder: Path) -> None:
    answers = [replace(ANSWER, trial=i) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store_answer, answers))
    lines = (folder / FILE).read_text().splitlines()
    assert sorted(json.loads(line)["trial"] for line in lines) == list(range(200))


def test_a_folder_that_cannot_be_written_is_one_sentence_without_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    with pytest.raises(InputError, match="answers cannot be stored") as error:
        store_answer(ANSWER)
    assert FOLDER in error.value.public and str(tmp_path) not in error.value.public


def test_a_full_disk_leaves_no_part_of_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_answer(ANSWER)
    before = (folder / FILE).read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:10]))
    with pytest.raises(InputError, match="the disk is full"):
        store_answer(ANSWER)
    assert (folder / FILE).read_bytes() == before
