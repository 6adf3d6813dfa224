"""The real inputs of the oracles; `make_residual_sample.py` says what they are."""

from pathlib import Path

import torch
from safetensors.torch import load_file

FILE = Path(__file__).parent / "residual_stream.safetensors"


def residual_stream() -> torch.Tensor:
    """x [48, 576] float32: the residual stream of SmolLM2 behind layer 12."""
    return load_file(FILE)["x"]
