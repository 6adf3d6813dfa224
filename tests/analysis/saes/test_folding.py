"""Scales folded into the weights give the same function."""

import torch

from analysis.saes.folding import (
    divisible_norms,
    folded_decoder_norms,
    folded_mean_norm,
    folded_scale,
)
from analysis.saes.sparse_autoencoder import SparseAutoencoder


def sae(**changes: object) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    weights: dict[str, object] = {
        "W_enc": random(6, 10),
        "W_dec": random(10, 6),
        "b_enc": random(10),
        "b_dec": random(6),
        "architecture": "standard",
    }
    return SparseAutoencoder(format="test", **(weights | changes))  # type: ignore[arg-type]


X = torch.randn(20, 6, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def test_folded_decoder_norms_give_contributions() -> None:
    plain = sae()
    folded = folded_decoder_norms(plain, "why")
    norms = plain.W_dec.norm(dim=1)
    torch.testing.assert_close(folded.encode(X), plain.encode(X) * norms)
    torch.testing.assert_close(folded.reconstruct(X), plain.reconstruct(X))
    torch.testing.assert_close(folded.decoder_norms(), torch.ones(10))
    assert folded.notes == ["why"]


def test_a_threshold_is_compared_after_scaling() -> None:
    threshold = torch.full((10,), 0.5, dtype=torch.float64)
    jump = sae(architecture="jumprelu", threshold=threshold)
    scaled = (X @ jump.W_enc + jump.b_enc) * jump.W_dec.norm(dim=1)
    kept = torch.where(scaled > 0.5, scaled, 0.0)
    folded = folded_decoder_norms(jump, "")
    assert 0 < (kept > 0).sum() != (jump.encode(X) > 0).sum()
    torch.testing.assert_close(folded.encode(X), kept)


def test_a_folded_scale_multiplies_inputs_and_divides_outputs() -> None:
    plain = sae(W_skip=torch.eye(6, dtype=torch.float64))
    folded = folded_scale(plain, 2.0, 4.0)
    torch.testing.assert_close(folded.encode(X), plain.encode(2 * X))
    torch.testing.assert_close(folded.reconstruct(X), plain.reconstruct(2 * X) / 4)


def test_a_folded_scale_keeps_a_subtracted_b_dec() -> None:
    plain = sae(applies_b_dec_to_input=True)
    folded = folded_scale(plain, 2.0, 2.0)
    torch.testing.assert_close(folded.encode(X), plain.encode(2 * X))
    torch.testing.assert_close(folded.reconstruct(X), plain.reconstruct(2 * X) / 2)


def test_a_mean_norm_becomes_root_d() -> None:
    plain = sae()
    folded = folded_mean_norm(plain, 3.0, 5.0, "the file")
    root = 6**0.5
    torch.testing.assert_close(folded.encode(X), plain.encode(X * root / 3))
    torch.testing.assert_close(folded.reconstruct(X), plain.reconstruct(X * root / 3) * 5 / root)
    assert "3 of the file" in folded.notes[0]


def test_mean_norms_of_a_transcoder_use_the_width_of_their_own_side() -> None:
    generator = torch.Generator().manual_seed(5)
    W_dec = torch.randn(10, 9, generator=generator, dtype=torch.float64)
    b_dec = torch.randn(9, generator=generator, dtype=torch.float64)
    plain = sae(W_dec=W_dec, b_dec=b_dec)
    folded = folded_mean_norm(plain, 3.0, 5.0, "the file")
    expected = plain.reconstruct(X * 6**0.5 / 3) * 5 / 3  # the root of nine values is 3
    torch.testing.assert_close(folded.reconstruct(X), expected)


def test_norms_to_divide_by_are_at_least_the_smallest_and_not_infinite() -> None:
    W_dec = torch.tensor([[0.0, 0.0], [0.0, 2e-8], [3.0, 4.0], [1e30, 1e30]])
    expected = torch.tensor([1e-8, 2e-8, 5.0, torch.nan])
    torch.testing.assert_close(divisible_norms(W_dec), expected, equal_nan=True, atol=0, rtol=1e-6)
    half = divisible_norms(W_dec[:3].half())
    assert half.dtype == torch.float32 and half[0] == expected[0]
