"""Encode and decode against the equations in NumPy, in double precision."""

import dataclasses
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from analysis.saes.sparse_autoencoder import Gate, Normalisation, SparseAutoencoder

D, F, N = 6, 12, 5
Array = npt.NDArray[np.float64]
RNG = np.random.default_rng(4)
W: dict[str, Array] = {
    "W_enc": RNG.standard_normal((D, F)),
    "W_dec": RNG.standard_normal((F, D)),
    "b_enc": 0.3 * RNG.standard_normal(F),
    "b_dec": 0.3 * RNG.standard_normal(D),
}
X: Array = RNG.standard_normal((N, D))
THRESHOLD: Array = RNG.uniform(0.2, 1.0, F)


def sae_of(**changes: Any) -> SparseAutoencoder:
    weights = {name: torch.tensor(value) for name, value in W.items()}
    settings: dict[str, Any] = {"architecture": "standard", **weights, **changes}
    return SparseAutoencoder(format="test", **settings)


def encoded(sae: SparseAutoencoder, x: Array = X) -> Array:
    acts = sae.encode(torch.tensor(x)).numpy()
    rows, latents, values = sae.encode_sparse(torch.tensor(x))
    dense = np.zeros_like(acts)
    dense[rows.numpy(), latents.numpy()] = values.numpy()
    np.testing.assert_allclose(dense, acts, rtol=1e-6)
    assert (values > 0).all()
    order = rows.numpy() * F + latents.numpy()
    assert (np.diff(order) > 0).all()
    return np.asarray(acts)


def close(actual: Any, expected: Array) -> None:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-9, atol=1e-12)


def test_standard() -> None:
    acts = np.maximum(X @ W["W_enc"] + W["b_enc"], 0)
    close(encoded(sae_of()), acts)
    close(sae_of().decode(torch.tensor(acts)), acts @ W["W_dec"] + W["b_dec"])
    close(sae_of().reconstruct(torch.tensor(X)), acts @ W["W_dec"] + W["b_dec"])


def test_b_dec_is_subtracted_from_the_input() -> None:
    acts = np.maximum((X - W["b_dec"]) @ W["W_enc"] + W["b_enc"], 0)
    close(encoded(sae_of(applies_b_dec_to_input=True)), acts)


def test_jumprelu_is_open_above_its_threshold_only() -> None:
    hidden = X @ W["W_enc"] + W["b_enc"]
    sae = sae_of(architecture="jumprelu", threshold=torch.tensor(THRESHOLD))
    close(encoded(sae), np.where(hidden > THRESHOLD, hidden, 0))
    at = torch.tensor(W["b_enc"]).clamp(min=0.1)
    closed = sae_of(architecture="jumprelu", b_enc=at, threshold=at)
    assert not closed.encode(torch.zeros(1, D, dtype=torch.float64)).any()


def test_topk_keeps_the_k_largest_and_no_negative_value() -> None:
    hidden = X @ W["W_enc"] + W["b_enc"]
    for k in (3, F):
        expected = np.zeros_like(hidden)
        for row, values in enumerate(hidden):
            kept = np.argsort(-values)[:k]
            expected[row, kept] = np.maximum(values[kept], 0)
        close(encoded(sae_of(architecture="topk", k=k)), expected)


def test_topk_may_rank_by_another_scale() -> None:
    hidden, scale = X @ W["W_enc"] + W["b_enc"], np.linspace(3, 0.1, F)
    expected = np.zeros_like(hidden)
    for row, values in enumerate(hidden):
        kept = np.argsort(-values * scale)[:3]
        expected[row, kept] = np.maximum(values[kept], 0)
    close(encoded(sae_of(architecture="topk", k=3, selection_scale=torch.tensor(scale))), expected)


def test_topk_may_keep_one_latent_of_each_group() -> None:
    hidden = X @ W["W_enc"] + W["b_enc"]
    expected = np.zeros_like(hidden)
    for row, values in enumerate(hidden):
        for group in range(3):
            best = 4 * group + int(values[4 * group : 4 * group + 4].argmax())
            expected[row, best] = max(values[best], 0)
    close(encoded(sae_of(architecture="topk", k=3, one_per_group=True)), expected)


