"""Saved dictionaries that are recognised but cannot be analysed, and the reasons.

Clearwater needs latents that are functions of one token's activations at one hook point, with one
decoder vector each.
"""

import re

from analysis.saes.saved import Saved

MATRIX_RANK = 2


def reason(saved: Saved) -> str | None:
    """The reason why this SAE cannot be analysed; None if there is none."""
    tensors = saved.weights.tensors
    if any(name.startswith("attn_layers.") for name in tensors):
        return (
            "a temporal SAE attends to earlier tokens, so its activations depend on more than one "
            "token"
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
