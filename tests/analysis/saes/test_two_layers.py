"""Plain ReLU SAEs of two linear layers: Goodfire, DeepSeek-R1 and e2e_sae."""

from pathlib import Path

import pytest

from analysis.saes import load_sae
from tests.analysis.saes.cases import D, F, changed, write
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestTwoLayers(FormatTests):
    formats = ("goodfire", "deepseek_r1", "e2e_sae")


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("goodfire", "blocks.19.hook_resid_post"),
        ("deepseek_r1", "blocks.19.hook_resid_post"),
        ("e2e_sae", "blocks.6.hook_resid_pre"),
    ],
)
def test_the_hook_point_is_read(name: str, hook: str, tmp_path: Path) -> None:
    sae = opened(name, tmp_path)
    assert (sae.hook_point, sae.advertised_l0) == (hook, None)


def test_a_file_name_without_a_layer_is_noted(tmp_path: Path) -> None:
    sae = load_sae(write(changed("goodfire", file="sae.pth"), tmp_path), allow_pickle=True)
    assert sae.hook_point is None
    assert "names neither model nor hook point" in sae.notes[0]


def test_two_saes_in_one_file_are_refused(tmp_path: Path) -> None:
    two = changed("e2e_sae", shapes={"a.encoder.0.weight": (F, D), "b.encoder.0.weight": (F, D)})
    assert "holds 2 SAEs" in refusal(two, tmp_path)
