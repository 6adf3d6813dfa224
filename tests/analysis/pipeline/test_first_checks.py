"""What is refused without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from analysis.pipeline import first_checks
from analysis.pipeline.first_checks import check_inputs, check_request
from analysis.runtime.errors import InputError
from analysis.settings import BuildRequest

SCRIPT = """
import sys
from analysis.pipeline import first_checks
assert "torch" not in sys.modules, "torch was imported"
"""


def test_it_loads_no_torch() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)


def test_one_kind_of_input_is_needed(tmp_path: Path) -> None:
    request = BuildRequest(sae="s", out=tmp_path / "b", model="m", corpus=tmp_path / "c.txt")
    check_inputs(request)
    with pytest.raises(InputError, match="There is no corpus at"):
        check_request(request)
    (tmp_path / "c.txt").write_text("One.")
    check_request(request)
    with pytest.raises(InputError, match="Incomplete input"):
        check_inputs(BuildRequest(sae="s", out=tmp_path / "b", corpus=tmp_path / "c.txt"))


@pytest.mark.parametrize(
    ("model", "is_path"),
    [("gpt2", False), ("org/model", False), ("org/model/part", True), ("./model", True),
     ("../model", True), ("~/no-such-model", True), ("/nowhere/model", True)],
)  # fmt: skip
def test_what_can_only_be_a_path_is_not_looked_up_on_the_hub(model: str, is_path: bool) -> None:
    assert first_checks._is_path(model) is is_path


def test_a_folder_that_is_there_is_no_missing_path(tmp_path: Path) -> None:
    assert not first_checks._is_path(str(tmp_path))
