"""Dictionaries that are recognised but cannot be analysed."""

from pathlib import Path

import pytest

from analysis.saes.refused import reason
from analysis.saes.saved import open_saved
from tests.analysis.saes.cases import CASES, D, F, changed, write
from tests.analysis.saes.format_tests import refusal


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"D": (F, D), "attn_layers.0.k_ctx.weight": (D, D)}, "attends to earlier tokens"),
        ({"W_enc_0": (F, D), "W_dec_0": (F, 2, D)}, "writes to many layers"),
        ({"W_dec": (2, F, D), "W_enc": (D, F)}, "W_dec spans several layers"),
        ({"model.decoder.weight": (2, F, D)}, "model.decoder.weight spans several layers"),
    ],
)
def test_the_reason_is_given(
    shapes: dict[str, tuple[int, ...]], message: str, tmp_path: Path
) -> None:
    text = refusal(changed("goodfire", shapes=shapes), tmp_path)
    assert "this cannot be analysed" in text and message in text


@pytest.mark.parametrize("name", ["goodfire", "neel", "gemma_scope_2"])
def test_matrices_of_one_layer_are_accepted(name: str, tmp_path: Path) -> None:
    assert reason(open_saved(write(CASES[name], tmp_path), allow_pickle=True)) is None
