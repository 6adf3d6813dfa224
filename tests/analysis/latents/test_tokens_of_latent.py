"""The tokens of a latent, against a plain loop over its activations."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.latents.tokens_of_latent import EVERY, tokens_of_latent


def _expected(bundle: Bundle, latent: int, low: float, high: float) -> dict[str, list[float]]:
    """The activations from `low` to `high` of each token."""
    texts = bundle.tokens["token"].cast("string").to_pylist()
    of_token: dict[str, list[float]] = {}
    rows, values = bundle.activations.of_latent(latent)
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        if low <= value <= high:
            of_token.setdefault(texts[row], []).append(value)
    return of_token


@pytest.mark.parametrize("latent", [8, 165, 198])
@pytest.mark.parametrize("quantiles", [None, (0.2, 0.6)])
def test_every_token_has_its_share_of_the_activation(
    planted_bundle: Bundle, latent: int, quantiles: tuple[float, float] | None
) -> None:
    values = np.sort(planted_bundle.activations.of_latent(latent)[1])
    regime = EVERY
    if quantiles is not None:
        low, high = (float(values[int(q * len(values))]) for q in quantiles)
        regime = low, high
    expected = _expected(planted_bundle, latent, *regime)
    rows = tokens_of_latent(planted_bundle, latent, regime).to_pylist()
    total = sum(map(sum, expected.values()))
    assert {row["token"] for row in rows} == set(expected)
    for row in rows:
        own = expected[row["token"]]
        assert row["active_tokens"] == len(own)
        assert row["share"] == pytest.approx(sum(own) / total)
        assert row["mean_activation"] == pytest.approx(sum(own) / len(own))
    order = [(-row["share"], row["token"]) for row in rows]
    assert order == sorted(order) and len(order) > 1


def test_a_dead_latent_has_no_tokens(planted_bundle: Bundle) -> None:
    table = tokens_of_latent(planted_bundle, 190)
    assert table.num_rows == 0
    assert table.column_names == ["token", "share", "active_tokens", "mean_activation"]
