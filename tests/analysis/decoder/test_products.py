"""Products of rounded rows stay within their stated errors, with both ways to multiply int8."""

import math

import numpy as np
import pytest
import torch

from analysis.decoder import products as module
from analysis.decoder.products import (
    INT8_STANDARD_DEVIATIONS,
    fastest_exact_dtype,
    int8_products,
    is_int8_fast,
    products,
    rounded_rows,
)

DTYPES = [torch.float32, torch.bfloat16, torch.int8]


def unit(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    drawn = torch.from_numpy(np.random.default_rng(seed).standard_normal((rows, width)))
    return (drawn / drawn.norm(dim=1, keepdim=True)).float()


@pytest.fixture(params=["with torch._int_mm", "without"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to multiply int8."""
    assert hasattr(torch, "_int_mm")
    if request.param == "without":
        monkeypatch.delattr(torch, "_int_mm")
    return str(request.param)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("width", [5, 64, 3_000])
def test_int8_products_equal_numpys_integers(width: int) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.integers(-127, 128, (17, width)), rng.integers(-127, 128, (9, width))
    left[0], right[0] = 127, 127
    out = torch.empty((17, 9), dtype=torch.int32)
    result = int8_products(
        torch.from_numpy(left.astype(np.int8)), torch.from_numpy(right.astype(np.int8)), out
    )
    np.testing.assert_array_equal(result.numpy(), left @ right.T)
    assert result.data_ptr() == out.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_written_to_the_start_of_the_buffer(dtype: torch.dtype) -> None:
    rounded = rounded_rows(unit(20, 32), dtype)
    out = torch.full((100,), 7, dtype=module.RESULT[dtype])
    result = products(rounded.rows[:8], rounded.rows[8:20], out)
    expected = rounded.rows[:8].double() @ rounded.rows[8:20].double().T
    tolerance = {torch.float32: 1e-6, torch.bfloat16: 1e-2, torch.int8: 0}[dtype]
    np.testing.assert_allclose(result.double().numpy(), expected.numpy(), atol=tolerance)
    assert result.data_ptr() == out.data_ptr()
    assert (out[96:] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [16, 256])
def test_no_product_is_further_off_than_stated(dtype: torch.dtype, width: int) -> None:
    exact = unit(300, width)
    rounded = rounded_rows(exact, dtype)
    truth = exact.double() @ exact.double().T
    rough = rounded.step**2 * (rounded.rows.double() @ rounded.rows.double().T)
    off = (truth - rough).abs().numpy()
    assert (off <= rounded.error).all()
    # A bound that is never nearly reached would send every row to the second look.
    assert off.max() > rounded.error.max() / 20 or dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_error_is_the_sum_of_two_roundings(dtype: torch.dtype) -> None:
    exact = unit(50, 24)
    lost = (exact - exact.to(dtype).float()).norm(dim=1).numpy()
    expected = lost + lost.max() + 2e-6
    np.testing.assert_allclose(rounded_rows(exact, dtype).error[:, 0], expected, rtol=1e-5)


def test_the_error_of_int8_is_six_standard_deviations() -> None:
    exact = unit(50, 24)
    step = float(exact.abs().max()) / 127
    lost = (exact - step * (exact / step).round()).norm(dim=1).numpy() / math.sqrt(24)
    rounded = rounded_rows(exact, torch.int8)
    assert rounded.step == step
    expected = INT8_STANDARD_DEVIATIONS * np.sqrt(lost**2 + lost.max() ** 2)
    np.testing.assert_allclose(rounded.error[:, 0], expected, rtol=1e-5)
    assert INT8_STANDARD_DEVIATIONS == 6


def test_the_faster_type_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {torch.float32: 2.0, torch.bfloat16: 1.0, torch.int8: 1.5}
    monkeypatch.setattr(module, "_seconds", lambda dtype, width: seconds[dtype])
    assert fastest_exact_dtype(8) == torch.bfloat16
    assert is_int8_fast(8)
    seconds |= {torch.float32: 1.0, torch.bfloat16: 2.0}
    assert fastest_exact_dtype(8) == torch.float32
    assert not is_int8_fast(8)


def test_without_a_fast_kernel_int8_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "_int_mm")
    module._seconds.cache_clear()
    try:
        assert not is_int8_fast(512)
    finally:
        module._seconds.cache_clear()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_seconds_of_a_pair_are_those_of_a_whole_block(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int, torch.dtype]] = []
    now = [0.0]

    def counted(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> None:
        assert len(out) >= len(left) * len(right)
        sizes.append((len(left), len(right), left.dtype))
        # The first product compiles its kernel.
        now[0] += 5 if len(sizes) == 1 else 0.2

    monkeypatch.setattr(module, "products", counted)
    monkeypatch.setattr("analysis.decoder.products.time.perf_counter", lambda: now[0])
    module._seconds.cache_clear()
    try:
        assert module.seconds_of_pair(dtype, 8) == pytest.approx(0.2 / 2_048**2)
        # A slow type is not timed eight times.
        assert sizes == [(2_048, 2_048, dtype)] * 3
    finally:
        module._seconds.cache_clear()
