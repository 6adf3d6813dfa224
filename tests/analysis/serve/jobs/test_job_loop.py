"""What a job process answers; its loop runs here in the process of the test."""

import operator
from multiprocessing import Pipe
from typing import Any

import pytest

from analysis.serve.jobs.job_loop import answered
from tests.analysis.serve.jobs.steps import count_to, refuse


def answers(function: Any, *arguments: Any, has_progress: bool = False) -> list[tuple[str, Any]]:
    """What is sent for one job."""
    own, other = Pipe()
    with own, other:
        own.send((function, arguments, has_progress))
        other.send(answered(other))
        sent = []
        while own.poll():
            sent.append(own.recv())
    return sent


def test_a_result_follows_its_steps() -> None:
    assert answers(operator.mul, 6, 7) == [("result", 42)]
    steps = answers(count_to, 2, 0.0, has_progress=True)
    assert steps == [("step", (1, 2)), ("step", (2, 2)), ("result", 2)]


def test_bad_input_is_refused_and_a_bug_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(refuse, "/srv/x.parquet") == [("refused", "/srv/x.parquet: is damaged.")]
    assert capsys.readouterr().err == ""
    assert answers(operator.truediv, 1, 0) == [("failed", "ZeroDivisionError: division by zero")]
    assert "Traceback" in capsys.readouterr().err, "the cause is in the log of the server"


def test_without_another_job_it_ends() -> None:
    own, other = Pipe()
    own.close()
    with other, pytest.raises(EOFError):
        answered(other)
