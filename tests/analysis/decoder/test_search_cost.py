"""The way is chosen by size alone, and the number type by the clock."""

import pytest
import torch

from analysis.decoder import search_cost as module
from analysis.decoder.search_cost import (
    SEVERAL,
    compares_every_pair,
    comparing_seconds,
    description,
    number_type,
    searching_seconds,
    seconds_here,
)

WIDTHS = (16, 128, 768, 2_304, 4_096)


@pytest.mark.parametrize("width", [1, *WIDTHS, 16_384])
@pytest.mark.parametrize("latents", [2, 8_192, 65_536, 262_144])
def test_every_pair_is_compared_up_to_262144_latents(latents: int, width: int) -> None:
    assert compares_every_pair(latents, width)


@pytest.mark.parametrize("width", [128, 768, 2_304])
def test_every_pair_of_a_million_is_compared_and_of_very_many_not(width: int) -> None:
    assert compares_every_pair(1 << 20, width)
    assert not compares_every_pair(1 << 27, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_pynndescent_is_used_where_it_is_several_times_cheaper(width: int) -> None:
    sizes = [round(262_145 * 1.05**i) for i in range(200)]
    ways = [compares_every_pair(size, width) for size in sizes]
    assert ways == sorted(ways, reverse=True)
    first = sizes[ways.index(False)]
    ratio = comparing_seconds(first, width) / searching_seconds(first)
    assert SEVERAL <= ratio < 1.1 * SEVERAL


def test_the_choice_does_not_depend_on_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_clock(*_: object) -> None:
        raise AssertionError

    for name in ("seconds_of_pair", "is_int8_fast", "fastest_exact_dtype"):
        monkeypatch.setattr(module, name, no_clock)
    assert compares_every_pair(500_000, 256)


def test_the_slow_machine_takes_as_long_as_was_measured() -> None:
    assert comparing_seconds(262_144, 768) == pytest.approx(350, rel=0.05)
    assert searching_seconds(32_768) == pytest.approx(13.4, rel=0.05)
    assert 2_100 < searching_seconds(1 << 20) < 4_200


@pytest.mark.parametrize(
    ("latents", "int8_is_fast", "dtype"),
    [
        (4_095, True, torch.float32),
        (4_096, True, torch.bfloat16),
        (32_768, True, torch.bfloat16),
        (32_769, True, torch.int8),
        (32_769, False, torch.bfloat16),
    ],
)
def test_the_number_type_is_the_fastest_where_timing_pays_off(
    latents: int, int8_is_fast: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_int8_fast", lambda width: int8_is_fast)
    monkeypatch.setattr(module, "fastest_exact_dtype", lambda width: torch.bfloat16)
    assert number_type(latents, 768) == dtype


def test_the_seconds_of_this_machine_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_int8_fast", lambda width: True)
    seconds = {(torch.int8, 768): 2e-9}
    monkeypatch.setattr(module, "seconds_of_pair", lambda dtype, width: seconds[dtype, width])
    pairs = (1 << 20) ** 2 / 2
    assert seconds_here(1 << 20, 768) == pytest.approx(pairs * (2e-9 + module.SCAN))
    assert seconds_here(1_000, 768) == comparing_seconds(1_000, 768)
    assert seconds_here(1 << 27, 768) == searching_seconds(1 << 27)
    assert description(1 << 20, 768) == (
        "Neighbours: every pair of latents is compared, in about 33 min."
    )
    assert description(1 << 27, 768).startswith("Neighbours: pynndescent searches, because")
