"""Logit effects against a plain matrix product."""

import numpy as np
import pytest
import torch

from analysis.bundle import TABLES
from analysis.latents.logits import logit_effects
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress

F, D, V = 9, 6, 40


@pytest.fixture(scope="module")
def weights() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    W_dec = 3 * rng.normal(size=(F, D)).astype(np.float32)
    W_dec[4] = 0
    return W_dec, rng.normal(size=(D, V)).astype(np.float32) + 5


def test_equals_the_plain_product(weights: tuple[np.ndarray, np.ndarray]) -> None:
    W_dec, unembedding = weights
    table = logit_effects(W_dec, torch.from_numpy(unembedding), [f"t{i}" for i in range(V)], top=3)
    assert table.schema == TABLES["logits"]
    frame = table.to_pandas()
    for latent in range(F):
        rows = frame[frame["latent"] == latent]
        if latent == 4:
            assert rows.empty
            continue
        unit = W_dec[latent] / np.linalg.norm(W_dec[latent])
        effects = unit @ unembedding
        effects = effects - effects.mean()
        order = np.argsort(-effects)
        assert rows["sign"].tolist() == ["positive"] * 3 + ["negative"] * 3
        assert rows["rank"].tolist() == [0, 1, 2] * 2
        expected = [*order[:3], *order[::-1][:3]]
        assert rows["token"].tolist() == [f"t{i}" for i in expected]
        np.testing.assert_allclose(rows["effect"], effects[expected], rtol=1e-4, atol=6e-4)
        rounded = np.round(np.asarray(rows["effect"], dtype=np.float64), 3)
        assert np.array_equal(rows["effect"], rounded.astype(np.float32)), "three decimals"


def test_blocks_change_nothing(weights: tuple[np.ndarray, np.ndarray]) -> None:
    names = [f"t{i}" for i in range(V)]
    whole = logit_effects(*weights, names, top=5).to_pandas()
    steps: list[tuple[str, int, int]] = []
    progress = Progress("effects", lambda *step: steps.append(step))
    cut = logit_effects(*weights, names, top=5, memory_bytes=1, progress=progress).to_pandas()
    assert cut.drop(columns="effect").equals(whole.drop(columns="effect"))
    np.testing.assert_allclose(cut["effect"], whole["effect"], rtol=1e-5)
    assert steps == [("effects", done, F - 1) for done in range(1, F)]


def test_a_model_of_another_width_is_refused(weights: tuple[np.ndarray, np.ndarray]) -> None:
    W_dec, unembedding = weights
    with pytest.raises(InputError, match="choose the model that the SAE"):
        logit_effects(W_dec[:, :-1], unembedding, [f"t{i}" for i in range(V)])
    with pytest.raises(InputError, match="choose the model that the SAE"):
        logit_effects(W_dec, unembedding, ["one"])


def test_nothing_to_describe(weights: tuple[np.ndarray, np.ndarray]) -> None:
    table = logit_effects(np.zeros((2, D), np.float32), weights[1], [f"t{i}" for i in range(V)])
    assert table.num_rows == 0
    assert table.schema == TABLES["logits"]


def test_blocks_fill_the_memory_and_the_last_is_shorter(
    weights: tuple[np.ndarray, np.ndarray],
) -> None:
    steps: list[tuple[str, int, int]] = []
    progress = Progress("effects", lambda *step: steps.append(step))
    # Effects and their copy take 8 bytes a token: three of the eight latents at once.
    names = [f"t{i}" for i in range(V)]
    logit_effects(*weights, names, memory_bytes=3 * 8 * V, progress=progress)
    assert steps == [("effects", done, 8) for done in (3, 6, 8)]


def test_effects_are_stored_to_a_thousandth(weights: tuple[np.ndarray, np.ndarray]) -> None:
    table = logit_effects(*weights, [f"t{i}" for i in range(V)])
    thousandths = table["effect"].to_numpy().astype(np.float64) * 1_000
    np.testing.assert_allclose(thousandths, thousandths.round(), atol=1e-2)


def test_a_small_vocabulary_is_listed_whole_in_both_directions() -> None:
    unembedding = np.array([[1.0, 4.0, 1.5, 0.5]], np.float32)
    table = logit_effects(np.full((1, 1), 2.0, np.float32), unembedding, list("abcd"), top=10)
    assert table["token"].to_pylist() == [*"bcad", *"dacb"]
    assert table["rank"].to_pylist() == [0, 1, 2, 3] * 2


def test_ten_tokens_are_listed_in_each_direction(weights: tuple[np.ndarray, np.ndarray]) -> None:
    table = logit_effects(*weights, [f"t{i}" for i in range(V)])
    assert table.num_rows == (F - 1) * 2 * 10
