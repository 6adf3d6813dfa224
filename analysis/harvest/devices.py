"""Where a language model and an SAE run: the CPU, a GPU, or several GPUs."""

import re
from typing import Any

import torch

from analysis.runtime.errors import InputError

AUTO = "auto"
SPARE = 0.8
"""Share of a device's free memory that weights may fill; activations need the rest."""


def device_named(name: str) -> torch.device:
    """The device of a `--device` setting; `auto` is the first CUDA GPU, or else the CPU.

    Raises InputError if this machine has no such device.
    """
    if name == AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name, flags=re.ASCII):
        raise InputError(
            f"--device {name[:40]}: there is no such device; give auto, cpu, cuda, cuda:N or mps."
        )
    device = torch.device(name)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise InputError(
            f"--device {name}: torch sees {gpus} CUDA GPUs on this machine; give cpu, or install "
            "torch for CUDA."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"--device {name}: torch sees no Apple GPU on this machine; give cpu.")
    return device


def free_bytes(device: torch.device) -> int | None:
    """Free memory of a CUDA GPU; None for other devices, whose memory is not limited here."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def is_spread(name: str, weight_bytes: int, free: int | None, *, accelerate: bool) -> bool:
    """Whether accelerate has to spread a model over several devices.

    Raises InputError if it has to, and is not installed.
    """
    if free is None or weight_bytes <= SPARE * free:
        return False
    if not accelerate:
        raise InputError(
            f"{name} needs {weight_bytes / 1e9:.1f} GB, but its device has {free / 1e9:.1f} GB "
            "free; install accelerate, which spreads a model over several devices, or give "
            "--device cpu."
        )
    return True


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device, or the CPU, had no memory for a tensor."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and (
        "out of memory" in str(error) or "can't allocate memory" in str(error)
    )


def release_cached(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def weight_bytes(model: Any, dtype: torch.dtype) -> int:
    """Size of a model's weights in this number type."""
    return sum(parameter.numel() for parameter in model.parameters()) * dtype.itemsize
