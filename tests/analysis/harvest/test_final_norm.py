"""The folded unembedding against the logits of models of many families."""

from typing import Any

import pytest
import torch

from analysis.harvest.final_norm import unembedding
from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import HookPoint
from analysis.runtime.errors import InputError
from tests.analysis.harvest import model_families, more_families
from tests.analysis.harvest.model_families import LAYERS, TOKENS, model_of_family, wrapped
from tests.analysis.harvest.more_families import opened


@pytest.mark.parametrize("family", model_families.FAMILIES)
def test_unembedding_gives_the_models_logits(family: str) -> None:
    """Logits of a stream x are x / its norm's scale @ unembedding, softcap and bias aside."""
    model = model_of_family(family)
    norm_weights = [
        p for n, p in model.named_parameters() if n.endswith(("norm.weight", "ln_f.weight"))
    ]
    with torch.no_grad():
        for weight in norm_weights:
            weight.add_(torch.rand_like(weight))
    x = hooked_activations(wrapped(model), HookPoint(LAYERS - 1, "resid_post"), TOKENS)
    centred = x - x.mean(-1, keepdim=True) if family in ("gpt2", "gpt_neox") else x
    epsilon = {"gpt2": 1e-5, "gpt_neox": 1e-5, "llama": 1e-6, "gemma": 1e-6}[family]
    scale = (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    logits = (x / scale) @ unembedding(wrapped(model))
    with torch.inference_mode():
        expected = model(torch.as_tensor(TOKENS)).logits
    if family == "gemma":
        cap = model.config.final_logit_softcapping
        logits = cap * torch.tanh(logits / cap)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", more_families.FAMILIES)
def test_logit_effects_are_those_of_norm_and_head(name: str) -> None:
    """x / scale @ unembedding is lm_head(norm(x)), up to a constant: the head's and norm's bias."""
    family, model = more_families.FAMILIES[name], opened(name).model
    norm, head = model.get_submodule(family.norm), model.get_output_embeddings()
    x = torch.randn(7, more_families.D, generator=torch.Generator().manual_seed(5)) * 3
    folded = unembedding(opened(name))
    with torch.inference_mode():
        difference = head(norm(x)) - head(norm(torch.zeros_like(x)))
    mine = x @ folded
    # The scale of a token is free.
    scale = (difference * mine).sum(1, keepdim=True) / mine.square().sum(1, keepdim=True)
    assert (scale > 0).all()
    error = (difference - scale * mine).abs().max() / difference.abs().max()
    assert error < 1e-3


def test_a_stored_weight_is_taken_as_it_is() -> None:
    """Measuring it rounds; the unembedding of a known kind of norm does not."""
    for name, more in (("llama", 0), ("gemma2", 1)):
        model = opened(name).model
        exact = (model.model.norm.weight + more)[:, None] * model.lm_head.weight.T
        assert torch.equal(unembedding(opened(name)), exact)


class Doubled(torch.nn.Module):
    """Neither an RMSNorm nor a LayerNorm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sign() * x.abs().sqrt()


@pytest.mark.parametrize(
    ("path", "module", "reason"),
    [
        ("model.norm", Doubled(), "no RMSNorm or LayerNorm"),
        ("lm_head", Doubled(), "no matrix"),
    ],
)
def test_another_kind_of_model_has_no_effects_and_a_reason(
    path: str, module: torch.nn.Module, reason: str
) -> None:
    model: Any = model_of_family("llama")
    model.set_submodule(path, module)
    with pytest.raises(InputError, match=reason):
        unembedding(wrapped(model))


def test_a_head_of_another_width_has_no_effects() -> None:
    """OPT-350m projects its stream to a smaller width before the head."""
    family = more_families.FAMILIES["opt"]
    settings = {"word_embed_proj_dim": 8, "ffn_dim": 24}
    narrow = more_families.Family("OPT", settings=settings, layers=family.layers).build()
    with pytest.raises(InputError, match="logits of tiny are unknown: "):
        unembedding(wrapped(narrow))
