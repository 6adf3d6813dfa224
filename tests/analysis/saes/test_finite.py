"""Every weight of an SAE is finite, as stored and as computed, in every format."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.runtime.errors import InputError
from analysis.saes import Overrides, SparseAutoencoder, load_sae
from analysis.saes.checks import TensorInfo
from analysis.saes.finite import check_assembled, check_finite, count_not_finite
from analysis.saes.sparse_autoencoder import Gate
from analysis.saes.tensors import TensorFile
from tests.analysis.saes.cases import CASES, Case, inputs, tensors_of, write
from tests.analysis.saes.test_mutations import read_all, write_all

LARGEST = 3e38
"""Finite in float32 and bfloat16; its square is not."""


def spoilt(case: Case, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file of a case with changed tensors."""
    file = write(case, folder)
    tensors = read_all(file)
    change(tensors)
    write_all(file, tensors)
    return file


def matrices(case: Case) -> list[str]:
    """The encoder and decoder matrices of a case, by the names of its file."""
    stored = {k: v for k, v in tensors_of(case).items() if isinstance(v, torch.Tensor)}
    return [name for name, value in stored.items() if value.ndim == 2 and "skip" not in name]


def refused(file: Path, **options: Any) -> str:
    """The message, one sentence that names the file."""
    with pytest.raises(InputError) as caught:
        load_sae(file, allow_pickle=True, **options)
    message = str(caught.value)
    assert message.startswith(f"{file}: ") and message.endswith(".") and "\n" not in message
    return message


def assert_finite(sae: SparseAutoencoder) -> None:
    assert all(tensor.isfinite().all() for _, tensor in sae.tensors())
    assert sae.decoder_norms().isfinite().all()


@pytest.mark.parametrize("name", CASES)
def test_a_huge_value_in_a_matrix_is_refused(name: str, tmp_path: Path) -> None:
    """Whether it overflows when scales are folded in, or in the norm of its latent."""
    for matrix in matrices(CASES[name]):

        def enlarge(tensors: dict[str, Any], matrix: str = matrix) -> None:
            tensors[matrix] = tensors[matrix].clone()
            tensors[matrix][3, 2] = LARGEST

        message = refused(spoilt(CASES[name], tmp_path / matrix, enlarge))
        assert f"the largest stored value is 3e+38 in '{matrix}'" in message


@pytest.mark.parametrize("name", CASES)
def test_a_huge_value_in_a_vector_is_refused_or_stays_finite(name: str, tmp_path: Path) -> None:
    tensors = {k: v for k, v in tensors_of(CASES[name]).items() if isinstance(v, torch.Tensor)}
    for vector in [k for k, v in tensors.items() if v.is_floating_point() and v.ndim < 2]:

        def enlarge(tensors: dict[str, Any], vector: str = vector) -> None:
            tensors[vector] = tensors[vector].clone()
            tensors[vector].view(-1)[0] = LARGEST

        file = spoilt(CASES[name], tmp_path / vector, enlarge)
        try:
            sae = load_sae(file, allow_pickle=True)
        except InputError as error:
            assert str(file) in str(error) and "\n" not in str(error)
        else:
            assert_finite(sae)


@pytest.mark.parametrize("small", [0.0, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", CASES)
def test_latents_without_a_decoder_vector_stay_finite(
    name: str, dtype: torch.dtype, small: float, tmp_path: Path
) -> None:
    """Every decoder vector, so that each scale is divided by a norm of zero."""
    decoder = matrices(CASES[name])[-1]

    def shrink(tensors: dict[str, Any]) -> None:
        tensors[decoder] = torch.full_like(tensors[decoder], small)

    file = spoilt(CASES[name], tmp_path, shrink)
    if dtype == torch.float32:
        sae = load_sae(file, allow_pickle=True)
        assert_finite(sae)
        assert sae.encode(inputs()).isfinite().all() and sae.reconstruct(inputs()).isfinite().all()
        return
    try:  # a threshold divided by the smallest norm has no half-precision number
        assert_finite(load_sae(file, allow_pickle=True, dtype=dtype))
    except InputError as error:
        assert "threshold has" in str(error)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("dtype", "value"),
    [(torch.float32, 1e300), (torch.float16, 7e4), (torch.bfloat16, 3.4e38)],
)
def test_a_value_beyond_the_number_type_is_refused(
    name: str, dtype: torch.dtype, value: float, tmp_path: Path
) -> None:
    matrix = matrices(CASES[name])[0]

    def enlarge(tensors: dict[str, Any]) -> None:
        tensors[matrix] = tensors[matrix].double()
        tensors[matrix][1, 1] = value

    number_type = str(dtype).removeprefix("torch.")
    expected = f"'{matrix}' holds 1 value that is NaN or infinite in {number_type},"
    assert expected in refused(spoilt(CASES[name], tmp_path, enlarge), dtype=dtype)


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16])
def test_a_value_that_is_no_number_is_found_in_a_file_of_half_precision(
    stored: torch.dtype, tmp_path: Path
) -> None:
    case = CASES["dl_auto_encoder"]

    def spoil(tensors: dict[str, Any]) -> None:
        for name, tensor in tensors.items():
            tensors[name] = tensor.to(stored)
        tensors["encoder.weight"][2, 1] = float("nan")

    message = refused(spoilt(case, tmp_path, spoil))
    assert "tensor 'encoder.weight' holds 1 value that is NaN or infinite" in message


