"""Reading the four weights under a format's names and orientation."""

from pathlib import Path

import pytest
import torch

from analysis.runtime.errors import InputError
from analysis.saes import Overrides, load_sae
from analysis.saes.weights import TORCH_LINEAR, WeightNames, kept_latents, positive, scalar
from tests.analysis.saes.cases import CASES, TARGET, D, F, changed, tensors_of, write


def test_shapes_follow_the_orientation() -> None:
    assert WeightNames(d_out="d_out", more={"threshold": "d_sae"}).shapes() == {
        "W_enc": "d_in d_sae",
        "W_dec": "d_sae d_out",
        "b_enc": "d_sae",
        "b_dec": "d_out",
        "threshold": "d_sae",
    }
    assert TORCH_LINEAR.shapes() == {
        "encoder.weight": "d_sae d_in",
        "decoder.weight": "d_in d_sae",
        "encoder.bias": "d_sae",
        "decoder.bias": "d_in",
    }
    assert WeightNames(W_dec=None, b_enc=None, b_dec=None).shapes() == {"W_enc": "d_in d_sae"}


def test_transpose_swaps_the_orientation_of_both_matrices(tmp_path: Path) -> None:
    turned = changed("neel", shapes=TARGET | {"W_enc": (F, D), "W_dec": (D, F)})
    file = write(turned, tmp_path)
    with pytest.raises(InputError, match="must belong to one SAE"):
        load_sae(file, allow_pickle=True)
    sae = load_sae(file, Overrides(transpose=True), allow_pickle=True)
    stored = tensors_of(turned)
    assert torch.equal(sae.W_enc, stored["W_enc"].T) and torch.equal(sae.W_dec, stored["W_dec"].T)


def test_the_error_for_a_needless_transpose_gives_advice(tmp_path: Path) -> None:
    file = write(CASES["neel"], tmp_path)
    with pytest.raises(InputError, match="it was read with --transpose: try without"):
        load_sae(file, Overrides(transpose=True), allow_pickle=True)


def test_a_square_transpose_is_taken_on_trust(tmp_path: Path) -> None:
    square = changed(
        "goodfire", shapes={name: (D,) * len(s) for name, s in CASES["goodfire"].shapes.items()}
    )
    file = write(square, tmp_path)
    plain, turned = (
        load_sae(file, Overrides(transpose=t), allow_pickle=True) for t in (None, True)
    )
    assert torch.equal(plain.W_enc, turned.W_enc.T) and not torch.equal(plain.W_enc, turned.W_enc)


@pytest.mark.parametrize("k", [None, 0, -1, 31])
def test_k_must_be_between_1_and_the_number_of_latents(k: int | None) -> None:
    with pytest.raises(InputError, match="needs k between 1 and 30"):
        kept_latents(k, 30, "file")
    assert (kept_latents(1, 30, "file"), kept_latents(30, 30, "file")) == (1, 30)


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_must_be_positive_and_finite(value: float | None) -> None:
    with pytest.raises(InputError, match="must be a positive number"):
        positive(value, "norm", "file")
    assert positive(0.5, "norm", "file") == 0.5


def test_a_scalar_has_one_element() -> None:
    assert scalar(torch.tensor([2.5]), "file") == 2.5
    with pytest.raises(InputError, match=r"the shape \[2\]"):
        scalar(torch.zeros(2), "file")
