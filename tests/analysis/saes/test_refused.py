"""Dictionaries that are recognised but cannot be analysed."""

from pathlib import Path

import pytest

from tests.analysis.saes.cases import D, F, changed
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
