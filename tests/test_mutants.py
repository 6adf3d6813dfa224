"""The mutation tester makes the expected changes and distinguishes killed mutants."""

import subprocess
from pathlib import Path

import pytest

from tests import mutants
from tests.mutants import mutants_of, mutated

SOURCE = """
LIMIT: int = 3
READ_BYTES = 8

def larger(x: "int | float", y: int) -> bool:
    if not (x < y and x != 0):
        raise ValueError(f"{x + 1}")
    return min(x, y) * 0.5 > LIMIT

@njit(cache=True)
def kernel(x):
    return x - 1
"""


def changes(source: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in mutants_of("module.py", source)}


def test_every_operator_and_constant_is_changed() -> None:
    assert changes(SOURCE) == {
        ("3", "4"),
        ("3", "2"),
        ("x < y and x != 0", "x < y or x != 0"),
        ("not (x < y and x != 0)", "x < y and x != 0"),
        ("x < y", "x <= y"),
        ("x != 0", "x == 0"),
        ("0", "1"),
        ("min(x, y) * 0.5 > LIMIT", "min(x, y) * 0.5 >= LIMIT"),
        ("min(x, y) * 0.5", "min(x, y) / 0.5"),
        ("0.5", "5.0"),
        ("0.5", "0.05"),
        ("min", "max"),
        ("x - 1", "x + 1"),
        ("1", "2"),
        ("1", "0"),
    }


def test_kernels_are_known() -> None:
    compiled = {mutant.before for mutant in mutants_of("module.py", SOURCE) if mutant.compiled}
    assert compiled == {"x - 1", "1"}


def test_a_mutant_changes_one_place() -> None:
    source = "def f(a, b):\n    return g(a - b, a - b) - a\n"
    results = [mutated(source, mutant) for mutant in mutants_of("module.py", source)]
    assert [result.splitlines()[1].strip() for result in results] == [
        "return g(a - b, a - b) + a",
        "return g(a + b, a - b) - a",
        "return g(a - b, a + b) - a",
    ]


def test_stale_kernels_include_those_of_all_importers() -> None:
    stale = mutants.importers_of("analysis/cooccurrence/tails.py")
    room = "analysis/cooccurrence"
    assert {f"{room}/{name}.py" for name in ("tails", "null_models", "significance")} <= stale
    assert f"{room}/association.py" not in stale


def test_mutants_of_a_small_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, test = tmp_path / "analysis" / "sums.py", tmp_path / "tests/analysis/test_sums.py"
    for file, text in (
        (module, "def total(x, y):\n    return x + y\n\n\ndef half(x):\n    return x / 2\n"),
        (
            test,
            "from analysis.sums import half, total\n\n\n"
            "def test_sums():\n    assert total(1, 2) == 3\n    assert half(0) == 0\n",
        ),
        (tmp_path / "pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["."]\n'),
        # A regular package comes before one of the same name that is installed.
        (tmp_path / "analysis" / "__init__.py", ""),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.setattr(mutants, "RESULTS", tmp_path / ".mutants" / "results.jsonl")
    before = module.read_text()

    chosen = mutants.chosen_mutants(["analysis/sums.py"], 10, seed=0)
    outcomes = mutants.run(chosen, minutes=5, jobs=1)
    assert {(each.mutant.after, each.killed) for each in outcomes} == {
        ("x - y", True),
        ("x * 2", False),
        ("3", False),
        ("1", False),
    }
    assert module.read_text() == before
    assert "| all | 4 | 1 (25 %) |" in mutants.report(outcomes, 4)
    assert "`analysis/sums.py:6`: `x / 2` → `x * 2`" in mutants.report(outcomes, 4)

    capsys.readouterr()
    again = mutants.run(chosen, minutes=5, jobs=1)
    assert sorted(each.killed for each in again) == [False, False, False, True]
    assert capsys.readouterr().out == ""
