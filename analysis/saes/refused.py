"""Saved dictionaries that are recognised and cannot be analysed, each with its reason.

A latent here is a function of one token's activations at one place, with one decoder vector.
"""

import re

from analysis.saes.saved import Saved

MATRIX_RANK = 2


def reason(saved: Saved) -> str | None:
    """Why this content cannot be analysed; None for everything else."""
    tensors = saved.weights.tensors
    if any(name.startswith("attn_layers.") for name in tensors):
        return (
            "a temporal SAE attends to earlier tokens, so a token alone does not decide its "
            "activations"
        )
    if any(re.fullmatch(r"W_(?:enc|dec)_\d+", name) for name in tensors):
        return (
            "a cross-layer transcoder writes to many layers at once, so a latent has no single "
            "decoder vector; analyse a transcoder or an SAE of one layer"
        )
    stacked = [
        name
        for name, info in tensors.items()
        if re.search(r"(?:^|\.)(?:W_|w_)?(?:enc|dec|encoder|decoder|E|D)(?:\.weight)?$", name)
        and len(info.shape) > MATRIX_RANK
    ]
    if stacked:
        return (
            f"its {stacked[0]} spans several layers or models (a cross-layer transcoder or a "
            "crosscoder), so a latent has no single decoder vector"
        )
    return None
