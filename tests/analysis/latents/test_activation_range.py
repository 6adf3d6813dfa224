"""Tokens and contexts of a range of activation, against plain numpy."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.latents.activation_range import (
    _apart,
    _nearest,
    contexts_in_range,
    tokens_in_range,
)

LATENT = 8


@pytest.fixture
def ends(planted_bundle: Bundle) -> tuple[float, float]:
    """Two activations of the latent: its 20th percentile and its 80th."""
    values = np.sort(planted_bundle.activations.of_latent(LATENT)[1])
    return float(values[len(values) // 5]), float(values[len(values) * 4 // 5])


def test_both_ends_belong_to_the_range(planted_bundle: Bundle, ends: tuple[float, float]) -> None:
    rows, values = planted_bundle.activations.of_latent(LATENT)
    expected = [
        (int(row), value)
        for row, value in zip(rows.tolist(), values.tolist(), strict=True)
        if ends[0] <= value <= ends[1]
    ]
    inside = tokens_in_range(planted_bundle, LATENT, *ends)
    assert list(zip(inside[0].tolist(), inside[1].tolist(), strict=True)) == expected
    assert {min(v for _, v in expected), max(v for _, v in expected)} == set(ends)
    assert 0 < len(expected) < len(rows)


@pytest.mark.parametrize("kind", ["top", "interval", "random"])
def test_contexts_of_a_range_are_distinct_tokens_of_it(
    planted_bundle: Bundle, ends: tuple[float, float], kind: str
) -> None:
    contexts = contexts_in_range(planted_bundle, LATENT, *ends, kind).to_pylist()  # type: ignore[arg-type]
    assert 5 < len(contexts) <= planted_bundle.manifest.parameters.contexts_per_kind
    tokens = planted_bundle.tokens.to_pydict()
    places = list(zip(tokens["document"], tokens["position"], strict=True))
    rows, values = planted_bundle.activations.of_latent(LATENT)
    of_row = dict(zip(rows.tolist(), values.tolist(), strict=True))
    picked = [places.index((row["document"], row["position"])) for row in contexts]
    assert len(set(picked)) == len(picked)
    assert [of_row[row] for row in picked] == [row["activation"] for row in contexts]
    activations = [row["activation"] for row in contexts]
    assert activations == sorted(activations, reverse=True)
    assert all(ends[0] <= value <= ends[1] for value in activations)
    if kind == "top":
        assert activations[0] == max(v for v in of_row.values() if v <= ends[1])
        apart = planted_bundle.manifest.parameters.context_tokens
        for i, one in enumerate(picked):
            for other in picked[:i]:
                same = tokens["document"][one] == tokens["document"][other]
                assert not same or abs(one - other) >= apart
    if kind == "interval":
        middle = (ends[0] + ends[1]) / 2
        nearest = min(of_row.values(), key=lambda value: abs(value - middle))
        steps = (ends[1] - ends[0]) / 19
        assert min(abs(value - nearest) for value in activations) <= steps


@pytest.mark.parametrize("most", [1, 4, 60])
def test_windows_of_top_contexts_may_touch_but_not_overlap(most: int) -> None:
    rows = np.random.default_rng(5).permutation(60)
    document = rows // 25
    windows = [
        {(d, row + step) for step in range(-3, 4)}
        for row, d in zip(rows.tolist(), document.tolist(), strict=True)
    ]
    expected: list[int] = []
    for i, window in enumerate(windows):
        if all(window.isdisjoint(windows[j]) for j in expected):
            expected.append(i)
    picked = np.sort(rows[expected])
    assert 7 in np.diff(picked) and np.diff(picked).min() < 7  # two touch, two are in two documents
    assert _apart(rows, document, 7, most).tolist() == expected[:most]


def test_each_step_of_a_range_has_the_nearest_activation() -> None:
    values = np.array([8, 6, 4, 2], dtype=np.float32)
    assert _nearest(values, np.array([9.0, 5.1, 0.0])).tolist() == [0, 1, 3]
    assert _nearest(values, np.array([7.1, 4.9, 3.1])).tolist() == [0, 2]
    assert _nearest(values[:1], np.array([9.0, 0.0])).tolist() == [0]


def test_an_empty_range_has_no_contexts(planted_bundle: Bundle) -> None:
    for kind in ("top", "interval", "random"):
        assert contexts_in_range(planted_bundle, LATENT, 1e6, 1e7, kind).num_rows == 0
