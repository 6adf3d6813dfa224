"""Open bundles stay in memory up to a limit in bytes."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.runtime.errors import InputError
from pages.widgets.open_bundles import COUNTED_EVERY, OpenBundles, held_bytes


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folders(planted_bundle: Bundle, tmp_path: Path) -> list[Path]:
    """Three bundles."""
    copies = [tmp_path / name for name in "abc"]
    for folder in copies:
        shutil.copytree(planted_bundle.path, folder)
    return copies


def opener(folder: Path, opened: list[str]) -> Callable[[], Bundle]:
    def run() -> Bundle:
        opened.append(folder.name)
        bundle = open_bundle(folder)
        _ = bundle.latents
        return bundle

    return run


def names(bundles: OpenBundles) -> set[str]:
    return {bundle.path.name for bundle in bundles.now()}


def test_the_bundle_that_was_used_longest_ago_is_let_go(folders: list[Path]) -> None:
    opened: list[str] = []
    size = held_bytes(opener(folders[0], [])())
    assert size > 10_000
    bundles = OpenBundles(lambda: round(2.5 * size), Clock())
    for name in "ab" + "a" + "c":
        bundles.get(name, opener(folders["abc".index(name)], opened))
    assert opened == ["a", "b", "c"]
    assert names(bundles) == {"a", "c"}
    bundles.get("b", opener(folders[1], opened))
    assert opened == ["a", "b", "c", "b"]
    assert names(bundles) == {"b", "c"}


def test_a_bundle_that_has_grown_is_counted_again_after_a_while(folders: list[Path]) -> None:
    clock, opened = Clock(), list[str]()
    first = opener(folders[0], opened)
    bundles = OpenBundles(lambda: round(2.5 * held_bytes(first())), clock)
    for name in "ab":
        bundles.get(name, opener(folders["abc".index(name)], opened))
    grown = bundles.get("b", opener(folders[1], opened))
    vars(grown)["read later"] = b"0" * 3 * held_bytes(grown)
    bundles.get("b", opener(folders[1], opened))
    assert names(bundles) == {"a", "b"}
    clock.now = COUNTED_EVERY
    bundles.get("b", opener(folders[1], opened))
    assert names(bundles) == {"b"}  # and the last one stays, whatever its size


def test_a_bundle_that_a_session_uses_is_not_opened_twice(folders: list[Path]) -> None:
    opened: list[str] = []
    bundles = OpenBundles(lambda: 0, Clock())
    used = bundles.get("a", opener(folders[0], opened))
    bundles.get("b", opener(folders[1], opened))
    assert bundles.get("a", opener(folders[0], opened)) is used
    assert opened == ["a", "b"]


def test_what_a_folder_held_before_is_let_go(folders: list[Path]) -> None:
    bundles = OpenBundles(lambda: 10**12, Clock())
    opened: list[str] = []
    bundles.get("before", opener(folders[0], opened))
    bundles.get("after", opener(folders[0], opened))
    assert len(bundles.now()) == 1


def test_what_cannot_be_opened_is_tried_again(folders: list[Path]) -> None:
    bundles = OpenBundles(lambda: 10**12, Clock())

    def damaged() -> Bundle:
        raise InputError("damaged")

    with pytest.raises(InputError, match="damaged"):
        bundles.get("a", damaged)
    bundles.get("a", opener(folders[0], []))
    assert names(bundles) == {"a"}


def test_readers_of_another_bundle_do_not_wait_for_one_that_is_opened(folders: list[Path]) -> None:
    bundles = OpenBundles(lambda: 10**12, Clock())
    begun, end, opened = threading.Event(), threading.Event(), list[str]()

    def slow() -> Bundle:
        begun.set()
        assert end.wait(60)
        return opener(folders[0], opened)()

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(bundles.get, "a", slow)
        assert begun.wait(60)
        again = threads.submit(bundles.get, "a", slow)
        threads.submit(bundles.get, "b", opener(folders[1], opened)).result(timeout=60)
        assert not first.done() and not again.done()
        end.set()
        assert first.result(timeout=60) is again.result(timeout=60)
    assert opened == ["b", "a"]
