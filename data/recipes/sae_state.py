"""Settings and state of the training of an SAE, and its checkpoints."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from data.recipes.topk_kernels import Floats, Ids

Architecture = Literal["topk", "batchtopk", "matryoshka"]
"""TopK (Gao et al. 2024), BatchTopK (Bussmann et al. 2024), or Matryoshka BatchTopK (Bussmann et
al. 2025)."""

PREFIXES = 5
WEIGHTS = ("W_enc", "W_dec", "b_enc", "b_dec")


@dataclass(frozen=True)
class Training:
    """Settings of the training."""

    architecture: Architecture = "topk"
    latents: int = 8192
    k: int = 32
    """Active latents per token, or their mean over a batch."""
    epochs: int = 5
    batch_tokens: int = 2048
    lr: float = 1e-3
    warmup_steps: int = 200
    decay_from: float = 0.3
    """Fraction of the steps after which the learning rate decays linearly to zero."""
    dead_after_tokens: int = 200_000
    """Tokens without activity after which a latent gets the auxiliary loss."""
    aux_k: int = 64
    aux_weight: float = 1 / 32
    aux_tokens: int = 512
    """Tokens per batch for the auxiliary loss."""
    buffer_shards: int = 48
    """Shards over which rows are shuffled, about 700,000 tokens; bounds the memory."""
    seed: int = 0

    @property
    def prefix_ends(self) -> tuple[int, ...]:
        """Ends of the nested prefixes of latents that each reconstruct the input.

        Each is half of the next, as in Bussmann et al. 2025; one prefix if not Matryoshka.
        """
        if self.architecture != "matryoshka":
            return (self.latents,)
        return tuple(self.latents >> halvings for halvings in range(PREFIXES - 1, -1, -1))

    @property
    def groups(self) -> Ids:
        """The shortest prefix that contains each latent [F]."""
        return np.searchsorted(self.prefix_ends, np.arange(self.latents), side="right")


@dataclass
class State:
    """The state of the training: float32 arrays for inputs scaled to length sqrt(d)."""

    W_enc: Floats  # [F, d]: transposed, for the kernels
    W_dec: Floats  # [F, d]
    b_enc: Floats  # [F]
    b_dec: Floats  # [d]
    moments: dict[str, Floats]
    silent_tokens: Ids
    """Tokens since each latent last fired [F]."""
    step: int = 0

    @classmethod
    def fresh(cls, training: Training, mean: Floats) -> "State":
        """Random unit decoder rows, the encoder their transpose, b_dec the mean input."""
        generator = np.random.default_rng(training.seed)
        W_dec = generator.standard_normal((training.latents, len(mean)), dtype=np.float32)
        W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
        state = cls(
            W_enc=W_dec.copy(),
            W_dec=W_dec,
            b_enc=np.zeros(training.latents, np.float32),
            b_dec=mean.copy(),
            moments={},
            silent_tokens=np.zeros(training.latents, dtype=np.int64),
        )
        for name in WEIGHTS:
            for moment in ("m", "v"):
                state.moments[f"{name}.{moment}"] = np.zeros_like(getattr(state, name))
        return state


def fingerprint(training: Training) -> str:
    """All settings as one word, for the name of a checkpoint."""
    return "-".join(str(getattr(training, field.name)) for field in fields(training))


def write_checkpoint(path: Path, state: State) -> None:
    """Write a checkpoint under a temporary name, then rename."""
    tensors = {name: getattr(state, name) for name in WEIGHTS}
    tensors |= state.moments | {"silent_tokens": state.silent_tokens}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(
        {name: torch.from_numpy(array) for name, array in tensors.items()}
        | {"step": torch.tensor(state.step)},
        temporary,
    )
    temporary.rename(path)


def read_checkpoint(path: Path) -> State | None:
    """The state in a checkpoint; None if there is none."""
    if not path.exists():
        return None
    arrays = {name: tensor.numpy() for name, tensor in load_file(path).items()}
    step = int(arrays.pop("step"))
    moments = {name: arrays.pop(name) for name in list(arrays) if name.endswith((".m", ".v"))}
    return State(**arrays, moments=moments, step=step)
