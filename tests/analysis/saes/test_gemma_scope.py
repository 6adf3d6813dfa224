"""Gemma Scope 1 and 2."""

from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.saes import Overrides, load_sae
from tests.analysis.saes.cases import CASES, HOOK, D, F, changed, expected, inputs, write
from tests.analysis.saes.format_tests import FormatTests, assert_agrees, opened, refusal


class TestGemmaScope(FormatTests):
    formats = ("gemma_scope", "gemma_scope_2")


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("gemma_scope", HOOK),
        ("gemma_scope_embedding", "hook_embed"),
        ("gemma_scope_2", HOOK),
        ("gemma_scope_2_skip", "blocks.3.ln2.hook_normalized"),
    ],
)
def test_the_hook_point_is_read(name: str, hook: str, tmp_path: Path) -> None:
    assert opened(name, tmp_path).hook_point == hook


def test_path_and_configuration_name_model_l0_and_output(tmp_path: Path) -> None:
    first = opened("gemma_scope", tmp_path / "first")
    assert (first.advertised_l0, first.model_name) == (5, "google/gemma-2-2b")
    assert first.hook_point_out is None
    skip = opened("gemma_scope_2_skip", tmp_path / "skip")
    assert skip.hook_point_out == "blocks.3.hook_mlp_out"


def test_a_transcoder_and_an_instruction_tuned_model_by_their_path(tmp_path: Path) -> None:
    place = "gemma-scope-9b-it-transcoders/layer_7/width_16k/average_l0_88/params.npz"
    sae = load_sae(write(changed("gemma_scope", file=place), tmp_path))
    assert (sae.model_name, sae.advertised_l0) == ("google/gemma-2-9b-it", 88)
    assert sae.hook_point == "blocks.7.ln2.hook_normalized"
    assert sae.hook_point_out == "blocks.7.hook_mlp_out"
    assert not sae.is_autoencoder


def test_a_path_that_names_nothing_is_noted(tmp_path: Path) -> None:
    sae = load_sae(write(changed("gemma_scope", file="params.npz"), tmp_path))
    assert (sae.hook_point, sae.model_name, sae.advertised_l0) == (None, None, None)
    assert sae.notes == [
        "The path names neither model nor site: give them with --model and --hook."
    ]


def test_a_cross_layer_transcoder_is_refused(tmp_path: Path) -> None:
    shapes = {**CASES["gemma_scope_2"].shapes, "w_dec": (F, 2, D)}
    assert "spans several layers" in refusal(changed("gemma_scope_2", shapes=shapes), tmp_path)


def test_weights_without_their_configuration_are_not_guessed(tmp_path: Path) -> None:
    """A SAELens jumprelu file looks like Gemma Scope's, but subtracts b_dec: no guess is made."""
    bare = changed("gemma_scope", file="sae_weights.safetensors")
    file = write(bare, tmp_path)
    with pytest.raises(InputError, match="it is unknown how they encode"):
        load_sae(file)
    named = load_sae(file, Overrides(format="gemma_scope"))
    assert_agrees(named, inputs(), expected(bare, inputs()))
