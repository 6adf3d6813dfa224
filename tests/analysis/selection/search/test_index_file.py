"""The index in the cache."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from analysis.selection.search import index_file
from analysis.selection.search.index_file import index_path, open_index


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path))
    return tmp_path


def _count(bundle: Bundle) -> int:
    with open_index(bundle) as index:
        return int(index.execute("select count(*) from latent_names").fetchone()[0])


@pytest.mark.usefixtures("cache")
def test_it_is_built_once_and_again_if_damaged(planted_bundle: Bundle) -> None:
    assert _count(planted_bundle) == planted_bundle.latents.num_rows
    path = index_path(planted_bundle)
    built = path.stat().st_ino
    assert _count(planted_bundle) and path.stat().st_ino == built
    path.write_bytes(b"not a database")
    assert _count(planted_bundle) == planted_bundle.latents.num_rows
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("cache")
def test_damage_that_shows_later_is_one_sentence_and_built_again(planted_bundle: Bundle) -> None:
    with open_index(planted_bundle) as index:
        (page,) = index.execute(
            "select rootpage from sqlite_master where name = 'terms'"
        ).fetchone()
        (size,) = index.execute("pragma page_size").fetchone()
    with index_path(planted_bundle).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    with pytest.raises(InputError, match="search again"), open_index(planted_bundle) as index:
        index.execute("select * from terms").fetchall()
    with open_index(planted_bundle) as index:
        assert index.execute("select * from terms").fetchall()


@pytest.mark.usefixtures("cache")
def test_builders_at_the_same_time_leave_one_whole_file(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = index_path(planted_bundle)
    with ThreadPoolExecutor(2) as pool:  # as two processes do, which have no common lock
        list(pool.map(lambda _: index_file._build(planted_bundle, path), range(2)))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert _count(planted_bundle) == planted_bundle.latents.num_rows


def test_only_the_latest_files_stay(
    planted_bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_file, "MOST_FILES", 2)
    folder = cache / "search"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.sqlite").touch()
    _count(planted_bundle)
    assert index_path(planted_bundle).exists() and len(list(folder.iterdir())) == 2


def test_another_content_has_another_file(planted_bundle: Bundle) -> None:
    other = planted_bundle.manifest.model_copy(update={"bundle_id": "0" * 16})
    changed = Bundle(planted_bundle.path, other)
    assert index_path(changed) != index_path(planted_bundle)


def test_a_cache_that_cannot_be_written_is_one_sentence(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="CLEARWATER_CACHE"), open_index(planted_bundle):
        pass
