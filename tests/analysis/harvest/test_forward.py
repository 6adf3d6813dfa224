"""Activations at hook points against transformers' own hidden states."""

from collections.abc import Iterator

import pytest
import torch

from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import HookPoint, parse_hook_point
from analysis.harvest.models import DEMO_MODEL, load_language_model, model_folder
from analysis.runtime.errors import InputError
from tests.analysis.harvest.model_families import (
    FAMILIES,
    LAYERS,
    TOKENS,
    model_of_family,
    wrapped,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("family", FAMILIES)
def test_residual_stream_equals_hidden_states(family: str) -> None:
    model = model_of_family(family)
    with torch.inference_mode():
        states = model(torch.as_tensor(TOKENS), output_hidden_states=True).hidden_states
    language_model = wrapped(model)
    for layer in range(LAYERS):
        before = hooked_activations(language_model, HookPoint(layer, "resid_pre"), TOKENS)
        assert torch.equal(before, states[layer])
        after = hooked_activations(language_model, HookPoint(layer, "resid_post"), TOKENS)
        if layer < LAYERS - 1:  # the last hidden state has gone through the final norm
            assert torch.equal(after, states[layer + 1])
        else:
            assert after.shape == states[-1].shape
            assert not torch.allclose(after, states[-1])


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma"])
def test_what_a_layer_adds_is_attention_and_mlp(family: str) -> None:
    """mlp_out and attn_out are what is added to the stream, in Gemma after their own norms."""
    language_model = wrapped(model_of_family(family))
    at = {
        site: hooked_activations(language_model, HookPoint(2, site), TOKENS)
        for site in ("resid_pre", "attn_out", "mlp_out", "resid_post")
    }
    total = at["resid_pre"] + at["attn_out"] + at["mlp_out"]
    torch.testing.assert_close(total, at["resid_post"], atol=1e-5, rtol=0)
    assert at["attn_out"].abs().max() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_transcoder_reads_what_the_mlp_reads(family: str) -> None:
    """mlp_in is the norm of resid_mid; the MLP (in Gemma, then a norm) makes it mlp_out."""
    model = model_of_family(family)
    # GPT-NeoX's MLP and attention read the same stream.
    stream = "hook_resid_pre" if family == "gpt_neox" else "hook_mlp_in"
    mid, inside, out = (
        hooked_activations(wrapped(model), parse_hook_point(f"blocks.1.{name}"), TOKENS)
        for name in (stream, "ln2.hook_normalized", "hook_mlp_out")
    )
    names = {"gpt2": ("transformer.h.1", "ln_2"), "gemma": (None, "pre_feedforward_layernorm")}
    names["gpt_neox"] = ("gpt_neox.layers.1", "post_attention_layernorm")
    path, norm = names.get(family, (None, "post_attention_layernorm"))
    layer = model.get_submodule(path or "model.layers.1")
    with torch.inference_mode():
        torch.testing.assert_close(layer.get_submodule(norm)(mid), inside)
        added = layer.mlp(inside)
        added = layer.post_feedforward_layernorm(added) if family == "gemma" else added
        torch.testing.assert_close(added, out)
    if family != "gpt_neox":
        before, attention = (
            hooked_activations(wrapped(model), HookPoint(1, site), TOKENS)
            for site in ("resid_pre", "attn_out")
        )
        torch.testing.assert_close(before + attention, mid, atol=1e-5, rtol=0)


def test_attention_z_is_projected_to_attention_out() -> None:
    model = model_of_family("llama")
    z = hooked_activations(wrapped(model), parse_hook_point("blocks.1.attn.hook_z"), TOKENS)
    out = hooked_activations(wrapped(model), HookPoint(1, "attn_out"), TOKENS)
    with torch.inference_mode():
        projected = model.model.layers[1].self_attn.o_proj(z)
    torch.testing.assert_close(projected, out)


@pytest.mark.parametrize(
    ("site", "ran"), [("resid_pre", [0, 1]), ("attn_out", [0, 1]), ("resid_post", [0, 1, 2])]
)
def test_nothing_above_the_hook_is_run(site: str, ran: list[int]) -> None:
    model = model_of_family("llama")
    finished: list[int | str] = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: finished.append(number))
    model.lm_head.register_forward_hook(lambda *_: finished.append("head"))
    hook = hook_in(wrapped(model), HookPoint(2, site))
    finished.clear()
    hooked_activations(wrapped(model), hook, TOKENS)
    assert finished == ran
    # The hook is gone afterwards: a plain pass runs to its end.
    finished.clear()
    model(torch.as_tensor(TOKENS))
    assert finished == [0, 1, 2, 3, "head"]


def test_padding_changes_nothing_on_text() -> None:
    language_model = wrapped(model_of_family("llama"))
    padded = TOKENS.copy()
    padded[1, 6:] = 0
    x = hooked_activations(language_model, HookPoint(2, "resid_post"), padded)
    single = hooked_activations(language_model, HookPoint(2, "resid_post"), TOKENS[1:2, :6])
    torch.testing.assert_close(x[1, :6], single[0], atol=1e-5, rtol=1e-5)


def test_hook_is_spelled_for_the_model_and_its_layer_checked() -> None:
    language_model = wrapped(model_of_family("gpt2"))
    assert hook_in(language_model, HookPoint(3, "attn_z")).module == "transformer.h.3.attn.c_proj"
    with pytest.raises(InputError, match="4 layers, 0 to 3"):
        hooked_activations(language_model, HookPoint(4, "resid_post"), TOKENS)


@pytest.mark.model
def test_the_demo_model_at_its_middle_layer() -> None:
    if not (model_folder(DEMO_MODEL) / "config.json").exists():
        pytest.skip("the demo's model is not converted on this machine")
    language_model = load_language_model(DEMO_MODEL)
    ids = language_model.tokenizer("The whale, the whale! Up helm, up helm!")["input_ids"]
    tokens = torch.tensor([ids])
    x = hooked_activations(language_model, parse_hook_point("blocks.12.hook_resid_post"), tokens)
    with torch.inference_mode():
        states = language_model.model(tokens, output_hidden_states=True).hidden_states
    assert torch.equal(x, states[13])
    norms = x[0].float().norm(dim=-1)
    assert norms[0] > 100 * norms[1:].median()  # the attention sink
