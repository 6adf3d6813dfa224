"""Llamascopium 2 (OpenMOSS Language-Model-SAEs): SAEs and transcoders of one layer.

On disk: `config.json` {sae_type, d_model, expansion_factor, act_fn, norm_activation,
sparsity_include_decoder_norm, top_k, hook_point_in, hook_point_out} and
`sae_weights.safetensors` with W_E [d, F], b_E, W_D [F, d], b_D (unless use_decoder_bias is off),
`dataset_average_activation_norm.<hook point>`, `activation_function.log_jumprelu_threshold`.

Encodes act(h·n)/n, h = x̃·W_E + b_E, n = ‖W_D‖ with sparsity_include_decoder_norm and 1 without;
act is relu, jumprelu or topk. x̃ = x·√d/norm by norm_activation: the data set's mean norm, each
token's own, or 1 (inference). The output is divided by the factor of its own hook point.
Source: Llamascopium `models/sae.py`, `models/sparse_dictionary.py`.

Refused: GLU encoders, normalisation by batch, and other sae_types (cross-layer transcoders,
crosscoders, Lorsa), whose activations are not a function of one token and one product.
"""

from typing import Any

from analysis.runtime.errors import InputError
from analysis.saes.folding import divisible_norms, folded_mean_norm
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, Weights, kept_latents, positive, read_weights, scalar

NORM = "dataset_average_activation_norm."
LOG_THRESHOLD = "activation_function.log_jumprelu_threshold"


def matches(saved: Saved) -> bool:
    """Weights called W_E, W_D and b_E, and an act_fn in the configuration."""
    return saved.has("W_E", "W_D", "b_E") and "act_fn" in (saved.config or {})


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the SAE in a folder."""
    _refuse(saved)
    hook_in, hook_out = saved.setting("hook_point_in", str), saved.setting("hook_point_out", str)
    is_transcoder = hook_out is not None and hook_out != hook_in
    norms = [name for name in saved.weights.tensors if name.startswith(NORM)]
    jumps = saved.setting("act_fn", str) == "jumprelu"
    names = WeightNames(
        W_enc="W_E",
        W_dec="W_D",
        b_enc="b_E",
        b_dec="b_D" if saved.setting("use_decoder_bias", bool, True) else None,
        more={LOG_THRESHOLD: "d_sae"} if jumps else {},
        ignored=norms,
    )
    d_model, expansion = saved.count("d_model"), saved.setting("expansion_factor", float)
    d_sae = int(d_model * expansion) if d_model and expansion else None
    weights = read_weights(saved, options, names, {"d_in": d_model, "d_sae": d_sae})
    by_token = saved.setting("norm_activation", str, "dataset-wise") == "token-wise"
    sae = SparseAutoencoder(
        format="llamascopium",
        **weights.arguments(),
        **_activation(saved, weights),
        normalisation="constant_norm_rescale" if by_token else "none",
        undoes_normalisation=not is_transcoder,
        hook_point=hook_in,
        hook_point_out=hook_out if is_transcoder else None,
        model_name=saved.setting("model_name", str),
        notes=_notes(saved),
    )
    return _scaled(sae, saved, hook_in, hook_out)


def _refuse(saved: Saved) -> None:
    kind = saved.setting("sae_type", str, "sae")
    normalises = saved.setting("norm_activation", str, "dataset-wise")
    hooks = {saved.setting("hook_point_in", str), saved.setting("hook_point_out", str)} - {None}
    reasons = {
        f"sae_type {kind} is not an SAE of one layer": kind != "sae",
        "its GLU encoder multiplies two products": saved.setting("use_glu_encoder", bool, False),
        "it normalises by batch, so activations depend on more than one token": normalises
        == "batch-wise",
        f"norm_activation {normalises} is unknown": normalises
        not in ("dataset-wise", "token-wise", "inference", "batch-wise"),
        "its output is rescaled by each target token's own norm": normalises == "token-wise"
        and len(hooks) > 1,
    }
    reason = next((text for text, holds in reasons.items() if holds), None)
    if reason is not None:
        raise InputError(f"{saved.config_path}: this cannot be analysed: {reason}.")


def _activation(saved: Saved, weights: Weights) -> dict[str, Any]:
    act = saved.setting("act_fn", str)
    norms = None
    if saved.setting("sparsity_include_decoder_norm", bool, True):
        norms = divisible_norms(weights.W_dec)
    if act == "relu":
        return {"architecture": "standard"}
    if act == "jumprelu":
        threshold = weights.more[LOG_THRESHOLD].exp()
        return {
            "architecture": "jumprelu",
            "threshold": threshold if norms is None else (threshold / norms).to(threshold.dtype),
        }
    if act in ("topk", "batchtopk"):
        k = kept_latents(saved.count("top_k"), weights.W_enc.shape[1], saved.config_path)
        scale = None if norms is None else norms.to(weights.W_dec.dtype)
        return {"architecture": "topk", "k": k, "selection_scale": scale}
    raise InputError(
        f"{saved.config_path}: the act_fn {str(act)[:40]!r} is unknown; supported are relu, "
        "jumprelu, topk and batchtopk."
    )


def _notes(saved: Saved) -> list[str]:
    if saved.setting("act_fn", str) != "batchtopk":
        return []
    return ["batchtopk without a threshold: the k largest latents of each token are kept."]


def _scaled(
    sae: SparseAutoencoder, saved: Saved, hook_in: str | None, hook_out: str | None
) -> SparseAutoencoder:
    """Fold the data set's mean norms into the weights, unless this was done before saving."""
    if saved.setting("norm_activation", str, "dataset-wise") != "dataset-wise":
        return sae
    norm_in, norm_out = stored_norms(saved, hook_in, hook_out or hook_in)
    return folded_mean_norm(sae, norm_in, norm_out, "the weights file")


def stored_norms(saved: Saved, *hooks: str | None) -> list[float]:
    """The mean activation norm at each hook point, from its scalar tensor in the weights file.

    InputError where one is missing or not positive.
    """
    norms = []
    for hook in hooks:
        name = f"{NORM}{hook}"
        value = scalar(saved.weights.load(name), saved.path) if name in saved.weights else None
        norms.append(positive(value, name, saved.weights.path))
    return norms
