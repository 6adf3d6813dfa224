"""The index is made by another process."""

import subprocess
import time
from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.selection.search import index_maker, is_ready
from analysis.selection.search.index_file import index_path, is_complete

PATIENCE = 120


def _ready(bundle: Bundle) -> bool:
    end = time.monotonic() + PATIENCE
    while not (ready := is_ready(bundle)) and time.monotonic() < end:
        time.sleep(0.05)
    return ready


def test_one_process_makes_it(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path))
    started: list[Path] = []
    start = index_maker._started

    def count(bundle: Bundle) -> "subprocess.Popen[bytes]":
        started.append(bundle.path)
        return start(bundle)

    monkeypatch.setattr(index_maker, "_started", count)
    assert not is_ready(planted_bundle)
    assert _ready(planted_bundle)
    assert started == [planted_bundle.path]
    assert is_complete(index_path(planted_bundle))


def test_what_went_wrong_is_one_sentence_and_then_it_is_tried_again(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="CLEARWATER_CACHE"):
        _ready(planted_bundle)
    (tmp_path / "file").unlink()
    assert _ready(planted_bundle)


def test_a_process_that_ends_without_a_word_is_reported(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path))
    monkeypatch.setattr(index_maker, "_CODE", "raise SystemExit(3)")
    with pytest.raises(InputError, match="could not be made"):
        _ready(planted_bundle)


def test_a_folder_without_a_bundle_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        index_maker.make(str(tmp_path))
    assert str(tmp_path) in str(end.value)
