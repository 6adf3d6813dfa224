"""Products of 16-bit matrices in float32, against float64 and against torch's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from analysis.harvest import float32_products
from analysis.harvest.float32_products import LEAST_ROWS, is_slow, multiply_in_float32
from analysis.harvest.models import load_language_model
from tests.analysis.harvest.test_models import saved_model

ROWS, WIDTH, OUT = 300, 96, 40
TYPES = (torch.bfloat16, torch.float16)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without 16-bit products."""
    monkeypatch.setattr(
        float32_products, "is_slow", lambda weight: weight.dtype in TYPES, raising=True
    )


def layer(dtype: torch.dtype, *, bias: bool) -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(WIDTH, OUT, bias=bias).to(dtype).requires_grad_(False)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_product_is_rounded_once(dtype: torch.dtype, bias: bool, slow: None) -> None:
    own = layer(dtype, bias=bias)
    x = torch.randn(2, ROWS // 2, WIDTH).to(dtype)
    exact = x.double().numpy() @ own.weight.double().numpy().T
    if own.bias is not None:
        exact = exact + own.bias.double().numpy()
    before = own(x)
    multiply_in_float32(own)
    after = own(x)
    assert after.dtype == dtype and after.shape == before.shape
    rounded = torch.from_numpy(exact).to(dtype)
    # A sum in float32 that is nearly between two numbers is rounded to either.
    assert (after != rounded).double().mean() < 0.002
    step = torch.finfo(dtype).eps
    np.testing.assert_allclose(after.double().numpy(), exact, rtol=step, atol=1e-5)
    np.testing.assert_allclose(after.double().numpy(), before.double().numpy(), rtol=2 * step)


def test_few_rows_are_multiplied_as_they_are(slow: None) -> None:
    own, changed = (layer(torch.bfloat16, bias=True) for _ in range(2))
    multiply_in_float32(changed)
    used: list[torch.dtype] = []
    linear = functional.linear

    def recorded(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        used.append(x.dtype)
        return linear(x, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functional, "linear", recorded)
        for rows in (1, LEAST_ROWS - 1, LEAST_ROWS):
            changed(torch.ones(rows, WIDTH, dtype=torch.bfloat16))
    assert used == [torch.bfloat16, torch.bfloat16, torch.float32]
    x = torch.randn(LEAST_ROWS - 1, WIDTH).bfloat16()
    assert torch.equal(changed(x), own(x))


@pytest.mark.parametrize("has_products", [False, True])
def test_only_types_without_products_of_their_own_are_slow(
    has_products: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_is_mkldnn_bf16_supported", "_is_mkldnn_fp16_supported"):
        monkeypatch.setattr(torch.ops.mkldnn, name, lambda: has_products)
    for dtype in TYPES:
        assert is_slow(torch.empty(1, dtype=dtype)) is not has_products
        assert not is_slow(torch.empty(1, dtype=dtype, device="meta"))
    assert not is_slow(torch.empty(1))


def test_a_loaded_model_multiplies_in_float32_and_keeps_its_weights(
    tmp_path: Path, slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved_model(tmp_path / "tiny")
    ids = torch.arange(2, 2 + 2 * LEAST_ROWS).reshape(2, -1) % 8
    used = set()
    linear = functional.linear

    def recorded(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        used.add(x.dtype)
        return linear(x, *rest)

    monkeypatch.setattr(functional, "linear", recorded)
    model = load_language_model(folder, torch.bfloat16).model
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model(ids).logits.dtype == torch.bfloat16
    assert used == {torch.float32}
    plain = load_language_model(folder, torch.float32).model
    assert not any("forward" in vars(module) for module in plain.modules())


def test_a_forward_pass_that_was_set_before_stays(slow: None) -> None:
    own = layer(torch.bfloat16, bias=False)
    before = own.forward
    own.forward = before  # type: ignore[method-assign]
    multiply_in_float32(own)
    assert own.forward is before
