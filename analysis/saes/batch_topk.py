"""BatchTopK by bartbussmann, and older files by Neel Nanda, Connor Kissane and Rob Krzyzanowski.

On disk: W_enc [d, F], W_dec [F, d], b_enc, b_dec in a .pt file, with act_size and dict_size in the
configuration: `config.json` with sae_type and top_k (BatchTopK), or `<n>_cfg.json` with act_name.

Encodes, with x̃ = LN(x) − b_dec where LN(x) = (x − μ)/(σ + 1e-5) with `input_unit_norm`, else x:

- vanilla and the older files: relu(x̃·W_enc + b_enc)
- topk: the k largest of relu(x̃·W_enc); b_enc is stored but not used
- jumprelu: relu(h)·[relu(h) > exp(jumprelu.log_threshold)], h = LN(x)·W_enc + b_enc
- batchtopk: keeps n·k activations of a batch of n tokens; as no threshold is stored, each token is
  encoded as a batch of one

Source: bartbussmann/BatchTopK `sae.py`.
"""

from dataclasses import replace
from typing import Any

import torch

from analysis.runtime.errors import InputError
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, Weights, kept_latents, read_weights

LOG_THRESHOLD = "jumprelu.log_threshold"


def matches(saved: Saved) -> bool:
    """The settings act_size, dict_size and sae_type."""
    return {"act_size", "dict_size", "sae_type"} <= (saved.config or {}).keys()


def matches_older(saved: Saved) -> bool:
    """The settings act_size and dict_size, or d_mlp and dict_mult, but no sae_type."""
    config = saved.config or {}
    widths = {"act_size", "dict_size"} <= config.keys() or {"d_mlp", "dict_mult"} <= config.keys()
    return widths and "sae_type" not in config and saved.has("W_enc", "W_dec")


def _weights(saved: Saved, options: Options, names: WeightNames) -> Weights:
    sizes = {"d_in": saved.count("act_size"), "d_sae": saved.count("dict_size")}
    return read_weights(saved, options, names, sizes)


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE of the BatchTopK repository."""
    kind = saved.setting("sae_type", str)
    names = WeightNames(ignored=("num_batches_not_active",))
    if kind == "jumprelu":
        names = replace(names, more={LOG_THRESHOLD: "d_sae"})
    weights = _weights(saved, options, names)
    normalises = bool(saved.setting("input_unit_norm", bool, False))
    return SparseAutoencoder(
        format="batch_topk",
        **{**weights.arguments(), **_activation(saved, kind, weights)},
        applies_b_dec_to_input=kind != "jumprelu",
        normalisation="layer_norm" if normalises else "none",
        hook_point=saved.setting("hook_point", str),
        model_name=saved.setting("model_name", str),
        notes=_notes(kind),
    )


def _activation(saved: Saved, kind: str | None, weights: Weights) -> dict[str, Any]:
    if kind == "vanilla":
        return {"architecture": "standard"}
    if kind == "jumprelu":
        return {"architecture": "jumprelu", "threshold": weights.more[LOG_THRESHOLD].exp()}
    if kind in ("topk", "batchtopk"):
        k = kept_latents(saved.count("top_k"), weights.W_enc.shape[1], saved.config_path)
        return {"architecture": "topk", "k": k, "b_enc": torch.zeros_like(weights.b_enc)}
    raise InputError(
        f"{saved.config_path}: the sae_type {str(kind)[:40]!r} is unknown; supported are "
        "vanilla, topk, batchtopk and jumprelu."
    )


def _notes(kind: str | None) -> list[str]:
    notes = []
    if kind in ("topk", "batchtopk"):
        notes.append("b_enc is stored, but this format does not use it to encode.")
    if kind == "batchtopk":
        notes.append("No threshold is stored: the k largest latents of each token are kept.")
    return notes


def read_older(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read a ReLU SAE by Neel Nanda, or by Connor Kissane and Rob Krzyzanowski."""
    return SparseAutoencoder(
        format="neel",
        architecture="standard",
        **_weights(saved, options, WeightNames()).arguments(),
        applies_b_dec_to_input=True,
        hook_point=saved.setting("act_name", str),
        model_name=saved.setting("model_name", str),
    )
