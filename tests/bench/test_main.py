"""The benchmarks are run by one command, and the document is what their results say."""

import dataclasses
from pathlib import Path

import pytest

from bench.__main__ import DOCUMENT, RESULTS, RUNS, document, main, run, stored

FOLDER = Path(__file__).parents[2] / "bench"


def test_a_benchmark_runs_and_says_where() -> None:
    result = run("bench_open_sae", "--latents 64 --width 16")
    assert "float32" in result.output and result.seconds > 0
    assert "cores" in result.machine and "torch 2." in result.packages
    text = document([result, dataclasses.replace(result, output="other")])
    assert "python -m bench.bench_open_sae --latents 64 --width 16`" in text
    assert result.output in text and text.count("## Opening a 65,536 x 2,304 SAE") == 2


def test_the_document_is_that_of_the_stored_results() -> None:
    assert DOCUMENT.read_text() == document(stored(RESULTS))


def test_every_run_is_a_benchmark_and_unknown_names_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert all((FOLDER / f"{name}.py").exists() for name in RUNS)
    with pytest.raises(SystemExit):
        main(["bench_nothing"])
    assert "there is no benchmark bench_nothing" in capsys.readouterr().err
