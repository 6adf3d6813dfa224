"""Imports by several threads of the server."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pages.server import imports
from tests.conftest import ROOT

PACKAGE = {
    "__init__.py": "import time; time.sleep(0.3)\nimport ring.first\n",
    "first.py": "from ring.second import Second\n",
    "second.py": "import ring.first\nclass Second: pass\n",
}
"""A package that must be imported as a whole: its parts import each other in one order only."""
RACE = """
import threading, time
from importlib import import_module
if {alone}:
    from pages.server.imports import import_in_one_thread
    import_in_one_thread()
failed = []
def whole():
    try:
        import ring
    except Exception as error:
        failed.append(error)
def part():
    try:
        {part}
    except Exception as error:
        failed.append(error)
one, other = threading.Thread(target=whole), threading.Thread(target=part)
one.start(); time.sleep(0.1); other.start(); one.join(); other.join()
print(len(failed))
"""


@pytest.mark.parametrize("part", ["import ring.second", "import_module('ring.second')"])
def test_two_threads_can_import_one_package(tmp_path: Path, part: str) -> None:
    (tmp_path / "ring").mkdir()
    for name, code in PACKAGE.items():
        (tmp_path / "ring" / name).write_text(code)
    failures = []
    for alone in (True, False):
        run = subprocess.run(
            [sys.executable, "-c", RACE.format(alone=alone, part=part)],
            env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
            capture_output=True,
            text=True,
            check=True,
        )
        failures.append(int(run.stdout))
    assert failures[0] == 0 < failures[1]


def test_a_module_that_is_imported_is_there_while_another_is_imported() -> None:
    begun, end = threading.Event(), threading.Event()

    def load(name: str, import_: Any) -> str:
        if name == "slow":
            begun.set()
            end.wait()
        return name

    importlib = SimpleNamespace(_find_and_load=load)
    imports.import_in_one_thread(importlib)
    slow = threading.Thread(target=importlib._find_and_load, args=("slow", None))
    slow.start()
    assert begun.wait(60)
    came: list[str] = []

    def note(name: str) -> None:
        came.append(importlib._find_and_load(name, None))

    for name in ("threading", "no_such_module"):
        threading.Thread(target=note, args=(name,), daemon=True).start()
    while not came:
        time.sleep(0.01)
    assert came == ["threading"]
    end.set()
    slow.join()
    while len(came) < 2:
        time.sleep(0.01)
    assert came == ["threading", "no_such_module"]


@pytest.fixture
def importlib(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An import system that writes down when it begins and ends."""
    lines: list[str] = []

    def load(name: str, import_: Any) -> str:
        lines.append(name)
        time.sleep(0.2)
        lines.append(name)
        return name + str(import_)

    monkeypatch.setattr(imports, "_ONE", threading.RLock())
    return SimpleNamespace(_find_and_load=load, lines=lines)


def both(importlib: Any) -> list[str]:
    threads = [threading.Thread(target=importlib._find_and_load, args=(n, 0)) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines: list[str] = importlib.lines
    return lines


def test_one_thread_imports_at_a_time(importlib: Any) -> None:
    imports.import_in_one_thread(importlib)
    patched = importlib._find_and_load
    imports.import_in_one_thread(importlib)
    assert importlib._find_and_load is patched
    assert patched("json", 1) == "json1"
    importlib.lines.clear()
    lines = both(importlib)
    assert sorted(lines) == ["a", "a", "b", "b"]
    assert lines[0] == lines[1] and lines[2] == lines[3]


LOCKED = """
import threading, time
from importlib import import_module
from pages.server.imports import import_in_one_thread
import_in_one_thread()
lock = threading.Lock()
import sys
sys.modules["library"] = sys.modules["__main__"]
def in_lock():
    with lock:
        time.sleep(0.5)
        import deep.within.package
        import xml.dom.minidom
        import wave
        import this
thread = threading.Thread(target=in_lock)
thread.start()
import needs_the_lock
thread.join()
"""


def test_a_library_may_import_while_it_holds_a_lock(tmp_path: Path) -> None:
    inner = tmp_path / "deep" / "within" / "package"
    inner.mkdir(parents=True)
    for folder in (inner, *inner.parents[:2]):
        (folder / "__init__.py").write_text("")
    (tmp_path / "needs_the_lock.py").write_text(
        "import time, library\ntime.sleep(0.2)\nwith library.lock: pass\n"
    )
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", LOCKED],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        check=True,
        timeout=60,
    )
    assert time.monotonic() - begun < 3 * imports.STUCK, "it has waited more than once"


def test_a_thread_waits_while_the_others_get_on(
    importlib: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "STUCK", 0.15)
    imports.import_in_one_thread(importlib)
    waits = threading.Thread(target=importlib._find_and_load, args=("late", 0))
    with imports._ONE:
        waits.start()
        for _ in range(10):
            time.sleep(0.05)
            imports._LOADS[0] += 1
        assert importlib.lines == []
    waits.join()
    assert importlib.lines == ["late", "late"]


def test_a_thread_goes_on_if_the_others_do_not(
    importlib: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "STUCK", 0.01)
    imports.import_in_one_thread(importlib)
    with imports._ONE:  # as a thread that waits for the others while it imports
        assert sorted(both(importlib)) == ["a", "a", "b", "b"]
    assert imports._ONE.acquire(blocking=False)


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how long a thread has run")
def test_a_thread_waits_while_another_runs_in_one_module(
    importlib: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, import_: Any) -> str:
        importlib.lines.append(name)
        end = time.thread_time() + 0.5
        while time.thread_time() < end:
            pass
        importlib.lines.append(name)
        return name

    importlib._find_and_load = load
    monkeypatch.setattr(imports, "STUCK", 0.1)
    imports.import_in_one_thread(importlib)
    lines = both(importlib)
    assert lines[0] == lines[1] and lines[2] == lines[3]


def test_the_modules_of_a_page_are_imported_once_and_what_fails_is_left_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_a_page.py").write_text("")
    (tmp_path / "pages").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(imports, "PAGES", tmp_path / "pages")
    imports.import_page.cache_clear()
    for name, text in (("overview", "import of_a_page"), ("broken", "import there_is_no_such")):
        (tmp_path / "pages" / f"{name}.py").write_text(text)
    for path in ("broken", "not-a-page", ""):
        imports.import_page(path)
    assert sys.modules.pop("of_a_page").__file__ == str(tmp_path / "of_a_page.py")
    imports.import_page("")
    assert "of_a_page" not in sys.modules
    imports.import_page.cache_clear()
