"""bartbussmann's BatchTopK, and the older files of Neel Nanda, Connor Kissane and Rob Krzyzanowski.

On disk: W_enc [d, F], W_dec [F, d], b_enc, b_dec in a .pt file, with act_size and dict_size in the
configuration: `config.json` with sae_type and top_k (BatchTopK), or `<n>_cfg.json` with act_name.

Encodes, x̃ = LN(x) − b_dec with (x − μ)/(σ + 1e-5) where `input_unit_norm`, else x − b_dec:
vanilla relu(x̃·W_enc + b_enc), and so the older files; topk the k largest of relu(x̃·W_enc), where
b_enc is stored and not used; jumprelu relu(h)·[relu(h) > exp(jumprelu.log_threshold)] with
h = LN(x)·W_enc + b_enc, without b_dec; batchtopk keeps n·k of a batch of n tokens and stores no
threshold, so each token is encoded as a batch of one. Source: bartbussmann/BatchTopK `sae.py`.
"""

from dataclasses import replace
from typing import Any

import torch

from analysis.runtime.errors import InputError
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import Layout, Weights, kept_latents, read_weights

LOG_THRESHOLD = "jumprelu.log_threshold"


def matches(saved: Saved) -> bool:
    """Widths called act_size and dict_size, and the kind of SAE."""
    return {"act_size", "dict_size", "sae_type"} <= (saved.config or {}).keys()


def matches_older(saved: Saved) -> bool:
    """Widths called act_size, or the same tensors with dict_mult, without a kind of SAE."""
    config = saved.config or {}
    widths = {"act_size", "dict_size"} <= config.keys() or {"d_mlp", "dict_mult"} <= config.keys()
    return widths and "sae_type" not in config and saved.has("W_enc", "W_dec")


def _weights(saved: Saved, options: Options, layout: Layout) -> Weights:
    sizes = {"d_in": saved.count("act_size"), "d_sae": saved.count("dict_size")}
    return read_weights(saved, options, layout, sizes)


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """An SAE of BatchTopK's repository."""
    kind = saved.setting("sae_type", str)
    layout = Layout(ignored=("num_batches_not_active",))
    if kind == "jumprelu":
        layout = replace(layout, more={LOG_THRESHOLD: "d_sae"})
    weights = _weights(saved, options, layout)
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
        f"{saved.config_path}: the sae_type {str(kind)[:40]!r} is unknown; known are vanilla, "
        "topk, batchtopk and jumprelu."
    )


def _notes(kind: str | None) -> list[str]:
    notes = []
    if kind in ("topk", "batchtopk"):
        notes.append("b_enc is stored, but this format's encode does not use it.")
    if kind == "batchtopk":
        notes.append("No threshold is stored: each token keeps its own k, as in a batch of one.")
    return notes


def read_older(saved: Saved, options: Options) -> SparseAutoencoder:
    """A ReLU SAE of Neel Nanda's, or of Connor Kissane and Rob Krzyzanowski."""
    return SparseAutoencoder(
        format="neel",
        architecture="standard",
        **_weights(saved, options, Layout()).arguments(),
        applies_b_dec_to_input=True,
        hook_point=saved.setting("act_name", str),
        model_name=saved.setting("model_name", str),
    )
