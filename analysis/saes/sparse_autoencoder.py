"""The sparse autoencoder that every format is read into: weights, encode and decode.

For activations x [n, d_in] it computes:

1. centre (optional): x − mean over d_in, as TransformerLens' `center_writing_weights` does;
2. normalise each token: `constant_norm_rescale` x·√d_in/‖x‖, or `layer_norm` (x−μ)/(σ+1e-5);
3. subtract b_dec, if the format does so;
4. h = x·W_enc + b_enc, then the activation of the architecture;
5. decode: acts·W_dec + b_dec, then undo 2 and 1, then add W_skip·x for skip transcoders.

Sources of the equations: TopK, Gao et al. 2024; JumpReLU, Rajamanoharan et al. 2024b; gated,
Rajamanoharan et al. 2024a; the normalisations as SAELens 6 runs them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, Self

import torch
from torch import Tensor

Architecture = Literal["topk", "jumprelu", "standard", "gated"]
Normalisation = Literal["none", "constant_norm_rescale", "layer_norm"]

LAYER_NORM_EPSILON = 1e-5
HASH_BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Gate:
    """The three vectors of a gated SAE, each [d_sae].

    A latent is open where x·W_enc + b_gate > 0, and then has the value
    relu((x·W_enc)·exp(r_mag) + b_mag).
    """

    b_gate: Tensor
    r_mag: Tensor
    b_mag: Tensor


@dataclass(frozen=True)
class TokenScale:
    """Scale and shift [n, 1] that undo each token's normalisation: x = normalised·scale + shift."""

    scale: Tensor | None
    shift: Tensor | None


