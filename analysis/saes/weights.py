"""Where a format keeps its weights and which way round, and the folds that several formats need."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.saes.saved import Options, Request, Saved, read_tensors
from analysis.saes.sparse_autoencoder import SparseAutoencoder

SMALLEST_NORM = 1e-8
"""A latent with a decoder vector of zero must not divide by zero."""


@dataclass(frozen=True)
class Layout:
    """The names of the four weights in a file, and their orientation.

    `more` and `optional` are further tensors with their shapes in named sizes. An encoder is
    stored as [d_in, d_sae], or transposed as torch's linear layer keeps it, and a decoder as
    [d_sae, d_out], or transposed.
    """

    W_enc: str = "W_enc"
    W_dec: str | None = "W_dec"
    """None: tied, the decoder is the encoder's transpose."""
    b_enc: str | None = "b_enc"
    b_dec: str | None = "b_dec"
    encoder_transposed: bool = False
    decoder_transposed: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    d_out: str = "d_in"
    """`d_out` for a transcoder, whose output may have another width."""

    def shapes(self) -> dict[str, str]:
        """Every required tensor with its shape."""
        shapes = {self.W_enc: "d_sae d_in" if self.encoder_transposed else "d_in d_sae"}
        if self.W_dec is not None:
            decoder = (self.d_out, "d_sae") if self.decoder_transposed else ("d_sae", self.d_out)
            shapes[self.W_dec] = " ".join(decoder)
        if self.b_enc is not None:
            shapes[self.b_enc] = "d_sae"
        if self.b_dec is not None:
            shapes[self.b_dec] = self.d_out
        return shapes | dict(self.more)


TORCH_LINEAR = Layout(
    W_enc="encoder.weight",
    W_dec="decoder.weight",
    b_enc="encoder.bias",
    b_dec="decoder.bias",
    encoder_transposed=True,
    decoder_transposed=True,
)
"""Two torch linear layers called encoder and decoder."""


@dataclass(frozen=True)
class Weights:
    """The four weights in this project's orientation, and what else was asked for."""

    W_enc: Tensor
    W_dec: Tensor
    b_enc: Tensor
    b_dec: Tensor
    more: Mapping[str, Tensor]

    def arguments(self) -> dict[str, Any]:
        """As the constructor of `SparseAutoencoder` takes them."""
        return {name: getattr(self, name) for name in ("W_enc", "W_dec", "b_enc", "b_dec")}


def read_weights(
    saved: Saved,
    options: Options,
    layout: Layout,
    sizes: Mapping[str, int | None] | None = None,
) -> Weights:
    """The weights of a file, checked and turned; InputError where they contradict `sizes`.

    `options.transpose` says that both matrices lie the other way round than the format has it.
    """
    if options.transpose:
        layout = _turned(layout)
    request = Request(layout.shapes(), layout.optional, layout.ignored, sizes or {})
    try:
        tensors = read_tensors(saved, request, options.dtype)
    except InputError as error:
        if options.transpose:
            said = str(error).rstrip(".")
            raise InputError(f"{said}; it was read with --transpose: try without.") from error
        raise
    W_enc = tensors.pop(layout.W_enc)
    W_enc = W_enc.T if layout.encoder_transposed else W_enc
    W_dec = W_enc.T
    if layout.W_dec is not None:
        W_dec = tensors.pop(layout.W_dec)
        W_dec = W_dec.T if layout.decoder_transposed else W_dec
    b_enc = tensors.pop(layout.b_enc) if layout.b_enc else W_enc.new_zeros(W_enc.shape[1])
    b_dec = tensors.pop(layout.b_dec) if layout.b_dec else W_dec.new_zeros(W_dec.shape[1])
    return Weights(W_enc, W_dec, b_enc, b_dec, tensors)


def _turned(layout: Layout) -> Layout:
    return Layout(
        **{
            **vars(layout),
            "encoder_transposed": not layout.encoder_transposed,
            "decoder_transposed": not layout.decoder_transposed,
        }
    )