def test_gated() -> None:
    gate = {name: 0.5 * RNG.standard_normal(F) for name in ("b_gate", "r_mag", "b_mag")}
    written = X @ W["W_enc"]
    magnitude = np.maximum(written * np.exp(gate["r_mag"]) + gate["b_mag"], 0)
    sae = sae_of(architecture="gated", gate=Gate(**{k: torch.tensor(v) for k, v in gate.items()}))
    close(encoded(sae), magnitude * (written + gate["b_gate"] > 0))


def standardised(x: Array) -> tuple[Array, Array, Array]:
    mean, deviation = x.mean(1, keepdims=True), x.std(1, ddof=1, keepdims=True)
    return (x - mean) / (deviation + 1e-5), deviation, mean


def of_constant_norm(x: Array) -> tuple[Array, Array, Array]:
    factor = np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(D)
    return x / factor, factor, np.zeros((len(x), 1))


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("name", ["none", "constant_norm_rescale", "layer_norm"])
def test_normalisation_and_centring_are_undone(name: Normalisation, centre: bool) -> None:
    shift = X.mean(1, keepdims=True) * centre
    z, scale, mean = X - shift, np.ones((N, 1)), np.zeros((N, 1))
    if name == "layer_norm":
        z, scale, mean = standardised(z)
    elif name == "constant_norm_rescale":
        z, scale, mean = of_constant_norm(z)
    acts = np.maximum(z @ W["W_enc"] + W["b_enc"], 0)
    sae = sae_of(normalisation=name, centre_input=centre)
    close(encoded(sae), acts)
    output = (acts @ W["W_dec"] + W["b_dec"]) * scale + mean + shift
    close(sae.reconstruct(torch.tensor(X)), output)
    rows, latents, values = sae.encode_sparse(torch.tensor(X))
    sparse = sae.decode_sparse(rows, latents, values, torch.tensor(X))
    np.testing.assert_allclose(sparse.numpy(), output, rtol=1e-5, atol=1e-5)
    if name != "none" or centre:
        with pytest.raises(ValueError, match="needs the inputs x"):
            sae.decode(torch.tensor(acts))


def test_a_transcoder_undoes_nothing_and_adds_its_skip_connection() -> None:
    skip = RNG.standard_normal((D, D))
    sae = sae_of(normalisation="layer_norm", undoes_normalisation=False, W_skip=torch.tensor(skip))
    acts = np.maximum(standardised(X)[0] @ W["W_enc"] + W["b_enc"], 0)
    close(sae.reconstruct(torch.tensor(X)), acts @ W["W_dec"] + W["b_dec"] + X @ skip.T)
    assert not sae.is_autoencoder


def test_a_token_without_activations_is_decoded_to_the_bias() -> None:
    sae = sae_of(b_enc=torch.full((F,), -1e6, dtype=torch.float64))
    rows, latents, values = sae.encode_sparse(torch.tensor(X))
    assert len(rows) == 0
    output = sae.decode_sparse(rows, latents, values, torch.tensor(X))
    close(output, np.tile(W["b_dec"], (N, 1)))


def test_a_zero_token_stays_zero() -> None:
    sae = sae_of(normalisation="constant_norm_rescale")
    acts = encoded(sae, np.zeros((1, D)))
    close(acts, np.maximum(W["b_enc"], 0)[None])
    assert torch.isfinite(sae.reconstruct(torch.zeros(1, D, dtype=torch.float64))).all()


