"""Gemma Scope 1 and 2 of Google DeepMind: JumpReLU SAEs and transcoders for Gemma 2 and 3.

Version 1: `params.npz` with W_enc (or w_enc) [d, F], W_dec [F, d], b_enc, b_dec, threshold [F];
only the path names model and site (`gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_82`).
The embedding SAE was trained on scaled embeddings: W_enc/√d, W_dec·√d.
Version 2: `config.json` with architecture jump_relu and hf_hook_point_in/_out, and
`params.safetensors` with the same tensors in lower case; skip transcoders also have
affine_skip_connection [d_in, d_out].

Encodes h·[h > θ]·[h > 0], h = x·W_enc + b_enc, without subtracting b_dec or normalising.
Source: Lieberum et al. 2024; SAELens `pretrained_sae_loaders.py`.
"""

import re
from math import sqrt

from analysis.runtime.errors import InputError
from analysis.saes.hook_names import hook_point_of_module, layer_in
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, read_weights

SITES = {
    "res": "blocks.{}.hook_resid_post",
    "mlp": "blocks.{}.hook_mlp_out",
    "att": "blocks.{}.attn.hook_z",
    "transcoders": "blocks.{}.ln2.hook_normalized",
}


def matches_first(saved: Saved) -> bool:
    """An npz file with a threshold; in other files these tensors could be of another format."""
    return saved.weights.path.suffix == ".npz" and saved.has("threshold", "b_enc", "b_dec")


def read_first(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE or transcoder of Gemma Scope 1."""
    lower = saved.has("w_enc")
    names = WeightNames(
        W_enc="w_enc" if lower else "W_enc",
        W_dec="w_dec" if saved.has("w_dec") else "W_dec",
        more={"threshold": "d_sae"},
    )
    weights = read_weights(saved, options, names)
    place = str(saved.weights.path.absolute())
    match = re.search(r"gemma-scope-(\d+b)-(pt|it)-(res|mlp|att|transcoders)", place)
    layer, site = layer_in(place, r"layer_(\d+)"), match[3] if match else None
    is_transcoder = site == "transcoders"
    has_hook = site is not None and layer is not None
    note = "The path names neither model nor site: give them with --model and --hook."
    sae = SparseAutoencoder(
        format="gemma_scope",
        architecture="jumprelu",
        **weights.arguments(),
        threshold=weights.more["threshold"],
        undoes_normalisation=not is_transcoder,
        hook_point=SITES[site].format(layer) if has_hook and site else None,
        hook_point_out=f"blocks.{layer}.hook_mlp_out" if has_hook and is_transcoder else None,
        model_name=f"google/gemma-2-{match[1]}{'-it' * (match[2] == 'it')}" if match else None,
        metadata=_average_l0(place),
        notes=[] if has_hook else [note],
    )
    return _embedding(sae) if "embedding" in saved.weights.path.parts else sae


def _average_l0(place: str) -> dict[str, int]:
    """The mean L0 that the folder name states."""
    match = re.search(r"average_l0_(\d+)", place)
    return {"advertised_l0": int(match[1])} if match else {}


def _embedding(sae: SparseAutoencoder) -> SparseAutoencoder:
    scale = sqrt(sae.d_in)
    return sae.noting(
        "This embedding SAE was trained on scaled embeddings: √d was folded into its weights.",
        W_enc=sae.W_enc / scale,
        W_dec=sae.W_dec * scale,
        hook_point="hook_embed",
    )


def matches_second(saved: Saved) -> bool:
    """The lower-case tensors with a jump_relu configuration."""
    return saved.has("w_enc", "w_dec") and (saved.config or {}).get("architecture") == "jump_relu"


def read_second(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE or (skip) transcoder of Gemma Scope 2."""
    if saved.setting("architecture", str) not in (None, "jump_relu"):
        raise InputError(
            f"{saved.config_path}: Gemma Scope 2 SAEs have the architecture jump_relu; choose "
            "another format with --format."
        )
    module_in = saved.setting("hf_hook_point_in", str)
    module_out = saved.setting("hf_hook_point_out", str)
    is_transcoder = module_out is not None and module_out != module_in
    d_out = "d_out" if is_transcoder else "d_in"
    names = WeightNames(
        W_enc="w_enc",
        W_dec="w_dec",
        more={"threshold": "d_sae"},
        optional={"affine_skip_connection": f"d_in {d_out}"},
        d_out=d_out,
    )
    weights = read_weights(saved, options, names)
    skip = weights.more.get("affine_skip_connection")
    return SparseAutoencoder(
        format="gemma_scope_2",
        architecture="jumprelu",
        **weights.arguments(),
        threshold=weights.more["threshold"],
        W_skip=None if skip is None else skip.T,
        undoes_normalisation=not is_transcoder,
        hook_point=hook_point_of_module(module_in or ""),
        hook_point_out=hook_point_of_module(module_out or "") if is_transcoder else None,
        model_name=saved.setting("model_name", str),
        metadata={"hf_hook_point_in": module_in, "hf_hook_point_out": module_out},
    )
