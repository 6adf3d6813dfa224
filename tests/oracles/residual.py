"""The real inputs of the oracles; see `make_residual_sample.py`."""

from pathlib import Path

import torch
from safetensors.torch import load_file

FILE = Path(__file__).parent / "residual_stream.safetensors"


def residual_stream() -> torch.Tensor:
    """x [48, 576] float32: the residual stream of SmolLM2 after layer 12."""
    return load_file(FILE)["x"]
