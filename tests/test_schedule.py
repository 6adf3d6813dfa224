"""The order of the tests, and which of them one process runs."""

from pathlib import Path

from tests.schedule import LONGEST, rank, scope_of

ROOT = Path(__file__).parents[1]


def test_what_takes_longest_exists() -> None:
    assert all((ROOT / name).exists() for name in LONGEST)


def test_a_file_is_run_by_one_process_and_so_are_all_browser_tests() -> None:
    assert scope_of("tests/charts/test_map.py::test_a[1::2]") == "tests/charts/test_map.py"
    assert scope_of("tests/charts/test_map.py::TestMap::test_a") == "tests/charts/test_map.py"
    assert scope_of("tests/browser/test_demo.py::test_a") == "tests/browser"
    assert scope_of("tests/browser/test_screen.py::test_b") == "tests/browser"


def test_the_longest_come_first_in_their_order() -> None:
    tests = ["tests/charts/test_map.py::a", *(f"{name}::a" for name in reversed(LONGEST))]
    assert [scope_of(test) for test in sorted(tests, key=rank)][:-1] == [
        scope_of(f"{name}::a") for name in LONGEST
    ]
    assert rank("tests/browser/test_demo.py::a") == 0
