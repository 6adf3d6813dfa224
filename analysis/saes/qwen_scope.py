"""Qwen Scope: TopK SAEs for Qwen 3, one `layerN.sae.pt` per layer.

On disk: W_enc [F, d], W_dec [d, F], b_enc, b_dec. Only the repository's name states k
(`SAE-Res-Qwen3-1.7B-Base-W32K-L0_50`), so the file must be in a folder of that name.

Encodes relu of the k largest of x·W_enc + b_enc, without subtracting b_dec or normalising.
Source: SAELens `pretrained_sae_loaders.py` (`qwen_scope`).
"""

import re

from analysis.runtime.errors import InputError
from analysis.saes.hook_names import layer_in
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, kept_latents, read_weights

NAMES = WeightNames(encoder_transposed=True, decoder_transposed=True)


def matches(saved: Saved) -> bool:
    """Exactly the four weights, both matrices transposed, and no configuration."""
    if saved.config is not None or set(saved.weights.tensors) != {
        "W_enc",
        "W_dec",
        "b_enc",
        "b_dec",
    }:
        return False
    shapes = {name: info.shape for name, info in saved.weights.tensors.items()}
    width = shapes["b_enc"] + shapes["b_dec"]
    return shapes["W_enc"] == width and shapes["W_dec"] == width[::-1]


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE of Qwen Scope."""
    weights = read_weights(saved, options, NAMES)
    match = re.search(r"SAE-Res-(.+?)-W\d+K-L0_(\d+)", str(saved.weights.path.absolute()))
    if match is None:
        raise InputError(
            f"{saved.weights.path}: k is not in the file; put the file into a folder with the "
            "repository's name, such as SAE-Res-Qwen3-1.7B-Base-W32K-L0_50."
        )
    layer = layer_in(saved.weights.path.name, r"layer(\d+)")
    return SparseAutoencoder(
        format="qwen_scope",
        architecture="topk",
        **weights.arguments(),
        k=kept_latents(int(match[2]), weights.W_enc.shape[1], saved.path),
        hook_point=None if layer is None else f"blocks.{layer}.hook_resid_post",
        model_name=f"Qwen/{match[1]}",
        notes=[f"k = {match[2]} was taken from the folder name."],
    )
