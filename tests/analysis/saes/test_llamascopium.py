"""Llamascopium's SAEs and transcoders of one layer."""

from pathlib import Path

import pytest

from tests.analysis.saes.cases import HOOK, Case, changed, llamascopium_config
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestLlamascopium(FormatTests):
    formats = ("llamascopium",)


def changed_jump(**settings: object) -> Case:
    """The jumprelu case with other settings."""
    return changed("llamascopium_jump", config=llamascopium_config(**settings))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (changed_jump(use_glu_encoder=True), "GLU encoder"),
        (changed_jump(norm_activation="batch-wise"), "normalises by batch"),
        (changed_jump(norm_activation="layer-wise"), "norm_activation layer-wise is unknown"),
        (changed_jump(sae_type="lorsa"), "not an SAE of one layer"),
        (
            changed_jump(norm_activation="token-wise", hook_point_out="blocks.3.hook_mlp_out"),
            "rescaled by each target token's own norm",
        ),
        (changed("llamascopium_topk", given={}), "must be a positive number"),
        (
            changed("llamascopium_relu_token_wise", config=llamascopium_config(act_fn="gelu")),
            "act_fn 'gelu' is unknown",
        ),
    ],
)
def test_what_cannot_be_encoded_is_refused(case: Case, message: str, tmp_path: Path) -> None:
    assert message in refusal(case, tmp_path)


def test_a_transcoder_names_both_hook_points(tmp_path: Path) -> None:
    sae = opened("llamascopium_topk", tmp_path)
    assert (sae.hook_point, sae.hook_point_out) == (HOOK, "blocks.3.hook_mlp_out")
    assert not sae.undoes_normalisation
