"""Hook points: their spellings, and the modules that hold their tensors in common families.

A hook point is written as in TransformerLens (`blocks.12.hook_resid_post`) or as the path of a
Hugging Face module (`model.layers.12`, with `:input` or `:output` where it matters). The modules
listed here only translate one spelling into the other when no model is open. In an open model,
`layout.py` measures where each tensor is.
"""

import re
from dataclasses import dataclass, field, replace
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

ANY_MODULE = "module"
"""The site of a hook point that is a module's input or output and nothing else."""
NO_LAYER = -1
_LAYER = r"(\d{1,6})"
"""The number of a layer in a spelling; Python refuses to read one of thousands of digits."""

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
class Place:
    """Where a model holds a tensor."""

    module: str
    """Path of the Hugging Face module."""
    side: Side
    scale: float = 1.0
    """The model multiplies the module's tensor by this before adding it to the stream."""

    def __str__(self) -> str:
        return f"{self.module}:{self.side}"


@dataclass(frozen=True)
class HookPoint:
    """One tensor of one layer of a model."""

    layer: int
    """Counted from 0; NO_LAYER for a module outside of the layers."""
    site: str
    """resid_pre, resid_mid, resid_post, mlp_in, mlp_out, attn_out, attn_z or module."""
    family: str = "llama"
    """Key of ARCHITECTURES for the spelling of `module` while the model is not known."""
    named: Place | None = field(default=None, compare=False)
    """The module and side, if the hook point was given as such."""
    place: Place | None = None
    """Where a given model holds the tensor; `hook_in` sets it."""

    @property
    def transformer_lens(self) -> str:
        """The hook point as TransformerLens spells it, "blocks.12.hook_resid_post"."""
        if self.site == ANY_MODULE:
            return f"{self.module}:{self.side}"
        return f"blocks.{self.layer}.{_SPELLINGS[self.site]}"

    @property
    def module(self) -> str:
        """Path of the Hugging Face module that holds the tensor, "model.layers.12"."""
        if exact := self.place or (self.named if self.site == ANY_MODULE else None):
            return exact.module
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
        if exact := self.place or (self.named if self.site == ANY_MODULE else None):
            return exact.side
        read_before = ("resid_pre", "resid_mid", "mlp_in", "attn_z")
        return "input" if self.site in read_before else "output"

    def __str__(self) -> str:
        return self.transformer_lens


def parse_hook_point(text: str) -> HookPoint:
    """Parse a hook point in TransformerLens or Hugging Face spelling.

    A Hugging Face path of a known family may omit the side: it then means the module's output, or
    the input for the projection of the attention heads. Other paths need it. Raises InputError if
    the spelling is unknown.
    """
    text = text.strip()
    if match := re.fullmatch(rf"blocks\.{_LAYER}\.(.+)", text, flags=re.ASCII):
        sites = {spelling: site for site, spelling in _SPELLINGS.items()} | _ALIASES
        if site := sites.get(match[2]):
            return HookPoint(int(match[1]), site)
    path, _, side = text.partition(":")
    for family, architecture in ARCHITECTURES.items():
        pattern = rf"{re.escape(architecture.layers)}\.{_LAYER}(?:\.(.+))?"
        match = re.fullmatch(pattern, path, flags=re.ASCII)
        site = _module_site(architecture, match[2], side) if match else None
        if match and site:
            hook = HookPoint(int(match[1]), site, family)
            return replace(hook, named=Place(path, _given(side) or hook.side))
    if (given := _given(side)) and re.fullmatch(r"\w+(\.\w+)+|\w+", path, flags=re.ASCII):
        number = re.search(rf"\.{_LAYER}(?:\.|$)", path, flags=re.ASCII)
        layer = int(number[1]) if number else NO_LAYER
        return HookPoint(layer, ANY_MODULE, named=Place(path, given))
    raise InputError(
        f"{text!r} is not a known hook point: write it as in TransformerLens, "
        "blocks.12.hook_resid_post (or hook_resid_pre, hook_resid_mid, mlp.hook_in, hook_mlp_out, "
        "hook_attn_out, attn.hook_z), or as any module of the model with :input or :output, "
        "model.layers.12:output."
    )


def _given(side: str) -> Side | None:
    return "input" if side == "input" else "output" if side == "output" else None


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
