"""What is measured in models of many families, against plain forward hooks written out here."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import HookPoint, parse_hook_point
from analysis.harvest.models import LanguageModel
from analysis.runtime.errors import InputError
from tests.analysis.harvest.more_families import FAMILIES, LAYERS, VOCABULARY, D, Family, opened

TOKENS = torch.randint(2, VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(3))
SITES = ("resid_pre", "attn_out", "mlp_out", "resid_post")
READ = [name for name, family in FAMILIES.items() if not family.refused]


def by_plain_hooks(name: str, layer: int) -> dict[str, torch.Tensor]:
    """The four tensors of a layer, read by hooks on the modules that the family names."""
    family, model = FAMILIES[name], opened(name).model
    seen: dict[str, torch.Tensor] = {}

    def keep(site: str, value: Any, factor: float = 1.0) -> None:
        value = value[0] if isinstance(value, tuple) else value
        seen[site] = (value * factor).reshape(*TOKENS.shape, D).clone()

    block = model.get_submodule(f"{family.layers}.{layer}")
    handles = [
        block.register_forward_pre_hook(
            lambda _, args, kwargs: keep("resid_pre", args or kwargs["hidden_states"]),
            with_kwargs=True,
        ),
        block.register_forward_hook(lambda _, __, output: keep("resid_post", output)),
    ]
    for site, path in (("attn_out", family.attention), ("mlp_out", family.mlp)):
        if site not in family.refused:
            handles.append(
                _inside(block, path).register_forward_hook(
                    lambda _, __, output, site=site: keep(site, output, family.factor)
                )
            )
    with torch.inference_mode():
        model(TOKENS, use_cache=False)
    for handle in handles:
        handle.remove()
    return seen


def _inside(block: Any, path: str) -> Any:
    """A module of a layer; the second kind of attention where the layers have two kinds."""
    try:
        return block.get_submodule(path)
    except AttributeError:
        return block.get_submodule("self_attn")


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("layer", range(LAYERS))
def test_four_sites_equal_plain_hooks_and_add_up(name: str, layer: int) -> None:
    expected = by_plain_hooks(name, layer)
    read = {
        site: hooked_activations(opened(name), HookPoint(layer, site), TOKENS) for site in SITES
    }
    for site in SITES:
        torch.testing.assert_close(read[site], expected[site], atol=1e-5, rtol=1e-5)
        assert read[site].abs().max() > 1e-3
    total = read["resid_pre"] + read["attn_out"] + read["mlp_out"]
    size = float(read["resid_post"].abs().max())
    torch.testing.assert_close(total, read["resid_post"], atol=1e-5 * max(1.0, size), rtol=0)


def test_families_are_many() -> None:
    assert len(FAMILIES) >= 24
    assert len(READ) >= 18


@pytest.mark.parametrize("name", READ)
def test_resid_mid_is_read_unless_attention_and_mlp_are_parallel(name: str) -> None:
    expected = by_plain_hooks(name, 1)
    hook = HookPoint(1, "resid_mid")
    if FAMILIES[name].parallel:
        with pytest.raises(InputError, match=r"blocks\.1\.hook_resid_post, blocks\.1\.hook_attn"):
            hook_in(opened(name), hook)
        return
    mid = expected["resid_pre"] + expected["attn_out"]
    read = hooked_activations(opened(name), hook, TOKENS)
    torch.testing.assert_close(read, mid, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", READ)
def test_the_heads_are_read_before_the_last_matrix_of_attention(name: str) -> None:
    hook = hook_in(opened(name), HookPoint(1, "attn_z"))
    family, block = FAMILIES[name], f"{FAMILIES[name].layers}.1."
    assert hook.module.startswith(block)
    assert hook.module.rpartition(".")[2] in {"o_proj", "c_proj", "out_proj", "dense"}
    projection = opened(name).model.get_submodule(hook.module)
    with torch.inference_mode():
        written = projection(hooked_activations(opened(name), hook, TOKENS))
        if "norm" in family.attention:
            written = opened(name).model.get_submodule(block + family.attention)(written)
    added = by_plain_hooks(name, 1)["attn_out"]
    torch.testing.assert_close(written * family.factor, added, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", READ)
def test_the_mlp_reads_mlp_in(name: str) -> None:
    """The modules of the MLP, run on mlp_in, give mlp_out."""
    family, model = FAMILIES[name], opened(name).model
    block = model.get_submodule(f"{family.layers}.1")
    hook = hook_in(opened(name), HookPoint(1, "mlp_in"))
    x = hooked_activations(opened(name), hook, TOKENS)
    with torch.inference_mode():
        if name == "opt":
            out = block.fc2(block.activation_fn(block.fc1(x)))
        elif name == "bloom":
            out = block.mlp(x, torch.zeros_like(x))
        else:
            out = block.mlp(x)
            out = out[0] if isinstance(out, tuple) else out
        if "norm" in family.mlp:
            out = block.get_submodule(family.mlp)(out)
    expected = by_plain_hooks(name, 1)["mlp_out"]
    torch.testing.assert_close(out * family.factor, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_factor_of_the_whole_layer_is_measured(factor: float) -> None:
    """Gemma 4 multiplies its layers' outputs; what is added is added before that."""
    model = FAMILIES["gemma4"].build()
    model.model.layers[1].layer_scalar.fill_(factor)
    scaled = LanguageModel(model, None, "scaled", "0" * 64, D, LAYERS, frozenset({0, 1}))
    read = {site: hooked_activations(scaled, HookPoint(1, site), TOKENS) for site in SITES}
    total = (read["resid_pre"] + read["attn_out"] + read["mlp_out"]) * factor
    torch.testing.assert_close(total, read["resid_post"], atol=1e-4, rtol=1e-5)


