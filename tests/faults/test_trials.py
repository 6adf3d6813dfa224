"""One case of every trial."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.frame import prepared, trials
from tests.faults.trial import CannotRunError, Case, Trial


@pytest.fixture(scope="module")
def shared() -> Iterator[Callable[[Trial], Path]]:
    with prepared() as folder_of:
        yield folder_of


@pytest.mark.parametrize("trial", trials().values(), ids=lambda trial: trial.name)
def test_one_case(trial: Trial, shared: Callable[[Trial], Path], tmp_path: Path) -> None:
    try:
        trial.run(Case(0, 0, tmp_path, shared(trial)))
    except CannotRunError as reason:
        pytest.skip(str(reason))
