"""The training recipe: gradients equal autograd, planted latents are recovered, saved files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis.harvest.mask import MaskCounts
from analysis.saes import load_sae
from data.recipes.harvest import Harvest, HarvestPlan, read_shard
from data.recipes.publish_sae import batch_threshold, measured
from data.recipes.sae_state import Architecture, State, Training
from data.recipes.topk_kernels import (
    activation_slopes,
    adam_rows,
    entries_by_latent,
    gradients,
    prefix_errors,
)
from data.recipes.train_sae import (
    FINAL_DENSITY_TOKENS,
    _add_auxiliary,
    active_latents,
    learning_rate,
    train,
    training_batches,
    training_step,
)

TOKENS, LATENTS, D, K = 40, 24, 16, 4


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread: arrays this small do not benefit from a second one."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    numba.set_num_threads(before[1])


def unit_rows(generator: np.random.Generator, rows: int, d: int) -> np.ndarray:
    matrix = generator.standard_normal((rows, d)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.mark.parametrize("architecture", ["topk", "matryoshka"])
def test_gradients_equal_autograd(architecture: Architecture) -> None:
    generator = np.random.default_rng(1)
    training = Training(architecture=architecture, latents=LATENTS)
    x = generator.standard_normal((TOKENS, D)).astype(np.float32)
    arrays = {
        "W_enc": unit_rows(generator, LATENTS, D),
        "W_dec": unit_rows(generator, LATENTS, D),
        "b_enc": (generator.standard_normal(LATENTS) * 0.1).astype(np.float32),
        "b_dec": (generator.standard_normal(D) * 0.1).astype(np.float32),
    }
    p = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    centred = torch.tensor(x) - p["b_dec"]
    values, ids = (centred @ p["W_enc"].T + p["b_enc"]).topk(K, dim=1)
    acts = torch.zeros(TOKENS, LATENTS).scatter(1, ids, values.relu())
    ends = training.prefix_ends
    assert ends == ((24,) if architecture == "topk" else (1, 3, 6, 12, 24))
    losses = [
        0.5
        * (acts[:, :end] @ p["W_dec"][:end] + p["b_dec"] - torch.tensor(x)).square().sum(1).mean()
        for end in ends
    ]
    (sum(losses, torch.zeros(())) / len(losses)).backward()

    active = values.relu().detach().numpy()
    groups = training.groups
    errors, summed = prefix_errors(
        x, arrays["W_dec"], arrays["b_dec"], ids.numpy(), active, groups, len(ends)
    )
    slopes = activation_slopes(arrays["W_dec"], ids.numpy(), active, summed, groups)
    last = float(losses[-1].detach())
    assert float(np.square(errors).sum(1).mean()) == pytest.approx(2 * last, rel=1e-5)
    starts, places = entries_by_latent(ids.numpy(), active, LATENTS)
    encoder, decoder, bias = gradients(
        x - arrays["b_dec"], summed, active, slopes, starts, places, groups
    )
    shift = summed[:, 0].mean(axis=0) - bias @ arrays["W_enc"]
    for ours, name in ((encoder, "W_enc"), (decoder, "W_dec"), (bias, "b_enc"), (shift, "b_dec")):
        gradient = p[name].grad
        assert gradient is not None
        np.testing.assert_allclose(ours, gradient.numpy(), atol=2e-6, err_msg=name)


def test_the_groups_of_a_matryoshka_are_its_prefixes() -> None:
    training = Training(architecture="matryoshka", latents=32)
    assert training.prefix_ends == (2, 4, 8, 16, 32)
    assert np.bincount(training.groups).tolist() == [2, 2, 4, 8, 16]
    assert set(Training(latents=32).groups) == {0}


def test_batch_topk_keeps_the_strongest_of_the_batch() -> None:
    generator = np.random.default_rng(6)
    training = Training(architecture="batchtopk", latents=LATENTS, k=K)
    state = State.fresh(training, np.zeros(D, np.float32))
    x = generator.standard_normal((TOKENS, D)).astype(np.float32)
    x[: TOKENS // 2] *= 3  # these tokens get more latents
    ids, values = active_latents(state, training, x)
    pre = (torch.tensor(x).bfloat16() @ torch.tensor(state.W_enc).bfloat16().T).float().numpy()
    threshold = np.sort(pre, axis=None)[-TOKENS * K]
    expected = np.where(pre >= threshold, pre, 0)
    acts = np.zeros_like(pre)
    np.put_along_axis(acts, ids, values, axis=1)
    np.testing.assert_allclose(acts, expected, atol=0.05)
    counts = (acts > 0).sum(axis=1)
    assert abs(counts.sum() - TOKENS * K) <= 3  # ties of bfloat16
    assert counts[: TOKENS // 2].mean() > 1.5 * counts[TOKENS // 2 :].mean()


def test_entries_are_all_active_places_sorted_by_latent() -> None:
    ids = np.array([[2, 0], [0, 1], [2, 3]])
    values = np.array([[1, 0.5], [0, 2], [3, 4]], np.float32)
    starts, places = entries_by_latent(ids, values, 5)
    assert starts.tolist() == [0, 1, 2, 4, 5, 5]
    assert places.tolist() == [1, 3, 0, 4, 5]


def test_adam_equals_torch() -> None:
    generator = np.random.default_rng(2)
    weights = generator.standard_normal((6, D)).astype(np.float32)
    reference = torch.tensor(weights.copy(), requires_grad=True)
    optimiser = torch.optim.Adam([reference], lr=1e-2)
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, 8):
        gradient = generator.standard_normal(weights.shape).astype(np.float32)
        reference.grad = torch.tensor(gradient)
        optimiser.step()
        adam_rows(weights, gradient, m, v, 1e-2, step, False)
    np.testing.assert_allclose(weights, reference.detach().numpy(), atol=1e-5)


def test_adam_keeps_unit_rows_and_ignores_the_gradient_along_them() -> None:
    generator = np.random.default_rng(3)
    weights = unit_rows(generator, 6, D)
    before = weights.copy()
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    adam_rows(weights, 3 * before, m, v, 1e-3, 1, True)
    # After the projection, a gradient along the row is only rounding error.
    np.testing.assert_allclose(m, 0, atol=1e-6)
    adam_rows(
        weights, generator.standard_normal(before.shape).astype(np.float32), m, v, 0.1, 2, True
    )
    np.testing.assert_allclose(np.linalg.norm(weights, axis=1), 1, atol=1e-5)
    assert np.abs(weights - before).max() > 0.01


def test_auxiliary_loss_changes_only_silent_latents() -> None:
    generator = np.random.default_rng(4)
    training = Training(latents=LATENTS, k=K, aux_k=2, aux_tokens=TOKENS, dead_after_tokens=10)
    state = State.fresh(training, np.zeros(D, np.float32))
    state.silent_tokens[[3, 7]] = 11
    x = generator.standard_normal((TOKENS, D)).astype(np.float32)
    gradient = (
        np.zeros((LATENTS, D), np.float32),
        np.zeros((LATENTS, D), np.float32),
        np.zeros(LATENTS, np.float32),
    )
    _add_auxiliary(state, training, x, -x, gradient)
    assert np.flatnonzero(np.abs(gradient[1]).sum(axis=1)).tolist() == [3, 7]
    # After a small gradient step, the two latents explain more of the residual.
    before = unexplained(state, x)
    state.W_enc -= 0.1 * gradient[0]
    state.W_dec -= 0.1 * gradient[1]
    state.b_enc -= 0.1 * gradient[2]
    assert unexplained(state, x) < before


def unexplained(state: State, x: np.ndarray) -> float:
    acts = np.maximum(x @ state.W_enc[[3, 7]].T + state.b_enc[[3, 7]], 0)
    return float(np.square(acts @ state.W_dec[[3, 7]] - x).sum())


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    training = Training(lr=1.0, warmup_steps=10, decay_from=0.5)
    rates = [learning_rate(training, step, 100) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[49] == 1.0
    assert rates[-1] == pytest.approx(0.02)
    assert rates[50:] == sorted(rates[50:], reverse=True)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Harvest]:
    """Activations made of 24 unit directions, four per token, with a norm far from sqrt(d)."""
    generator = np.random.default_rng(5)
    directions = unit_rows(generator, LATENTS, 32)
    folder = tmp_path_factory.mktemp("shards")
    paths = []
    for number in range(5):
        acts = np.zeros((4096, LATENTS), np.float32)
        for row in acts:
            row[generator.choice(LATENTS, K, replace=False)] = generator.uniform(50, 150, K)
        x = torch.from_numpy(acts @ directions + 20).bfloat16()
        paths.append(folder / f"train-{number}.npy")
        np.save(paths[-1], x.view(torch.int16).numpy())
    counts = MaskCounts(kept=4 * 4096)
    return directions, Harvest(tuple(paths[:4]), (paths[4],), counts, documents=9)


TRAINING = Training(
    latents=32, k=K, epochs=6, batch_tokens=128, lr=1e-2, warmup_steps=20, dead_after_tokens=2000
)


@pytest.fixture(scope="module")
def trained(
    planted: tuple[np.ndarray, Harvest], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, State]:
    folder = tmp_path_factory.mktemp("checkpoints")
    corpus = folder / "corpus.txt"
    corpus.write_text("only its hash is used")
    return folder, train(HarvestPlan(corpus=corpus), TRAINING, planted[1], folder)


def test_training_finds_planted_directions(
    planted: tuple[np.ndarray, Harvest], trained: tuple[Path, State]
) -> None:
    cosines = planted[0] @ trained[1].W_dec.T
    assert np.mean(cosines.max(axis=1) > 0.95) > 0.9


def test_saved_folder_reconstructs_raw_inputs(
    planted: tuple[np.ndarray, Harvest], trained: tuple[Path, State]
) -> None:
    """The scale is folded in: the plain equation of SAELens on unscaled inputs."""
    folder = trained[0] / f"epoch-{TRAINING.epochs}"
    config = json.loads((folder / "cfg.json").read_text())
    assert config["architecture"] == "topk"
    assert config["normalize_activations"] == "none"
    sae = load_file(folder / "sae_weights.safetensors")
    assert {name: (w.dtype, tuple(w.shape)) for name, w in sae.items()} == {
        "W_enc": (torch.float16, (32, 32)),
        "W_dec": (torch.float16, (32, 32)),
        "b_enc": (torch.float16, (32,)),
        "b_dec": (torch.float16, (32,)),
    }
    w = {name: tensor.float().numpy() for name, tensor in sae.items()}
    x = torch.from_numpy(np.load(planted[1].heldout[0])).view(torch.bfloat16).float().numpy()
    pre = (x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]
    threshold = np.sort(pre, axis=1)[:, -K][:, None]
    acts = np.where((pre >= threshold) & (pre > 0), pre, 0)
    error = np.square(x - acts @ w["W_dec"] - w["b_dec"]).sum()
    explained = 1 - error / np.square(x - x.mean(axis=0)).sum()
    assert explained > 0.9
    assert config["metadata"]["quality"]["explained_variance"] == pytest.approx(explained, abs=1e-4)
    density = (acts > 0).mean()
    assert config["metadata"]["quality"]["l0"] == pytest.approx(density * 32, abs=1e-3)


@pytest.mark.parametrize("architecture", ["batchtopk", "matryoshka"])
def test_batch_topk_is_saved_with_the_threshold_of_its_k(
    planted: tuple[np.ndarray, Harvest], tmp_path: Path, architecture: Architecture
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("only its hash is used")
    training = replace(TRAINING, architecture=architecture, epochs=3)
    state = train(HarvestPlan(corpus=corpus), training, planted[1], tmp_path)
    folder = tmp_path / "epoch-3"
    sae = load_sae(folder)
    assert sae.architecture == "jumprelu"
    x = torch.cat([read_shard(path).float() for path in planted[1].train])
    acts = sae.encode(x).numpy()
    assert (acts > 0).sum(axis=1).mean() == pytest.approx(K, rel=0.05)
    config = json.loads((folder / "cfg.json").read_text())
    assert config["metadata"]["quality"]["explained_variance"] > 0.8
    assert config["metadata"]["quality"]["l0"] == pytest.approx(K, rel=0.1)
    assert config["metadata"]["training_architecture_details"] == {"k": K}
    if architecture == "matryoshka":
        # Its first latents alone reconstruct more than those of the same number elsewhere.
        early = acts.copy()
        early[:, 16:] = 0
        late = acts.copy()
        late[:, :16] = 0
        assert np.square(early @ state.W_dec).sum() > np.square(late @ state.W_dec).sum()


def test_the_threshold_gives_k_active_latents(planted: tuple[np.ndarray, Harvest]) -> None:
    generator = torch.Generator().manual_seed(3)
    sae = {
        "W_enc": torch.randn(32, 64, generator=generator).half(),
        "b_enc": torch.zeros(64).half(),
        "b_dec": torch.full((32,), 20.0).half(),
    }
    theta = batch_threshold(sae, 4, planted[1])
    x = torch.cat([read_shard(path).float() for path in planted[1].train])
    pre = (x - 20) @ sae["W_enc"].float()
    assert theta.shape == (64,)
    assert float((pre > theta.float()).sum(dim=1).float().mean()) == pytest.approx(4, rel=0.1)


def test_sparsity_file_holds_log_densities(
    planted: tuple[np.ndarray, Harvest], trained: tuple[Path, State]
) -> None:
    folder = trained[0] / f"epoch-{TRAINING.epochs}"
    sparsity = load_file(folder / "sparsity.safetensors")["sparsity"].numpy()
    quality, density = measured(folder, K, planted[1], FINAL_DENSITY_TOKENS)
    np.testing.assert_allclose(10**sparsity, density, atol=1e-6)
    assert quality.dead_fraction == np.mean(density == 0)


def test_training_resumes_where_it_was_interrupted(
    planted: tuple[np.ndarray, Harvest],
    trained: tuple[Path, State],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("only its hash is used")
    plan = HarvestPlan(corpus=corpus)
    calls = 0

    def interrupted(*arguments: object) -> float:
        nonlocal calls
        calls += 1
        if calls == 300:  # in the third epoch of 128 steps
            raise KeyboardInterrupt
        return training_step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("data.recipes.train_sae.training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(plan, TRAINING, planted[1], tmp_path)
    again = train(plan, TRAINING, planted[1], tmp_path)
    assert again.step == trained[1].step
    # Training resumed after the second epoch: 256 steps were not repeated.
    assert calls == 300 + TRAINING.epochs * 128 - 256
    np.testing.assert_allclose(again.W_dec, trained[1].W_dec, atol=1e-5)


def test_batches_contain_every_row_once_and_are_reproducible(
    planted: tuple[np.ndarray, Harvest],
) -> None:
    training = Training(batch_tokens=1000, buffer_shards=2)
    batches = list(training_batches(planted[1].train, training, epoch=1))
    assert [len(batch) for batch in batches] == [1000] * 16
    rows = torch.cat(batches).float().numpy()
    stored = np.concatenate(
        [torch.from_numpy(np.load(p)).view(torch.bfloat16).float() for p in planted[1].train]
    )
    seen = {row.tobytes() for row in rows}
    assert len(seen) > 15_900  # rows are nearly unique, and none is repeated
    assert seen <= {row.tobytes() for row in stored}
    again = list(training_batches(planted[1].train, training, epoch=1))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))
    other = next(iter(training_batches(planted[1].train, training, epoch=2)))
    assert not torch.equal(batches[0], other)