@dataclass(frozen=True, eq=False)
class SparseAutoencoder:
    """A sparse autoencoder or per-layer transcoder, ready to encode and decode.

    Tensors: W_enc [d_in, d_sae], W_dec [d_sae, d_out], b_enc [d_sae], b_dec [d_out]; `threshold`
    [d_sae] for jumprelu; `gate` for gated; `W_skip` [d_out, d_in] for skip transcoders. All have
    one dtype. The object is immutable and its methods are pure.
    """

    format: str
    """Name in the registry of the format that it was read from, such as `saelens`."""
    architecture: Architecture
    """Which activation function turns pre-activations into activations."""
    W_enc: Tensor
    W_dec: Tensor
    b_enc: Tensor
    b_dec: Tensor
    applies_b_dec_to_input: bool = False
    """Whether b_dec is subtracted from the (normalised) input before encoding."""
    normalisation: Normalisation = "none"
    """Normalisation of each token at run time; undone on the output."""
    centre_input: bool = False
    """Whether each token's mean over d_in is subtracted first and added back to the output."""
    k: int | None = None
    """Latents kept per token (topk only)."""
    one_per_group: bool = False
    """topk only: keep the largest of each of k equal groups instead of the k largest of all."""
    selection_scale: Tensor | None = None
    """topk only, [d_sae]: latents are ranked by pre-activation × this."""
    threshold: Tensor | None = None
    gate: Gate | None = None
    W_skip: Tensor | None = None
    undoes_normalisation: bool = True
    """False for transcoders, whose output belongs to another hook point than their input."""
    hook_point: str | None = None
    """Hook point of the input, in TransformerLens spelling, as saved."""
    hook_point_out: str | None = None
    """Hook point of a transcoder's output; None for an autoencoder."""
    model_name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Other settings of the file."""
    notes: list[str] = field(default_factory=list)
    """One sentence for each change or assumption made on reading."""

    @property
    def d_in(self) -> int:
        """Width of the input."""
        return self.W_enc.shape[0]

    @property
    def d_sae(self) -> int:
        """Number of latents."""
        return self.W_enc.shape[1]

    @property
    def d_out(self) -> int:
        """Width of the output; d_in unless this is a transcoder."""
        return self.W_dec.shape[1]

    @property
    def is_autoencoder(self) -> bool:
        """Whether the output reconstructs the input; False for transcoders."""
        same_place = self.hook_point_out in (None, self.hook_point)
        return same_place and self.undoes_normalisation and self.d_out == self.d_in

    @property
    def advertised_l0(self) -> float | None:
        """Active latents per token that the file states: k, or a stored measurement."""
        stated = self.metadata.get("advertised_l0", self.k)
        return float(stated) if isinstance(stated, int | float) else None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over every weight (as float32) and every setting that affects activations.

        Two files of different formats that hold the same SAE have the same hash.
        """
        settings = {
            "architecture": self.architecture,
            "applies_b_dec_to_input": self.applies_b_dec_to_input,
            "normalisation": self.normalisation,
            "centre_input": self.centre_input,
            "k": self.k,
            "one_per_group": self.one_per_group,
            "undoes_normalisation": self.undoes_normalisation,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name, tensor in self.tensors():
            digest.update(f"{name}{list(tensor.shape)}".encode())
            _add(digest, tensor)
        return digest.hexdigest()

    @cached_property
    def decoder_hash(self) -> str:
        """SHA-256 of the shape and the values of W_dec as float32: equal for every reading.

        It tells which latents these are, so notes of readers belong to it.
        """
        digest = hashlib.sha256(f"W_dec{list(self.W_dec.shape)}".encode())
        _add(digest, self.W_dec)
        return digest.hexdigest()

    def noting(self, note: str, **changes: Any) -> Self:
        """Return a copy with these fields changed and one more note, which gives the reason."""
        return replace(self, notes=[*self.notes, note], **changes)

    def on(self, device: torch.device) -> Self:
        """The same SAE with its weights on a device; itself if they are there already."""
        if self.W_enc.device == device:
            return self
        moved: dict[str, Any] = {
            entry.name: value.to(device)
            for entry in fields(self)
            if isinstance(value := getattr(self, entry.name), Tensor)
        }
        gate = self.gate
        if gate is not None:
            gate = Gate(gate.b_gate.to(device), gate.r_mag.to(device), gate.b_mag.to(device))
        return replace(self, **moved, gate=gate)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every weight with its name, in one fixed order."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Tensor):
                yield entry.name, value
        if self.gate is not None:
            yield from (("b_gate", self.gate.b_gate), ("r_mag", self.gate.r_mag))
            yield "b_mag", self.gate.b_mag

    def decoder_norms(self) -> Tensor:
        """Euclidean norm of each latent's decoder vector, [d_sae], float32."""
        dtype = torch.promote_types(self.W_dec.dtype, torch.float32)
        return torch.linalg.vector_norm(self.W_dec, dim=1, dtype=dtype).float()

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Activations [n, d_sae] of inputs [n, d_in] (or [n, heads, d_head], flattened)."""
        hidden, is_open = self._pre_activations(x)
        if self.architecture != "topk":
            return self._open_latents(hidden, is_open)
        latents, values = self._largest(hidden)
        return torch.zeros_like(hidden).scatter_(1, latents, values)

    @torch.no_grad()
    def encode_sparse(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The activations > 0 of inputs [n, d_in], sorted by row and then by latent.

        Returns rows int64 [m], latents int64 [m] and values float32 [m]. Memory: one [n, d_sae].
        """
        hidden, is_open = self._pre_activations(x)
        if self.architecture != "topk":
            activations = self._open_latents(hidden, is_open)
            rows, latents = activations.nonzero(as_tuple=True)
            return rows, latents, activations[rows, latents].float()
        kept, values = self._largest(hidden, sort=True)
        rows, places = (values > 0).nonzero(as_tuple=True)
        return rows, kept[rows, places], values[rows, places].float()

    @torch.no_grad()
    def decode(self, acts: Tensor, x: Tensor | None = None) -> Tensor:
        """Outputs [n, d_out] of activations [n, d_sae].

        The inputs x [n, d_in] are needed if normalisation or centring must be undone or there is a
        skip connection. Raises ValueError if they are needed and missing.
        """
        return self._output(acts.to(self.W_dec.dtype) @ self.W_dec, x)

    @torch.no_grad()
    def decode_sparse(self, rows: Tensor, latents: Tensor, values: Tensor, x: Tensor) -> Tensor:
        """Outputs [n, d_out] of the activations that `encode_sparse` returned for the inputs x.

        Takes active latents x d_out operations per token instead of d_sae x d_out.
        """
        starts = torch.searchsorted(rows.contiguous(), torch.arange(len(x), device=rows.device))
        written = torch.nn.functional.embedding_bag(
            latents,
            self.W_dec,
            starts,
            mode="sum",
            per_sample_weights=values.to(self.W_dec.dtype),
        )
        return self._output(written, x)

    def _output(self, written: Tensor, x: Tensor | None) -> Tensor:
        """Outputs [n, d_out] from acts·W_dec: add b_dec, undo the normalisation, add the skip."""
        output = written + self.b_dec
        undo = self.undoes_normalisation and (self.normalisation != "none" or self.centre_input)
        if x is None:
            if undo or self.W_skip is not None:
                raise ValueError(
                    "decode needs the inputs x of this SAE, to undo its normalisation or for its "
                    "skip connection"
                )
            return output
        if undo:
            _, token = self._normalise(self._flat(x))
            output = output if token.scale is None else output * token.scale
            output = output if token.shift is None else output + token.shift
        if self.W_skip is not None:
            output = output + self._flat(x) @ self.W_skip.T
        return output

    def reconstruct(self, x: Tensor) -> Tensor:
        """Reconstruction [n, d_out] of inputs [n, d_in], on the scale of the inputs."""
        return self.decode(self.encode(x), x)

    def _flat(self, x: Tensor) -> Tensor:
        """Inputs as [n, d_in] in the weights' dtype; heads [n, heads, d_head] are concatenated."""
        flat = x.reshape(x.shape[0], -1).to(self.W_enc.dtype)
        if flat.shape[1] != self.d_in:
            raise ValueError(
                f"this SAE reads {self.d_in} values per token, but the activations have "
                f"{flat.shape[1]}"
            )
        return flat

    def _normalise(self, x: Tensor) -> tuple[Tensor, TokenScale]:
        """Centred and normalised inputs, and the scale and shift that undo this."""
        shift = x.mean(dim=1, keepdim=True) if self.centre_input else None
        x = x if shift is None else x - shift
        if self.normalisation == "none":
            return x, TokenScale(None, shift)
        if self.normalisation == "constant_norm_rescale":
            # With the floor, a zero token stays zero; without it, it would be divided by zero.
            norm = x.norm(dim=1, keepdim=True).clamp(min=torch.finfo(x.dtype).eps)
            factor = self.d_in**0.5 / norm
            return x * factor, TokenScale(1 / factor, shift)
        mean = x.mean(dim=1, keepdim=True)
        deviation = (x - mean).std(dim=1, keepdim=True)
        normalised = (x - mean) / (deviation + LAYER_NORM_EPSILON)
        return normalised, TokenScale(deviation, mean if shift is None else mean + shift)

    def _pre_activations(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Pre-activations [n, d_sae], and for gated SAEs the open latents [n, d_sae]."""
        x, _ = self._normalise(self._flat(x))
        if self.applies_b_dec_to_input:
            x = x - self.b_dec
        hidden = x @ self.W_enc
        if self.gate is None:
            return hidden.add_(self.b_enc), None
        is_open = hidden + self.gate.b_gate > 0
        return hidden.mul_(self.gate.r_mag.exp()).add_(self.gate.b_mag), is_open

    def _open_latents(self, hidden: Tensor, is_open: Tensor | None) -> Tensor:
        """Activations of every architecture but topk; overwrites `hidden`."""
        if self.threshold is not None:
            is_open = hidden > self.threshold
        hidden = hidden.relu_()
        return hidden if is_open is None else hidden.mul_(is_open)

    def _largest(self, hidden: Tensor, *, sort: bool = False) -> tuple[Tensor, Tensor]:
        """The kept latents [n, k] and their values ≥ 0, ordered by latent when `sort`."""
        if self.k is None:
            raise ValueError("a topk SAE needs k")
        score = hidden if self.selection_scale is None else hidden * self.selection_scale
        if self.one_per_group:
            width = self.d_sae // self.k
            best = score.reshape(-1, self.k, width).argmax(dim=2)
            latents = best + torch.arange(self.k, device=best.device) * width
        else:
            latents = torch.topk(score, self.k, dim=1, sorted=False).indices
        if sort:
            latents = latents.sort(dim=1).values
        return latents, hidden.gather(1, latents).relu_()


def _add(digest: "hashlib._Hash", tensor: Tensor) -> None:
    """Add the values of a tensor as float32, in blocks of rows."""
    for block in torch.split(tensor, HASH_BLOCK_ROWS):
        digest.update(block.to(torch.float32).contiguous().numpy().data)