def test_heads_are_concatenated_and_other_widths_are_refused() -> None:
    heads = torch.tensor(X).reshape(N, 2, D // 2)
    close(sae_of().encode(heads), encoded(sae_of()))
    with pytest.raises(ValueError, match="reads 6 values per token, but the activations have 5"):
        sae_of().encode(torch.zeros(1, 5))


def test_topk_needs_k() -> None:
    with pytest.raises(ValueError, match="needs k"):
        sae_of(architecture="topk").encode(torch.tensor(X))


def test_decoder_norms() -> None:
    norms = sae_of().decoder_norms()
    assert norms.dtype == torch.float32
    np.testing.assert_allclose(norms, np.sqrt((W["W_dec"] ** 2).sum(1)), rtol=1e-6)


def test_the_hash_changes_with_what_shapes_an_activation() -> None:
    other = W["b_enc"].copy()
    other[3] += 1e-3
    variants: list[dict[str, Any]] = [
        {},
        {"b_enc": torch.tensor(other)},
        {"applies_b_dec_to_input": True},
        {"normalisation": "layer_norm"},
        {"centre_input": True},
        {"architecture": "topk", "k": 3},
        {"architecture": "topk", "k": 4},
        {"architecture": "topk", "k": 3, "one_per_group": True},
        {"undoes_normalisation": False},
    ]
    assert len({sae_of(**changes).content_hash for changes in variants}) == len(variants)


def test_the_decoder_hash_is_that_of_the_decoder_matrix_only() -> None:
    shape = f"W_dec[{F}, {D}]".encode()
    expected = hashlib.sha256(shape + W["W_dec"].astype("<f4").tobytes()).hexdigest()
    assert sae_of().decoder_hash == expected
    other_reading = sae_of(normalisation="layer_norm", b_dec=torch.ones(D, dtype=torch.float64))
    assert other_reading.decoder_hash == expected
    assert other_reading.content_hash != sae_of().content_hash
    swapped = torch.tensor(W["W_dec"][::-1].copy())
    assert sae_of(W_dec=swapped).decoder_hash != expected


def test_the_hash_ignores_names_and_notes() -> None:
    named = sae_of(hook_point="blocks.1.hook_resid_post", model_name="tiny").noting("A note.")
    assert named.content_hash == sae_of().content_hash
    assert named.notes == ["A note."] and sae_of().notes == []
    assert dataclasses.replace(named, notes=[]).notes == []


def test_the_advertised_l0_is_k_or_what_the_file_states() -> None:
    assert sae_of(architecture="topk", k=3).advertised_l0 == 3
    assert sae_of(metadata={"advertised_l0": 71}).advertised_l0 == 71
    assert sae_of(metadata={"advertised_l0": "many"}).advertised_l0 is None
    assert sae_of().advertised_l0 is None


def test_what_reads_and_writes_one_hook_point_is_an_autoencoder() -> None:
    assert sae_of().is_autoencoder
    assert sae_of(hook_point="a", hook_point_out="a").is_autoencoder
    assert not sae_of(hook_point="a", hook_point_out="b").is_autoencoder
    assert not sae_of(W_dec=torch.zeros(F, D + 1)).is_autoencoder


def test_a_gate_at_exactly_zero_is_closed() -> None:
    zero, one = torch.zeros(F, dtype=torch.float64), torch.ones(F, dtype=torch.float64)
    sae = sae_of(architecture="gated", gate=Gate(b_gate=zero, r_mag=zero, b_mag=one))
    assert not sae.encode(torch.zeros(1, D, dtype=torch.float64)).any()


def test_an_l0_that_the_file_states_precedes_k() -> None:
    assert sae_of(architecture="topk", k=3, metadata={"advertised_l0": 2.5}).advertised_l0 == 2.5


def test_every_weight_is_moved_to_the_device() -> None:
    vector = torch.ones(3)
    sae = SparseAutoencoder(
        format="test",
        architecture="gated",
        W_enc=torch.ones(2, 3),
        W_dec=torch.ones(3, 2),
        b_enc=vector,
        b_dec=torch.ones(2),
        threshold=vector,
        selection_scale=vector,
        W_skip=torch.ones(2, 2),
        gate=Gate(vector, vector, vector),
        notes=["kept"],
    )
    moved = sae.on(torch.device("meta"))
    assert [name for name, tensor in moved.tensors() if not tensor.is_meta] == []
    assert [name for name, _ in moved.tensors()] == [name for name, _ in sae.tensors()]
    assert (moved.notes, moved.architecture) == (["kept"], "gated")
    assert sae.on(torch.device("cpu")) is sae
