"""Spellings of hook points."""

import pytest

from analysis.harvest.hooks import HookPoint, family_called, parse_hook_point, spelled_hook_point
from analysis.runtime.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected", "module", "side"),
    [
        ("blocks.12.hook_resid_post", HookPoint(12, "resid_post"), "model.layers.12", "output"),
        ("blocks.0.hook_resid_pre", HookPoint(0, "resid_pre"), "model.layers.0", "input"),
        ("blocks.3.hook_mlp_out", HookPoint(3, "mlp_out"), "model.layers.3.mlp", "output"),
        ("model.layers.12", HookPoint(12, "resid_post"), "model.layers.12", "output"),
        ("model.layers.12:input", HookPoint(12, "resid_pre"), "model.layers.12", "input"),
        (
            "blocks.7.attn.hook_z",
            HookPoint(7, "attn_z"),
            "model.layers.7.self_attn.o_proj",
            "input",
        ),
        ("transformer.h.5", HookPoint(5, "resid_post", "gpt2"), "transformer.h.5", "output"),
        (
            "model.layers.3.post_feedforward_layernorm",
            HookPoint(3, "mlp_out", "gemma"),
            "model.layers.3.post_feedforward_layernorm",
            "output",
        ),
        ("blocks.3.mlp.hook_in", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("blocks.3.ln2.hook_normalized", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("model.layers.3.mlp:input", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("transformer.h.3.ln_2", HookPoint(3, "mlp_in", "gpt2"), "transformer.h.3.mlp", "input"),
        (
            "model.layers.3.pre_feedforward_layernorm:input",
            HookPoint(3, "resid_mid", "gemma"),
            "model.layers.3.pre_feedforward_layernorm",
            "input",
        ),
        (
            "gpt_neox.layers.1.attention",
            HookPoint(1, "attn_out", "gpt_neox"),
            "gpt_neox.layers.1.attention",
            "output",
        ),
    ],
)
def test_spellings(text: str, expected: HookPoint, module: str, side: str) -> None:
    hook = parse_hook_point(text)
    assert hook == expected
    assert (hook.module, hook.side) == (module, side)
    assert parse_hook_point(hook.transformer_lens).transformer_lens == hook.transformer_lens
    assert parse_hook_point(f"{hook.module}:{hook.side}").site == hook.site


@pytest.mark.parametrize(
    "text",
    [
        "",
        "blocks.x.hook_resid_post",
        "blocks.1.hook_nothing",
        "model.layers",
        "model.layers.1:sideways",
        "blocks.1.mlp.hook_post",
        "model.layers.1.self_attn.q_proj",
        "blocks.١.hook_resid_post",
        "blocks." + "9" * 5000 + ".hook_resid_post",
        "model.layers." + "9" * 5000 + ".mlp",
        "../../etc/passwd",
    ],
)
def test_a_bad_spelling_is_refused_with_a_good_one(text: str) -> None:
    with pytest.raises(InputError, match=r"blocks\.12\.hook_resid_post"):
        parse_hook_point(text)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("model.layers.3.self_attn.q_proj:output", 3),
        ("decoder.block.11.mlp:input", 11),
        ("model.norm:input", -1),
    ],
)
def test_any_module_is_a_hook_point_with_its_side(text: str, layer: int) -> None:
    hook = parse_hook_point(text)
    assert (hook.layer, hook.site) == (layer, "module")
    assert (str(hook), hook.transformer_lens, f"{hook.module}:{hook.side}") == (text,) * 3


def test_a_hook_point_is_spelled_as_transformer_lens_does_where_it_is_known() -> None:
    assert spelled_hook_point("model.layers.12") == "blocks.12.hook_resid_post"
    assert spelled_hook_point("blocks.2.hook_z") == "blocks.2.attn.hook_z"
    assert spelled_hook_point("encoder.block.3") == "encoder.block.3"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt2-small", "gpt2"),
        ("openai-community/GPT-2", "gpt2"),
        ("EleutherAI/pythia-70m", "gpt_neox"),
        ("google/gemma-2-2b", "gemma"),
        ("google/gemma-3-1b-it", "gemma"),
        ("google/gemma-2b", "llama"),
        ("smollm2-135m", "llama"),
    ],
)
def test_a_models_name_suggests_its_family(name: str, family: str) -> None:
    assert family_called(name) == family
