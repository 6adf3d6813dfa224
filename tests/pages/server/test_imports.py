"""Imports of pages by several threads of the server."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from pages.server import imports

SLOW = """
import time
from journal import lines
lines.append(__name__)
time.sleep(0.2)
lines.append(__name__)
"""


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the modules `slow_one` and `slow_two` write at their beginning and at their end."""
    (tmp_path / "journal.py").write_text("lines = []\n")
    for name in ("slow_one", "slow_two"):
        (tmp_path / f"{name}.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("journal", "slow_one", "slow_two"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(imports, "_DONE", set())
    written: list[str] = import_module("journal").lines
    return written


def test_one_thread_imports_at_a_time(lines: list[str]) -> None:
    both = threading.Barrier(2)

    def run(name: str) -> None:
        both.wait()
        imports.import_one(name)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("slow_one", "slow_two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lines) == ["slow_one"] * 2 + ["slow_two"] * 2
    assert lines[0] == lines[1] and lines[2] == lines[3]


def test_what_was_imported_waits_for_no_other_import(lines: list[str]) -> None:
    imports.import_one("slow_one")
    with ThreadPoolExecutor(1) as other, imports.imports_of("what takes long"):
        other.submit(imports.import_one, "slow_one").result(timeout=60)
        waits = other.submit(imports.import_one, "slow_two")
        assert lines == ["slow_one"] * 2
        assert not waits.done()
    assert lines == ["slow_one"] * 2 + ["slow_two"] * 2


def test_an_import_that_fails_is_tried_again(lines: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            imports.import_one("no_such_module")
    (tmp_path / "no_such_module.py").write_text("")
    invalidate_caches()
    imports.import_one("no_such_module")
    sys.modules.pop("no_such_module")
    assert lines == []


def test_a_page_is_imported_as_its_file_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(imports, "PAGES", tmp_path)
    monkeypatch.setattr(imports, "_DONE", set())
    monkeypatch.syspath_prepend(tmp_path)
    for page in ("overview", "latent"):
        (tmp_path / f"{page}.py").write_text(
            f"import needed_by_{page}\nraise RuntimeError('drawn')\n"
        )
        (tmp_path / f"needed_by_{page}.py").write_text("")
    imports.import_page("")
    assert "needed_by_overview" in sys.modules
    assert "needed_by_latent" not in sys.modules
    imports.import_page("latent")
    assert "needed_by_latent" in sys.modules
    for page in ("overview", "latent"):
        del sys.modules[f"needed_by_{page}"]


def test_modules_are_read_from_the_file_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text(
        "import json\nfrom os import path\nfrom pages.widgets import state\n"
        "from pages.widgets.page import begin\nbegin('a', 'b')\n"
    )
    assert list(imports.modules_of(page)) == [
        "json",
        "os",
        "pages.widgets",
        "pages.widgets.state",
        "pages.widgets.page",
    ]
