"""Hook points: their spellings, and the modules that hold their tensors in each model family.

A hook point is written as in TransformerLens (`blocks.12.hook_resid_post`) or as the path of a
Hugging Face module (`model.layers.12`, with `:input` or `:output` where it matters).
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from analysis.runtime.errors import InputError

Side = Literal["input", "output"]


@dataclass(frozen=True)
class Architecture:
    """The modules of a model family that hold the tensors of hook points."""

    layers: str
    """Path of the list of layers, such as "model.layers"."""
    mlp: str
    """The module in a layer whose output is what the MLP adds to the residual stream."""
    attention: str
    """The module in a layer whose output is what attention adds to the residual stream."""
    projection: str
    """The module in a layer that projects the heads' outputs; hook_z is its input."""
    mlp_norm: str
    """The module in a layer that normalises the residual stream for the MLP."""
    mlp_inner: str = "mlp"
    """The MLP itself; its input is what a transcoder reads."""


_LLAMA = Architecture(
    "model.layers", "mlp", "self_attn", "self_attn.o_proj", "post_attention_layernorm"
)
# Gemma 2 and 3 normalise the outputs of MLP and attention before the residual stream adds them.
_GEMMA = replace(
    _LLAMA,
    mlp="post_feedforward_layernorm",
    attention="post_attention_layernorm",
    mlp_norm="pre_feedforward_layernorm",
)

ARCHITECTURES = {
    "llama": _LLAMA,
    "gemma": _GEMMA,
    "gemma_vision": replace(_GEMMA, layers="model.language_model.layers"),
    "gpt2": Architecture("transformer.h", "mlp", "attn", "attn.c_proj", "ln_2"),
    "gpt_neox": Architecture(
        "gpt_neox.layers", "mlp", "attention", "attention.dense", "post_attention_layernorm"
    ),
}

# The spelling of a site after `blocks.N.`, in TransformerLens.
_SPELLINGS = {
    "resid_pre": "hook_resid_pre",
    "resid_post": "hook_resid_post",
    "resid_mid": "hook_resid_mid",
    "mlp_in": "mlp.hook_in",
    "mlp_out": "hook_mlp_out",
    "attn_out": "hook_attn_out",
    "attn_z": "attn.hook_z",
}
# Other spellings of the same tensors. TransformerLens' `hook_mlp_in` is the input of the norm. Its
# `ln2.hook_normalized` comes before the multiplication by an RMSNorm's weight, but the SAEs that
# name it (Gemma Scope's transcoders) were trained on the input of the MLP, after the weight.
_ALIASES = {
    "hook_z": "attn_z",
    "attn.hook_result_pre": "attn_z",
    "ln2.hook_normalized": "mlp_in",
    "hook_mlp_in": "resid_mid",
}


@dataclass(frozen=True)
class HookPoint:
    """One tensor of one layer of a model."""

    layer: int
    """Counted from 0."""
    site: str
    """resid_pre, resid_mid, resid_post, mlp_in, mlp_out, attn_out or attn_z."""
    family: str = "llama"
    """Key of ARCHITECTURES for the spelling of `module`; `hook_in` sets it for a given model."""

    @property
    def transformer_lens(self) -> str:
        """The hook point as TransformerLens spells it, "blocks.12.hook_resid_post"."""
        return f"blocks.{self.layer}.{_SPELLINGS[self.site]}"

    @property
    def module(self) -> str:
        """Path of the Hugging Face module that holds the tensor, "model.layers.12"."""
        architecture = ARCHITECTURES[self.family]
        inner = {
            "resid_mid": architecture.mlp_norm,
            "mlp_in": architecture.mlp_inner,
            "mlp_out": architecture.mlp,
            "attn_out": architecture.attention,
            "attn_z": architecture.projection,
        }.get(self.site)
        layer = f"{architecture.layers}.{self.layer}"
        return f"{layer}.{inner}" if inner else layer

    @property
    def side(self) -> Side:
        """Whether the tensor is the module's input or its output."""
        read_before = ("resid_pre", "resid_mid", "mlp_in", "attn_z")
        return "input" if self.site in read_before else "output"

    def __str__(self) -> str:
        return self.transformer_lens


def parse_hook_point(text: str) -> HookPoint:
    """Parse a hook point in TransformerLens or Hugging Face spelling.

    A Hugging Face path without `:input` or `:output` means the module's output, except for the
    projection of the attention heads, where it means the input. Raises InputError if the spelling
    is unknown.
    """
    text = text.strip()
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", text, flags=re.ASCII):
        sites = {spelling: site for site, spelling in _SPELLINGS.items()} | _ALIASES
        if site := sites.get(match[2]):
            return HookPoint(int(match[1]), site)
    path, _, side = text.partition(":")
    for family, architecture in ARCHITECTURES.items():
        pattern = rf"{re.escape(architecture.layers)}\.(\d+)(?:\.(.+))?"
        match = re.fullmatch(pattern, path, flags=re.ASCII)
        site = _module_site(architecture, match[2], side) if match else None
        if match and site:
            return HookPoint(int(match[1]), site, family)
    raise InputError(
        f"{text!r} is not a known hook point: write it as in TransformerLens, "
        "blocks.12.hook_resid_post (or hook_resid_pre, hook_resid_mid, mlp.hook_in, hook_mlp_out, "
        "hook_attn_out, attn.hook_z), or as a module, model.layers.12, with :input or :output."
    )


def spelled_hook_point(text: str) -> str:
    """A hook point in TransformerLens spelling; the text unchanged if it is not a known one."""
    try:
        return parse_hook_point(text).transformer_lens
    except InputError:
        return text


def family_called(model_name: str) -> str:
    """The key of ARCHITECTURES that a model's name suggests; "llama" by default."""
    families = {
        r"gpt-?2": "gpt2",
        r"pythia|gpt-?neox": "gpt_neox",
        r"gemma-?[23]n?-": "gemma",
    }
    named = model_name.lower()
    return next((family for name, family in families.items() if re.search(name, named)), "llama")


def _module_site(architecture: Architecture, inner: str | None, side: str) -> str | None:
    norm = architecture.mlp_norm
    sites = {
        (None, "output"): "resid_post",
        (None, "input"): "resid_pre",
        (norm, "input"): "resid_mid",
        (norm, "output"): "mlp_in",
        (architecture.mlp_inner, "input"): "mlp_in",
        (architecture.mlp, "output"): "mlp_out",
        (architecture.attention, "output"): "attn_out",
        (architecture.projection, "input"): "attn_z",
    }
    # In Llama the norm of this name precedes the MLP; in Gemma it follows attention.
    if inner == "post_attention_layernorm" and architecture.attention != inner:
        return None
    default = "input" if inner == architecture.projection else "output"
    return sites.get((inner, side or default))
