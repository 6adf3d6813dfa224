"""Which format opens a file."""

from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.saes import FORMATS, Overrides, load_sae
from tests.analysis.saes.cases import CASES, D, F, changed, write
from tests.analysis.saes.format_tests import refusal


def test_every_registered_format_has_a_case() -> None:
    covered = {case.format for case in CASES.values()} | {"saelens", "sparsify"}
    assert covered == {entry.name for entry in FORMATS}
    assert len(covered) == len(FORMATS)


@pytest.mark.parametrize("name", CASES)
def test_the_first_format_that_matches_is_the_right_one(name: str, tmp_path: Path) -> None:
    sae = load_sae(write(CASES[name], tmp_path), allow_pickle=True)
    assert sae.format == CASES[name].format


def test_a_format_can_be_named(tmp_path: Path) -> None:
    file = write(CASES["deepseek_r1"], tmp_path)
    with pytest.raises(
        InputError, match="format 'word2vec' is unknown; supported formats are saelens"
    ):
        load_sae(file, Overrides(format="word2vec"), allow_pickle=True)
    with pytest.raises(InputError, match=r"encoder_linear\.weight is missing"):
        load_sae(file, Overrides(format="goodfire"), allow_pickle=True)


def test_unknown_content_is_refused(tmp_path: Path) -> None:
    message = refusal(changed("goodfire", shapes={"weights": (F, D)}), tmp_path)
    assert "no known format" in message and "weights [30, 12]" in message
