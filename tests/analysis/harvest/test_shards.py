"""Shards: rounding, whole or absent, and the sums of explained variance."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.harvest.mask import MaskCounts
from analysis.harvest.shards import (
    Shard,
    ShardFacts,
    VarianceSums,
    count_shards,
    read_facts,
    read_shards,
    rounded,
    write_shard,
)
from analysis.runtime.errors import InputError

positive = st.floats(2.0**-120, 2.0**120, width=32)


@given(positive)
def test_rounded_is_the_nearest_number_of_eleven_bits(value: float) -> None:
    mantissa, exponent = math.frexp(value)
    nearest = math.ldexp(round(math.ldexp(mantissa, 11)), exponent - 11)
    assert float(rounded(np.array([value], np.float32))[0]) == nearest


@pytest.mark.parametrize(
    ("value", "nearest"),
    [(2049.0, 2048.0), (2049.5, 2050.0), (2051.0, 2052.0), (4098.0, 4096.0), (4102.0, 4104.0)],
)
def test_ties_are_rounded_to_even(value: float, nearest: float) -> None:
    """2,048 is 1024 · 2 and 2,052 is 1026 · 2: from 2,048 on, eleven bits are steps of two."""
    assert float(rounded(np.array([value], np.float32))[0]) == nearest


@given(st.lists(st.floats(0, float(np.finfo(np.float32).max), width=32), max_size=30))
def test_rounding_keeps_order_zero_and_finiteness(values: list[float]) -> None:
    given_values = np.sort(np.array(values, dtype=np.float32))
    found = rounded(given_values)
    assert (np.diff(found) >= 0).all()
    assert np.array_equal(found > 0, given_values > 0) and np.isfinite(found).all()
    assert not (found.view(np.uint32) & 0x1FFF).any()
    assert np.array_equal(rounded(found), found)


def test_a_shard_comes_back_as_it_was(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, example())
    (tmp_path / "000001.unfinished").write_bytes(b"half")
    (read,) = read_shards(tmp_path)
    assert count_shards(tmp_path) == 1
    for name in ("document", "position", "kept", "active", "latents", "activations"):
        assert np.array_equal(getattr(read, name), getattr(example(), name)), name
    assert read.token.to_pylist() == ["a", "b", "a"] and read.facts == example().facts


def test_a_damaged_shard_is_reported(tmp_path: Path) -> None:
    (tmp_path / "000000.arrow").write_bytes(b"no arrow")
    with pytest.raises(InputError, match=r"000000\.arrow"):
        read_facts(tmp_path, 0)


def example() -> Shard:
    return Shard(
        document=np.array([0, 0, 4]),
        position=np.array([0, 1, 0], dtype=np.int32),
        token=pa.array(["a", "b", "a"]).dictionary_encode(),
        kept=np.array([False, True, True]),
        active=np.array([0, 2, 1], dtype=np.int32),
        latents=np.array([1, 5, 0], dtype=np.uint32),
        activations=np.array([0.5, 1.5, 2.0], dtype=np.float32),
        facts=ShardFacts(blocks=2, mask=MaskCounts(kept=2, special=1), active=3),
    )


def sums(x: np.ndarray, xhat: np.ndarray) -> VarianceSums:
    return VarianceSums.of(
        len(x), float(((x - xhat) ** 2).sum()), float((x**2).sum()), x.sum(axis=0)
    )


def test_explained_variance_of_parts_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 7)) + 40 * rng.standard_normal(7)
    xhat = x + 0.3 * rng.standard_normal(x.shape)
    whole = 1 - ((x - xhat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    parts = sums(x[:10], xhat[:10]) + sums(x[10:180], xhat[10:180]) + sums(x[180:], xhat[180:])
    assert parts.explained_variance == pytest.approx(whole, rel=1e-9)
    assert parts.n == 300


def test_explained_variance_is_not_clipped() -> None:
    x = np.random.default_rng(1).standard_normal((50, 3))
    assert sums(x, -x).explained_variance < -2


def test_sums_keep_every_bit_in_text() -> None:
    value = VarianceSums.of(3, 0.1, 0.2, np.array([1 / 3, math.pi * 1e17]))
    back = VarianceSums.model_validate_json(value.model_dump_json())
    assert back == value and np.array_equal(back.total_vector, [1 / 3, math.pi * 1e17])
