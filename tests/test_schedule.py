"""The order of the tests, and which of them one process runs."""

from pathlib import Path

from tests.schedule import LONGEST, TOGETHER, first_for, rank, scope_of

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


def test_one_process_in_three_leaves_the_browser_to_the_others() -> None:
    browser = ["tests/browser/test_demo.py", "tests/browser/test_screen.py"]
    waiting = [*browser, "tests/charts/test_map.py", "tests/data/test_model.py"]
    assert [first_for(process, 3, waiting) for process in range(3)] == [
        browser[0],
        browser[0],
        "tests/charts/test_map.py",
    ]
    computes = [first_for(process, 6, waiting) == waiting[2] for process in range(6)]
    assert computes == [False, False, True] * 2
    assert {first_for(process, 2, waiting) for process in range(2)} == {browser[0]}
    assert first_for(2, 3, browser) == browser[0]
