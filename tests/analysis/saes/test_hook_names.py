"""Hook points from the names of files and modules."""

import pytest

from analysis.saes.hook_names import hook_point_of_module, layer_in


@pytest.mark.parametrize(
    ("module", "hook"),
    [
        ("model.layers.12", "blocks.12.hook_resid_post"),
        ("layers.3.output", "blocks.3.hook_resid_post"),
        ("transformer.h.5", "blocks.5.hook_resid_post"),
        ("h.5.mlp", "blocks.5.hook_mlp_out"),
        ("layers.5.mlp.input", "blocks.5.mlp.hook_in"),
        ("model.layers.2.post_feedforward_layernorm.output", "blocks.2.hook_mlp_out"),
        ("model.layers.2.pre_feedforward_layernorm.output", "blocks.2.ln2.hook_normalized"),
        ("h.1.attn", "blocks.1.hook_attn_out"),
        ("layers.1.self_attn.o_proj.input", "blocks.1.attn.hook_z"),
        ("transformer.wte", "hook_embed"),
        ("layers.1.mlp.up_proj", None),
        ("", None),
    ],
)
def test_modules_in_transformer_lens_spelling(module: str, hook: str | None) -> None:
    assert hook_point_of_module(module) == hook


def test_the_layer_in_a_name() -> None:
    assert layer_in("sae-l19.pt", r"-l(\d+)") == 19
    assert layer_in("sae.pt", r"-l(\d+)") is None
