"""Llama Scope and Llama-Scope-R1 of OpenMOSS: JumpReLU SAEs and transcoders for Llama 3.1 8B.

Llama Scope: `hyperparams.json` and `checkpoints/final.safetensors` with linear layers encoder and
decoder; one `jump_relu_threshold` θ, and mean norms `dataset_average_activation_norm` {in, out}.
R1: `config.json` and `sae_weights.safetensors` with log_jumprelu_threshold [F] (θ is its
exponential) and, where norm_activation is dataset-wise, the mean norms as scalar tensors
`dataset_average_activation_norm.<hook point>`.

With s_in = √d/norm_in and s_out = √d/norm_out, encodes relu(h)·[g > θ], h = (x·s_in)·W_enc + b_enc;
the output is divided by s_out. The quantity g that is compared with θ:

- Llama Scope: g = h·‖W_dec‖/s_out, so θ is in units of the raw output. OpenMOSS's loader first
  sets b_enc/s_in and W_dec·s_in/s_out, then scales decoder vectors to norm 1 and the encoder to
  match, and compares that. (The published thresholds are .03 of the mean norm of the output for
  residual SAEs and transcoders alike: .202 of 6.31 for L8R, .104 of 3.39 for L8TC, whose input has
  norm 64.) Where `sparsity_include_decoder_norm` is off, decoders are unchanged and g = h/s_in.
- R1: g = h·‖W_dec‖, or h where `sparsity_include_decoder_norm` is off.

As in OpenMOSS's code, that setting is on by default. SAELens ignores the decoder norms and
multiplies θ by √d/norm_in.
Source: He et al. 2024; OpenMOSS/Language-Model-SAEs, `lm_saes/sae.py` of 2024 for Llama Scope
(`from_config`), `abstract_sae.py` and `sae.py` of 2025 for R1.
"""

from dataclasses import replace
from math import sqrt
from typing import Any

import torch

from analysis.runtime.errors import InputError
from analysis.saes.folding import divisible_norms, folded_mean_norm
from analysis.saes.llamascopium import NORM, stored_norms
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import TORCH_LINEAR, positive, read_weights


def matches(saved: Saved) -> bool:
    """Two linear layers, and one threshold in the configuration."""
    return saved.has("encoder.weight", "decoder.weight") and "jump_relu_threshold" in (
        saved.config or {}
    )


def matches_r1(saved: Saved) -> bool:
    """Two linear layers, and a logarithmic threshold."""
    return saved.has("encoder.weight", "decoder.weight", "log_jumprelu_threshold")


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE or transcoder of Llama Scope."""
    if saved.setting("act_fn", str, "jumprelu") != "jumprelu":
        raise InputError(
            f"{saved.config_path}: Llama Scope SAEs have the act_fn jumprelu; choose another "
            "format with --format."
        )
    if saved.setting("apply_decoder_bias_to_pre_encoder", bool, False):
        raise InputError(
            f"{saved.config_path}: apply_decoder_bias_to_pre_encoder is set, which no published "
            "Llama Scope SAE uses and this reader does not support."
        )
    norm_in, norm_out = _norms(saved)
    sizes = {"d_in": saved.count("d_model"), "d_sae": saved.count("d_sae")}
    weights = read_weights(saved, options, TORCH_LINEAR, sizes)
    threshold = positive(
        saved.setting("jump_relu_threshold", float), "jump_relu_threshold", saved.path
    )
    norm = norm_out if _counts_decoder_norms(saved) else norm_in
    scaled = threshold * sqrt(weights.W_dec.shape[1]) / norm
    sae = SparseAutoencoder(
        format="llama_scope",
        architecture="jumprelu",
        **weights.arguments(),
        threshold=torch.full_like(weights.b_enc, scaled),
        **_described(saved),
    )
    return folded_mean_norm(_by_contribution(sae, saved), norm_in, norm_out, "hyperparams.json")


def read_r1(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE of Llama-Scope-R1."""
    names = replace(
        TORCH_LINEAR,
        more={"log_jumprelu_threshold": "d_sae"},
        ignored=[name for name in saved.weights.tensors if name.startswith(NORM)],
    )
    weights = read_weights(saved, options, names, {"d_in": saved.count("d_model")})
    sae = SparseAutoencoder(
        format="llama_scope_r1",
        architecture="jumprelu",
        **weights.arguments(),
        threshold=weights.more["log_jumprelu_threshold"].exp(),
        **_described(saved),
    )
    sae = _by_contribution(sae, saved)
    if saved.setting("norm_activation", str, "dataset-wise") == "inference":
        return sae.noting(
            "norm_activation is inference: the mean norm is already folded into the weights."
        )
    hook_in = sae.hook_point
    norm_in, norm_out = stored_norms(
        saved, hook_in, saved.setting("hook_point_out", str) or hook_in
    )
    return folded_mean_norm(sae, norm_in, norm_out, "the weights file")


def _norms(saved: Saved) -> tuple[float, float]:
    """Mean activation norms at the input and the output."""
    norms = saved.section("dataset_average_activation_norm")
    values = [norms.setting(side, float) for side in ("in", "out")]
    name = "dataset_average_activation_norm"
    first = positive(values[0], f"{name}.in", saved.config_path)
    return first, positive(values[1] or first, f"{name}.out", saved.config_path)


def _counts_decoder_norms(saved: Saved) -> bool:
    return bool(saved.setting("sparsity_include_decoder_norm", bool, True))


def _by_contribution(sae: SparseAutoencoder, saved: Saved) -> SparseAutoencoder:
    if not _counts_decoder_norms(saved) or sae.threshold is None:
        return sae
    norms = divisible_norms(sae.W_dec)
    return sae.noting(
        "Thresholds were divided by the decoder norms, because sparsity_include_decoder_norm "
        "compares them with contributions to the output.",
        threshold=(sae.threshold / norms).to(sae.threshold.dtype),
    )


def _described(saved: Saved) -> dict[str, Any]:
    hook_in, hook_out = saved.setting("hook_point_in", str), saved.setting("hook_point_out", str)
    is_transcoder = hook_out is not None and hook_out != hook_in
    k = saved.count("top_k")
    return {
        "metadata": {} if k is None else {"advertised_l0": k},
        "hook_point": hook_in,
        "hook_point_out": hook_out if is_transcoder else None,
        "undoes_normalisation": not is_transcoder,
        "model_name": saved.setting("model_name", str, "meta-llama/Llama-3.1-8B"),
    }
