"""Per-layer transcoders as circuit-tracer reads them."""

from pathlib import Path

import pytest

from tests.analysis.saes.cases import D, F, changed
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestCircuitTracer(FormatTests):
    formats = ("circuit_tracer",)


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("mwhanna", "standard"),
        ("mntss_skip", "standard"),
        ("circuit_tracer_jump", "jumprelu"),
        ("circuit_tracer_topk", "topk"),
    ],
)
def test_the_tensors_give_the_architecture(name: str, architecture: str, tmp_path: Path) -> None:
    transcoder = opened(name, tmp_path)
    assert transcoder.architecture == architecture
    assert transcoder.hook_point == "blocks.3.mlp.hook_in"
    assert transcoder.hook_point_out == "blocks.3.hook_mlp_out"
    assert not transcoder.is_autoencoder
    assert (transcoder.W_skip is not None) == (name == "mntss_skip")


def test_a_cross_layer_transcoder_is_refused(tmp_path: Path) -> None:
    stacked = changed("mwhanna", shapes={"W_enc_3": (F, D), "W_dec_3": (F, 2, D)})
    assert "cross-layer transcoder" in refusal(stacked, tmp_path)