def test_two_terms_are_read_where_a_layer_adds_a_third() -> None:
    """Gemma 4 with inputs for each layer adds what they give after the MLP."""
    settings = {**FAMILIES["gemma4"].settings, "hidden_size_per_layer_input": 4}
    model = replace(FAMILIES["gemma4"], settings=settings).build()
    three = LanguageModel(model, None, "three", "0" * 64, D, LAYERS, frozenset({0, 1}))
    for site, norm in (("attn_out", "attention"), ("mlp_out", "feedforward")):
        place = hook_in(three, HookPoint(1, site)).place
        assert str(place) == f"model.layers.1.post_{norm}_layernorm:output"


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.refused])
def test_what_a_family_does_not_have_is_refused_with_what_it_has(name: str) -> None:
    for site in SITES:
        if site in FAMILIES[name].refused:
            with pytest.raises(InputError) as refusal:
                hook_in(opened(name), HookPoint(1, site))
            assert ":output" in str(refusal.value)
        else:
            read = hooked_activations(opened(name), HookPoint(1, site), TOKENS)
            torch.testing.assert_close(read, by_plain_hooks(name, 1)[site])


@pytest.mark.parametrize("name", ["llama", "bloom", "mamba", "gemma2"])
@pytest.mark.parametrize("side", ["input", "output"])
def test_any_module_is_read_at_either_side(name: str, side: str) -> None:
    family: Family = FAMILIES[name]
    inner = {"llama": "self_attn.q_proj", "bloom": "mlp.dense_h_to_4h", "mamba": "mixer.in_proj"}
    path = f"{family.layers}.1.{inner.get(name, 'pre_feedforward_layernorm')}"
    seen: dict[str, torch.Tensor] = {}
    handle = (
        opened(name)
        .model.get_submodule(path)
        .register_forward_hook(
            lambda _, args, output: seen.update(input=args[0].clone(), output=output.clone())
        )
    )
    with torch.inference_mode():
        opened(name).model(TOKENS, use_cache=False)
    handle.remove()
    hook = parse_hook_point(f"{path}:{side}")
    assert torch.equal(hooked_activations(opened(name), hook, TOKENS), seen[side])
    assert str(hook_in(opened(name), hook).place) == f"{path}:{side}"


def test_an_unknown_module_is_refused_with_near_ones() -> None:
    with pytest.raises(InputError, match=r"nearest are .*model\.layers\.1\.self_attn\.q_proj"):
        hook_in(opened("llama"), parse_hook_point("model.layers.1.self_attn.qproj:output"))


def test_a_module_that_has_no_rows_by_token_is_refused() -> None:
    with pytest.raises(InputError, match="no vector per token"):
        hook_in(opened("llama"), parse_hook_point("model.rotary_emb:output"))


def test_a_name_of_one_family_is_read_literally_in_another() -> None:
    """OLMo 2's post_attention_layernorm follows attention; Llama's precedes the MLP."""
    hook = parse_hook_point("model.layers.1.post_attention_layernorm:output")
    read = hooked_activations(opened("olmo2"), hook, TOKENS)
    torch.testing.assert_close(read, by_plain_hooks("olmo2", 1)["attn_out"])
