"""The order of the tests, and which of them one process runs."""

from pathlib import Path

from tests.schedule import LONGEST, TOGETHER, rank, scope_of

ROOT = Path(__file__).parents[1]


def test_what_takes_longest_exists() -> None:
    assert all((ROOT / name).exists() for name in (*LONGEST, *TOGETHER))


def test_a_file_is_run_by_one_process() -> None:
    assert scope_of("tests/charts/test_map.py::test_a[1::2]") == "tests/charts/test_map.py"
    assert scope_of("tests/charts/test_map.py::TestMap::test_a") == "tests/charts/test_map.py"


def test_files_that_compile_the_same_code_are_run_by_one_process() -> None:
    assert scope_of("tests/analysis/decoder/test_graph.py::test_a") == "tests/analysis/decoder"
    assert scope_of("tests/analysis/decoder/test_exact.py::test_a[1]") == "tests/analysis/decoder"


def test_the_longest_come_first_in_their_order() -> None:
    files = [name if name.endswith(".py") else f"{name}/test_a.py" for name in LONGEST]
    tests = ["tests/charts/test_map.py::a", *(f"{file}::a" for file in reversed(files))]
    assert sorted(tests, key=rank) == [
        *(f"{file}::a" for file in files),
        "tests/charts/test_map.py::a",
    ]
    assert rank("tests/browser/test_demo.py::a") == rank("tests/browser/test_screen.py::b") == 0
