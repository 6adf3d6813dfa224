"""Settings of the user change the SAE, and each change is noted."""

from typing import Any

import numpy as np
import pytest
import torch

from analysis.runtime.errors import InputError
from analysis.saes.overrides import Overrides
from analysis.saes.sparse_autoencoder import SparseAutoencoder

D, F = 4, 7
GENERATOR = torch.Generator().manual_seed(2)
W_ENC = torch.randn(D, F, generator=GENERATOR, dtype=torch.float64)
W_DEC = torch.randn(F, D, generator=GENERATOR, dtype=torch.float64)
B_ENC, B_DEC = torch.linspace(-0.2, 0.2, F).double(), torch.linspace(0.1, 0.4, D).double()
X = torch.randn(6, D, generator=GENERATOR, dtype=torch.float64)


def sae_of(**changes: Any) -> SparseAutoencoder:
    settings: dict[str, Any] = {"W_dec": W_DEC, "b_dec": B_DEC, **changes}
    return SparseAutoencoder(
        format="test", architecture="standard", W_enc=W_ENC, b_enc=B_ENC, **settings
    )


def test_no_setting_changes_nothing() -> None:
    sae = sae_of()
    assert Overrides().applied(sae) is sae


@pytest.mark.parametrize(
    ("setting", "before", "after", "note"),
    [
        (
            {"centre_input": True},
            {},
            {"centre_input": True},
            "Centring of the input was switched on",
        ),
        ({"centre_input": False}, {"centre_input": True}, {"centre_input": False}, "switched off"),
        (
            {"subtract_b_dec": True},
            {},
            {"applies_b_dec_to_input": True},
            "Subtracting b_dec from the input was switched on",
        ),
        (
            {"subtract_b_dec": False},
            {"applies_b_dec_to_input": True},
            {"applies_b_dec_to_input": False},
            "switched off",
        ),
        (
            {"normalise": "layer_norm"},
            {},
            {"normalisation": "layer_norm"},
            "The normalisation was set to layer_norm",
        ),
    ],
)
def test_a_setting_is_applied_and_noted(
    setting: dict[str, Any], before: dict[str, Any], after: dict[str, Any], note: str
) -> None:
    changed = Overrides(**setting).applied(sae_of(**before))
    (written,) = changed.notes
    assert note in written and written.endswith(", as requested.")
    assert changed.content_hash == sae_of(**after).content_hash
    assert torch.equal(changed.encode(X), sae_of(**after).encode(X))
    same = sae_of(**after)
    assert Overrides(**setting).applied(same) is same


def test_a_transpose_is_only_noted_because_reading_applies_it() -> None:
    changed = Overrides(transpose=True).applied(sae_of())
    assert changed.notes == ["Both matrices were transposed, as requested."]
    assert changed.content_hash == sae_of().content_hash
    assert Overrides(transpose=False).applied(sae_of()).notes == []


def test_an_input_scale_multiplies_inputs_and_divides_outputs() -> None:
    x, scale = X.numpy(), 2.5
    acts = np.maximum(scale * x @ W_ENC.numpy() + B_ENC.numpy(), 0)
    output = (acts @ W_DEC.numpy() + B_DEC.numpy()) / scale
    changed = Overrides(input_scale=scale).applied(sae_of())
    np.testing.assert_allclose(changed.reconstruct(X).numpy(), output, rtol=1e-9)
    assert "The requested input scale 2.5 was folded into the weights." in changed.notes


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_that_is_not_positive_is_refused(scale: float) -> None:
    with pytest.raises(InputError, match="--input-scale"):
        Overrides(input_scale=scale).applied(sae_of())


def test_an_unknown_normalisation_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'softmax' is unknown; choose one of none, constant_"):
        Overrides(normalise="softmax").applied(sae_of())


def test_a_bias_of_another_width_cannot_be_subtracted() -> None:
    for width in (9, 3):
        other = sae_of(W_dec=torch.zeros(F, width), b_dec=torch.zeros(width))
        with pytest.raises(InputError, match=f"b_dec has {width} values and the input 4"):
            Overrides(subtract_b_dec=True).applied(other)
