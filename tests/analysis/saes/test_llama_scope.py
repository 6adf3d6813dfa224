"""Llama Scope and Llama-Scope-R1."""

from pathlib import Path

import pytest
import torch

from analysis.saes import load_sae
from tests.analysis.saes.cases import CASES, HOOK, HYPERPARAMETERS, Case, changed, write
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestLlamaScope(FormatTests):
    formats = ("llama_scope", "llama_scope_r1")


def test_the_configuration_names_hook_points_and_model(tmp_path: Path) -> None:
    sae = opened("llama_scope", tmp_path / "sae")
    assert (sae.hook_point, sae.hook_point_out) == (HOOK, None)
    assert sae.model_name == "meta-llama/Llama-3.1-8B"
    transcoder = opened("llama_scope_transcoder", tmp_path / "transcoder")
    assert transcoder.hook_point == "blocks.3.ln2.hook_normalized"
    assert transcoder.hook_point_out == "blocks.3.hook_mlp_out"


def test_top_k_is_the_advertised_l0(tmp_path: Path) -> None:
    named = changed("llama_scope", config=HYPERPARAMETERS | {"top_k": 50})
    assert load_sae(write(named, tmp_path)).advertised_l0 == 50


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            changed(
                "llama_scope",
                config={key: v for key, v in HYPERPARAMETERS.items() if "norm" not in key},
            ),
            "must be a positive number",
        ),
        (changed("llama_scope", config=HYPERPARAMETERS | {"act_fn": "relu"}), "act_fn jumprelu"),
        (
            changed(
                "llama_scope", config=HYPERPARAMETERS | {"apply_decoder_bias_to_pre_encoder": True}
            ),
            "apply_decoder_bias_to_pre_encoder is set",
        ),
    ],
)
def test_what_cannot_be_encoded_is_refused(case: Case, message: str, tmp_path: Path) -> None:
    assert message in refusal(case, tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("llama_scope", {"dataset_average_activation_norm": {"in": 5.0}}),
        ("llama_scope", {"act_fn": None, "sparsity_include_decoder_norm": None}),
        ("llama_scope_r1", {"norm_activation": None}),
        ("llama_scope_r1", {"hook_point_out": None}),
    ],
)
def test_settings_that_are_missing_have_the_defaults_of_openmoss(
    name: str, change: dict[str, object], tmp_path: Path
) -> None:
    """The output has the norm of the input; norms are of the data set and count decoder norms."""
    shorter = changed(name, config={**(CASES[name].config or {}), **change})
    sae = load_sae(write(shorter, tmp_path / "shorter"))
    assert sae.content_hash == opened(name, tmp_path / "whole").content_hash


def test_the_output_of_an_r1_transcoder_has_the_norm_of_its_own_hook_point(tmp_path: Path) -> None:
    out = "blocks.3.hook_mlp_out"
    given = {
        f"dataset_average_activation_norm.{hook}": torch.tensor(norm)
        for hook, norm in ((HOOK, 4.0), (out, 2.0))
    }
    config = {**(CASES["llama_scope_r1"].config or {}), "hook_point_out": out}
    case = changed("llama_scope_r1", config=config, given=given)
    sae = load_sae(write(case, tmp_path / "transcoder"))
    plain = opened("llama_scope_r1", tmp_path / "sae")
    torch.testing.assert_close(sae.W_enc, plain.W_enc)
    torch.testing.assert_close(sae.W_dec, plain.W_dec / 2)
