"""Names of devices, and models that are larger than one of them."""

import pytest
import torch

from analysis.harvest.devices import (
    device_named,
    free_bytes,
    is_out_of_memory,
    is_spread,
    release_cached,
    weight_bytes,
)
from analysis.runtime.errors import InputError
from tests.analysis.harvest.more_families import opened


def test_the_cpu_is_always_there() -> None:
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert free_bytes(torch.device("cpu")) is None
    release_cached(torch.device("cpu"))


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1", "CPU", "meta", "cuda:99", "xla"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"--device {name}: "):
        device_named(name)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has an Apple GPU")
def test_an_apple_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no Apple GPU"):
        device_named("mps")


def test_a_model_is_spread_only_if_it_does_not_fit() -> None:
    assert not is_spread("large", 10**12, None, accelerate=False)
    assert not is_spread("large", 80, 100, accelerate=False)
    assert is_spread("large", 81, 100, accelerate=True)
    with pytest.raises(InputError, match=r"16\.0 GB, but its device has 8\.0 GB free"):
        is_spread("large", 16 * 10**9, 8 * 10**9, accelerate=False)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (InputError("out of memory"), False),
    ],
)
def test_missing_memory_is_recognised(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_weights_are_counted_in_the_number_type_of_the_run() -> None:
    model = opened("llama").model
    count = sum(parameter.numel() for parameter in model.parameters())
    assert weight_bytes(model, torch.bfloat16) == 2 * count
    assert weight_bytes(model, torch.float32) == 4 * count