def test_one_huge_decoder_value_does_not_spread_while_normalising(tmp_path: Path) -> None:
    """dictionary_learning scales W_enc and b_enc by the norm, which is infinite here."""

    def enlarge(tensors: dict[str, Any]) -> None:
        tensors["decoder.weight"][0, 5] = LARGEST

    message = refused(spoilt(CASES["dl_auto_encoder"], tmp_path, enlarge))
    assert "W_enc has 12 values that are NaN or infinite after its scales were applied" in message


def test_a_scale_of_the_command_line_is_checked_too(tmp_path: Path) -> None:
    file = write(CASES["neel"], tmp_path)
    assert "after its scales were applied" in refused(file, overrides=Overrides(input_scale=1e39))


def stored(**tensors: torch.Tensor) -> TensorFile:
    kinds = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}
    infos = {k: TensorInfo(tuple(v.shape), kinds[v.dtype]) for k, v in tensors.items()}
    return TensorFile(Path("file"), infos, tensors.__getitem__)


def sae_of(**changes: Any) -> SparseAutoencoder:
    weights: dict[str, Any] = {
        "W_enc": torch.ones(4, 6),
        "W_dec": torch.ones(6, 4),
        "b_enc": torch.ones(6),
        "b_dec": torch.ones(4),
    }
    return SparseAutoencoder(format="test", architecture="standard", **(weights | changes))


FILE = stored(w=torch.tensor([1.0, -2.5]), count=torch.tensor([7]), on=torch.tensor([True]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b_enc": torch.tensor([1.0, np.nan, np.inf, 1, 1, 1])}, "b_enc has 2 values that are"),
        ({"b_dec": torch.tensor([1.0, np.nan, 1, 1])}, "b_dec has 1 value that is NaN"),
        ({"threshold": torch.full((6,), np.inf)}, "threshold has 6 values"),
        ({"selection_scale": torch.full((6,), np.nan)}, "selection_scale has 6 values"),
        ({"W_skip": torch.full((4, 4), -np.inf)}, "W_skip has 16 values"),
        ({"gate": Gate(torch.ones(6), torch.full((6,), 89.0), torch.ones(6))}, "exp(r_mag) has 6"),
        ({"W_dec": torch.ones(6, 4).index_fill_(0, torch.tensor(2), 1e19)}, "latent 2 in W_dec"),
        ({"W_enc": torch.ones(4, 6).index_fill_(1, torch.tensor(4), 1e19)}, "latent 4 in W_enc"),
    ],
)
def test_each_weight_is_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^file: .*{re.escape(message)}") as caught:
        check_assembled(sae_of(**changes), FILE)
    assert "the largest stored value is 2.5 in 'w'" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Norms of 1.8e19 have finite squares, although the sum over the matrix has not.
        {"W_dec": torch.full((6, 4), 9e18)},
        {"W_enc": torch.full((4, 6), 9e18)},
        {"threshold": torch.full((6,), 1e30)},
        {"gate": Gate(torch.ones(6), torch.full((6,), 88.0), torch.ones(6))},
    ],
)
def test_large_finite_weights_are_accepted(changes: dict[str, Any]) -> None:
    check_assembled(sae_of(**changes), FILE)


def test_values_are_counted_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.saes.finite.CHECKED_AT_ONCE", 8)
    tensor = torch.ones(10, 4)
    tensor[0, 0], tensor[5, 1], tensor[9, 3] = np.nan, np.inf, -np.inf
    assert count_not_finite(tensor) == 3
    assert count_not_finite(torch.tensor(np.nan)) == 1
    assert count_not_finite(torch.tensor([1e5, 1.0]), torch.float16) == 1
    assert count_not_finite(torch.zeros(0, 3)) == 0


def test_a_finite_tensor_passes_in_its_type() -> None:
    check_finite(Path("file"), "w", torch.tensor([65504.0]), torch.float16)
    with pytest.raises(InputError, match=r"^file: tensor 'w' holds 1 value that is .* in float16,"):
        check_finite(Path("file"), "w", torch.tensor([65536.0]), torch.float16)
