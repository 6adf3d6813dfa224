"""Read the weights of a file from the names and the orientation in which it stores them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.saes.saved import Options, Request, Saved, read_tensors


@dataclass(frozen=True)
class WeightNames:
    """The names of the four weights in a file, and their orientation.

    An encoder is stored as [d_in, d_sae], or transposed as in torch's linear layers; a decoder as
    [d_sae, d_out], or transposed. `more` and `optional` map further tensors to their shapes in
    named sizes, such as "d_sae d_in".
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
    """Name of the output's size: `d_out` for transcoders, whose output may differ in width."""

    def shapes(self) -> dict[str, str]:
        """Shape of every required tensor, by name."""
        shapes = {self.W_enc: "d_sae d_in" if self.encoder_transposed else "d_in d_sae"}
        if self.W_dec is not None:
            decoder = (self.d_out, "d_sae") if self.decoder_transposed else ("d_sae", self.d_out)
            shapes[self.W_dec] = " ".join(decoder)
        if self.b_enc is not None:
            shapes[self.b_enc] = "d_sae"
        if self.b_dec is not None:
            shapes[self.b_dec] = self.d_out
        return shapes | dict(self.more)


TORCH_LINEAR = WeightNames(
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
    """The four weights in this project's orientation, and further tensors by name."""

    W_enc: Tensor
    W_dec: Tensor
    b_enc: Tensor
    b_dec: Tensor
    more: Mapping[str, Tensor]

    def arguments(self) -> dict[str, Any]:
        """The four weights as keyword arguments of `SparseAutoencoder`."""
        return {name: getattr(self, name) for name in ("W_enc", "W_dec", "b_enc", "b_dec")}


def read_weights(
    saved: Saved,
    options: Options,
    names: WeightNames,
    sizes: Mapping[str, int | None] | None = None,
) -> Weights:
    """Read and check the weights of a file, as W_enc [d_in, d_sae] and W_dec [d_sae, d_out].

    With `options.transpose` both matrices are stored transposed relative to what the format
    prescribes. Raises InputError as `read_tensors` does, for example if a shape contradicts
    `sizes`.
    """
    if options.transpose:
        names = _transposed(names)
    request = Request(names.shapes(), names.optional, names.ignored, sizes or {})
    try:
        tensors = read_tensors(saved, request, options.dtype)
    except InputError as error:
        if options.transpose:
            message = str(error).rstrip(".")
            raise InputError(f"{message}; it was read with --transpose: try without it.") from error
        raise
    W_enc = tensors.pop(names.W_enc)
    W_enc = W_enc.T if names.encoder_transposed else W_enc
    W_dec = W_enc.T
    if names.W_dec is not None:
        W_dec = tensors.pop(names.W_dec)
        W_dec = W_dec.T if names.decoder_transposed else W_dec
    b_enc = tensors.pop(names.b_enc) if names.b_enc else W_enc.new_zeros(W_enc.shape[1])
    b_dec = tensors.pop(names.b_dec) if names.b_dec else W_dec.new_zeros(W_dec.shape[1])
    return Weights(W_enc, W_dec, b_enc, b_dec, tensors)


def _transposed(names: WeightNames) -> WeightNames:
    return replace(
        names,
        encoder_transposed=not names.encoder_transposed,
        decoder_transposed=not names.decoder_transposed,
    )


def positive(value: float | None, name: str, path: object) -> float:
    """Return the value if it is a finite number above 0; raise InputError otherwise."""
    if value is None or not 0 < value < float("inf"):
        raise InputError(f"{path}: {name} is {value} and must be a positive number; correct it.")
    return value


def kept_latents(k: int | None, d_sae: int, path: object) -> int:
    """Return k of a topk SAE if it is between 1 and `d_sae`; raise InputError otherwise."""
    if k is None or not 0 < k <= d_sae:
        raise InputError(
            f"{path}: a topk SAE with {d_sae} latents needs k between 1 and {d_sae}, and k is {k}."
        )
    return k


def scalar(tensor: Tensor, path: object) -> float:
    """The value of a tensor with one element. Raises InputError if it has more."""
    if tensor.numel() != 1:
        raise InputError(
            f"{path}: a tensor that should hold one number has the shape {list(tensor.shape)}; "
            "save the SAE again."
        )
    return float(tensor.to(torch.float64).item())
