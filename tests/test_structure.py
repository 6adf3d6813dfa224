"""The layout of the repository: sizes, names, and a test file for every module."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("analysis", "charts", "pages")
MOST_LINES = 400
MOST_LINES_OF_A_PAGE = 80
MOST_ROOMS = 16
REASON = "Longer than 400 lines because"
"""How the header of a longer file begins the sentence that says why."""


def modules(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long_without_a_reason(package: str) -> None:
    every = [*modules(package), *(ROOT / package).rglob("__init__.py")]
    long = [path for path in every if lines(path) > MOST_LINES]
    unexplained = [
        str(path.relative_to(ROOT))
        for path in long
        if REASON not in (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
    ]
    assert unexplained == []


def test_pages_are_thin() -> None:
    pages = (ROOT / "pages").glob("*.py")
    assert [path.name for path in pages if lines(path) > MOST_LINES_OF_A_PAGE] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_used_twice_in_a_package(package: str) -> None:
    names = Counter(path.stem for path in modules(package))
    assert [name for name, times in names.items() if times > 1] == []


def test_no_module_is_a_drawer() -> None:
    drawers = re.compile(r"(util|helper|misc|manager|common)", re.IGNORECASE)
    every = [path for package in PACKAGES for path in modules(package)]
    assert [str(path) for path in every if drawers.search(path.stem)] == []


def test_analysis_has_few_rooms() -> None:
    rooms = [
        path.name
        for path in (ROOT / "analysis").iterdir()
        if (path.is_dir() and (path / "__init__.py").exists())
        or (path.suffix == ".py" and not path.stem.startswith("__"))
    ]
    assert len(rooms) <= MOST_ROOMS, rooms


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_test_file(package: str) -> None:
    missing = []
    for path in modules(package):
        own = path.relative_to(ROOT)
        test = ROOT / "tests" / own.parent / f"test_{own.stem.strip('_')}.py"
        if not test.exists():
            missing.append(str(own))
    assert missing == []
