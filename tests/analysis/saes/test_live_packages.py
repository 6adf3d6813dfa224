"""Formats against the packages that write them, on real activations, where these are installed.

CONTRIBUTING.md explains how to install them. The other tests in this folder compare SAELens and
sparsify with their stored outputs.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.saes import SparseAutoencoder, load_sae
from tests.analysis.saes.cases import CASES, HOOK, of_width, tensors_of, write
from tests.oracles.residual import residual_stream

D, F = 576, 96
HOOK_OUT = "blocks.3.hook_mlp_out"

pytestmark = pytest.mark.live


def real_case(name: str) -> Any:
    """A case as wide as the real activations, with pre-activations about its thresholds."""
    return of_width(CASES[name], D, F, spread=0.02)


def assert_agrees(sae: SparseAutoencoder, acts: torch.Tensor, output: torch.Tensor) -> None:
    """The same active latents, and values within 1e-5 of the largest."""
    x = residual_stream()
    ours, reconstruction = sae.encode(x), sae.reconstruct(x)
    theirs = acts.relu()
    assert torch.equal(ours > 0, theirs > 0) and 0 < (ours > 0).float().mean() < 1
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=1)
    assert (reconstruction - output).abs().max() <= 1e-5 * output.abs().max().clamp(min=1)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("dl_auto_encoder", "dictionary.AutoEncoder"),
        ("dl_auto_encoder_new", "dictionary.AutoEncoderNew"),
        ("dl_gated", "dictionary.GatedAutoEncoder"),
        ("dl_jump", "dictionary.JumpReluAutoEncoder"),
        ("dl_top_k", "trainers.top_k.AutoEncoderTopK"),
        ("dl_batch_top_k", "trainers.batch_top_k.BatchTopKSAE"),
        ("dl_matryoshka", "trainers.matryoshka_batch_top_k.MatryoshkaBatchTopKSAE"),
    ],
)
def test_dictionary_learning_loads_and_encodes_as_this_does(
    name: str, place: str, tmp_path: Path
) -> None:
    pytest.importorskip("dictionary_learning")
    module, _, kind = f"dictionary_learning.{place}".rpartition(".")
    file = write(real_case(name), tmp_path)
    theirs = getattr(import_module(module), kind).from_pretrained(str(file))
    with torch.no_grad():
        acts = theirs.encode(residual_stream())
        assert_agrees(load_sae(file, allow_pickle=True), acts, theirs.decode(acts))


@pytest.mark.parametrize("name", ["mwhanna", "circuit_tracer_jump", "skip"])
def test_circuit_tracer_saves_and_encodes_as_this_does(name: str, tmp_path: Path) -> None:
    module = pytest.importorskip("circuit_tracer.transcoder.single_layer_transcoder")
    weights = tensors_of(real_case("mwhanna" if name == "skip" else name))
    threshold = weights.pop("activation_function.threshold", None)
    if name == "skip":
        weights["W_skip"] = torch.randn(D, D, generator=torch.Generator().manual_seed(1))
    act = torch.nn.ReLU() if threshold is None else module.JumpReLU(threshold)
    theirs = module.SingleLayerTranscoder(
        D, F, act, 3, "W_skip" in weights, device=torch.device("cpu"), dtype=torch.float32
    )
    theirs.load_state_dict(weights, strict=False)
    file = tmp_path / "layer_3.safetensors"
    with torch.no_grad():
        theirs.to_safetensors(str(file))
        acts = theirs.encode(residual_stream())
        assert_agrees(load_sae(file), acts, theirs.decode(acts, residual_stream()))


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("out", [HOOK, HOOK_OUT])
@pytest.mark.parametrize("by_contribution", [True, False])
@pytest.mark.parametrize("act", ["relu", "topk", "jumprelu"])
def test_llamascopium_saves_and_encodes_as_this_does(
    act: str, by_contribution: bool, out: str, folded: bool, tmp_path: Path
) -> None:
    """Saved as trained, or (`folded`) with the mean norms in the weights."""
    module = pytest.importorskip("llamascopium.models.sae")
    config = module.SAEConfig(
        hook_point_in=HOOK,
        hook_point_out=out,
        d_model=D,
        expansion_factor=F / D,
        act_fn=act,
        top_k=8,
        sparsity_include_decoder_norm=by_contribution,
        device="cpu",
        dtype=torch.float32,
    )
    theirs = module.SparseAutoEncoder(config)
    weights = tensors_of(real_case("llamascopium_jump"))
    weights["activation_function.log_jumprelu_threshold"] -= 1
    theirs.load_state_dict(weights, strict=False)
    theirs.set_dataset_average_activation_norm({HOOK: 60.0, out: 60.0 if out == HOOK else 9.0})
    # What they say of themselves: the saved configuration is that of the saved weights.
    theirs.save_pretrained(tmp_path, fold_activation_scale=folded)
    config.save_hyperparameters(tmp_path)
    batch = {HOOK: residual_stream(), out: residual_stream()}
    with torch.no_grad():
        normalised, scales = theirs.normalize_activations(batch, return_scale_factor=True)
        acts = theirs.encode(normalised[HOOK])
        output = theirs.decode(acts) / scales[out]
    assert_agrees(load_sae(tmp_path), acts, output)