def folded_decoder_norms(
    sae: SparseAutoencoder, note: str, *, scale_threshold: bool = False
) -> SparseAutoencoder:
    """The same function with decoder vectors of norm 1: activations become contributions.

    W_enc, b_enc and the gate's biases are multiplied by each latent's norm. A threshold is
    multiplied too when it was compared with the pre-activation before scaling.
    """
    norms = sae.W_dec.norm(dim=1).clamp(min=SMALLEST_NORM)
    changes: dict[str, Any] = {
        "W_enc": sae.W_enc * norms,
        "b_enc": sae.b_enc * norms,
        "W_dec": sae.W_dec / norms[:, None],
    }
    if sae.threshold is not None and scale_threshold:
        changes["threshold"] = sae.threshold * norms
    if sae.gate is not None:
        gate = sae.gate
        changes["gate"] = type(gate)(gate.b_gate * norms, gate.r_mag, gate.b_mag * norms)
    return sae.noting(note, **changes)


def folded_mean_norm(
    sae: SparseAutoencoder, norm_in: float, norm_out: float, source: str
) -> SparseAutoencoder:
    """x·√d_in/norm_in on the way in and its like on the way out, folded into the weights.

    `norm_in` and `norm_out` are mean activation norms over a data set.
    """
    scaled = folded_scale(sae, sqrt(sae.d_in) / norm_in, sqrt(sae.d_out) / norm_out)
    return scaled.noting(
        f"The mean activation norm {norm_in:.6g} of {source} was folded into the weights."
    )


def folded_scale(sae: SparseAutoencoder, scale_in: float, scale_out: float) -> SparseAutoencoder:
    """An SAE that reads x·scale_in and whose output is divided by scale_out, as plain weights.

    A subtracted b_dec and the input shrink together where both scales are equal.
    """
    return replace(
        sae,
        W_enc=sae.W_enc * scale_in,
        W_dec=sae.W_dec / scale_out,
        b_dec=sae.b_dec / scale_out,
        W_skip=None if sae.W_skip is None else sae.W_skip * (scale_in / scale_out),
    )


def positive(value: float | None, name: str, path: object) -> float:
    """A finite number above 0; InputError otherwise."""
    if value is None or not 0 < value < float("inf"):
        raise InputError(f"{path}: {name} is {value} and must be a positive number; correct it.")
    return value


def kept_latents(k: int | None, d_sae: int, path: object) -> int:
    """k of a topk SAE; InputError unless it lies between 1 and the number of latents."""
    if k is None or not 0 < k <= d_sae:
        raise InputError(
            f"{path}: a topk SAE with {d_sae} latents needs k between 1 and {d_sae}, and k is {k}."
        )
    return k


def scalar(tensor: Tensor, path: object) -> float:
    """The value of a tensor with one element; InputError that names `path` where it has more."""
    if tensor.numel() != 1:
        raise InputError(
            f"{path}: a tensor that should hold one number has the shape {list(tensor.shape)}; "
            "save the SAE again."
        )
    return float(tensor.to(torch.float64).item())


def layer_in(name: str, pattern: str) -> int | None:
    """The layer number that a file's or folder's name states, by a pattern with one group."""
    found = re.search(pattern, name)
    return int(found[1]) if found else None


HF_SITES = (
    (r"layers\.(\d+)(?:\.output)?$", "blocks.{}.hook_resid_post"),
    (r"h\.(\d+)(?:\.output)?$", "blocks.{}.hook_resid_post"),
    (r"(?:layers|h)\.(\d+)\.mlp(?:\.output)?$", "blocks.{}.hook_mlp_out"),
    (r"(?:layers|h)\.(\d+)\.mlp\.input$", "blocks.{}.mlp.hook_in"),
    (r"layers\.(\d+)\.post_feedforward_layernorm(?:\.output)?$", "blocks.{}.hook_mlp_out"),
    (r"layers\.(\d+)\.pre_feedforward_layernorm(?:\.output)?$", "blocks.{}.ln2.hook_normalized"),
    (r"(?:layers|h)\.(\d+)\.(?:self_attn|attn|attention)(?:\.output)?$", "blocks.{}.hook_attn_out"),
    (r"layers\.(\d+)\.self_attn\.o_proj\.input$", "blocks.{}.attn.hook_z"),
    (r"embed_tokens$|wte$", "hook_embed"),
)


def hook_point_of_module(module: str) -> str | None:
    """A Hugging Face module's output (or `….input`) in TransformerLens spelling, if it has one."""
    for pattern, name in HF_SITES:
        found = re.search(pattern, module)
        if found:
            return name.format(*found.groups())
    return None
