"""Train the demo SAE: a TopK SAE with 8,192 latents on SmolLM2's residual stream.

    python -m data.recipes.train_sae [--corpus FILE] [--out DIR]

Harvest (see `harvest.py`), train, save. Harvest and training resume after an interruption,
and a usable SAELens folder is saved in the cache after every epoch. About an hour on two cores.

The objective is half the mean squared error of the reconstruction with exactly k latents (TopK,
Gao et al. 2024), plus their auxiliary loss, with which latents that have not fired recently learn
to reconstruct the residual. Decoder rows have length 1. Training runs on inputs scaled to a
mean norm of sqrt(d). A TopK SAE is homogeneous, so dividing both biases by that scale gives the
same SAE for raw inputs. This SAE is saved: the rows of W_dec keep length 1, and activations are in
the units of the residual stream.
"""

import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import torch
import typer
from safetensors.torch import load_file, save_file

from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.models import cache_folder
from data.recipes.harvest import Harvest, HarvestPlan, harvest, read_shard
from data.recipes.topk_kernels import (
    Floats,
    Ids,
    adam_rows,
    entries_by_latent,
    errors_and_slopes,
    gradients,
)

SAE_NAME = "smollm2-135m-blocks.12.hook_resid_post"
FINAL_DENSITY_TOKENS = 1_000_000
REPORT_STEPS = 50
CHECKPOINT_SECONDS = 240
WEIGHTS = ("W_enc", "W_dec", "b_enc", "b_dec")


@dataclass(frozen=True)
class Training:
    """Settings of the training."""

    latents: int = 8192
    k: int = 32
    epochs: int = 5
    batch_tokens: int = 2048
    lr: float = 1e-3
    warmup_steps: int = 200
    decay_from: float = 0.3
    """Fraction of the steps after which the learning rate decays linearly to zero."""
    dead_after_tokens: int = 200_000
    """Tokens without activity after which a latent gets the auxiliary loss."""
    aux_k: int = 64
    aux_weight: float = 1 / 32
    aux_tokens: int = 512
    """Tokens per batch for the auxiliary loss."""
    buffer_shards: int = 48
    """Shards over which rows are shuffled, about 700,000 tokens; bounds the memory."""
    seed: int = 0


@dataclass
class State:
    """The state of the training: float32 arrays for inputs scaled to length sqrt(d)."""

    W_enc: Floats  # [F, d]: transposed, for the kernels
    W_dec: Floats  # [F, d]
    b_enc: Floats  # [F]
    b_dec: Floats  # [d]
    moments: dict[str, Floats]
    silent_tokens: Ids
    """Tokens since each latent last fired [F]."""
    step: int = 0

    @classmethod
    def fresh(cls, training: Training, mean: Floats) -> "State":
        """Random unit decoder rows, the encoder their transpose, b_dec the mean input."""
        generator = np.random.default_rng(training.seed)
        W_dec = generator.standard_normal((training.latents, len(mean)), dtype=np.float32)
        W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
        state = cls(
            W_enc=W_dec.copy(),
            W_dec=W_dec,
            b_enc=np.zeros(training.latents, np.float32),
            b_dec=mean.copy(),
            moments={},
            silent_tokens=np.zeros(training.latents, dtype=np.int64),
        )
        for name in WEIGHTS:
            for moment in ("m", "v"):
                state.moments[f"{name}.{moment}"] = np.zeros_like(getattr(state, name))
        return state


@dataclass(frozen=True)
class Quality:
    """Quality of a saved SAE on held-out activations."""

    heldout_tokens: int
    explained_variance: float
    """1 - sum |x - x_hat|^2 / sum |x - mean|^2 over the held-out tokens."""
    l0: float
    density_tokens: int
    """Tokens over which densities are measured, from the end of the training data."""
    dead_fraction: float


# --- training ----------------------------------------------------------------------------------


def input_scale(shards: Sequence[Path]) -> tuple[float, Floats]:
    """The factor that gives inputs a mean norm of sqrt(d), and the mean of the scaled inputs."""
    x = torch.cat([read_shard(path).float() for path in shards[:4]])
    scale = float(np.sqrt(x.shape[1]) / x.norm(dim=1).mean())
    return scale, (x.mean(dim=0) * scale).numpy()


def training_batches(
    shards: Sequence[Path], training: Training, epoch: int
) -> Iterator[torch.Tensor]:
    """Shuffled batches [batch_tokens, d], bfloat16, of one epoch; the same for the same seed."""
    generator = torch.Generator().manual_seed(training.seed * 1000 + epoch)
    order = torch.randperm(len(shards), generator=generator).tolist()
    left = torch.empty(0)
    for start in range(0, len(order), training.buffer_shards):
        parts = [read_shard(shards[i]) for i in order[start : start + training.buffer_shards]]
        buffer = torch.cat(([left] if len(left) else []) + parts)
        del parts
        rows = torch.randperm(len(buffer), generator=generator)
        full = len(rows) // training.batch_tokens
        for chosen in rows[: full * training.batch_tokens].view(full, training.batch_tokens):
            yield buffer[chosen]
        left = buffer[rows[full * training.batch_tokens :]]


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Linear warm-up, a plateau, then linear decay to zero; `step` counts from 1."""
    decay_start = training.decay_from * steps
    decay = min(1.0, (steps - step + 1) / max(1.0, steps - decay_start))
    return training.lr * min(1.0, step / training.warmup_steps) * decay


def training_step(state: State, training: Training, x: Floats, lr: float) -> float:
    """One step of Adam on scaled inputs x [n, d], in place; returns the mean squared error."""
    centred = x - state.b_dec
    ids, values = _strongest(state, training.k, centred)
    errors, slopes = errors_and_slopes(x, state.W_dec, state.b_dec, ids, values)
    starts, places = entries_by_latent(ids, values, training.latents)
    encoder, decoder, bias = gradients(centred, errors, values, slopes, starts, places)
    state.silent_tokens += len(x)
    state.silent_tokens[np.diff(starts) > 0] = 0
    _add_auxiliary(state, training, centred, errors, (encoder, decoder, bias))
    # b_dec shifts the reconstruction up and the encoder's input down.
    shift = errors.mean(axis=0) - bias @ state.W_enc
    state.step += 1
    for name, gradient in (
        ("W_enc", encoder),
        ("W_dec", decoder),
        ("b_enc", bias[None]),
        ("b_dec", shift[None]),
    ):
        weights = np.atleast_2d(getattr(state, name))
        m, v = (np.atleast_2d(state.moments[f"{name}.{moment}"]) for moment in ("m", "v"))
        adam_rows(weights, gradient, m, v, lr, state.step, name == "W_dec")
    return float(np.square(errors).sum(axis=1).mean())


def _strongest(state: State, k: int, centred: Floats) -> tuple[Ids, Floats]:
    """The k strongest latents of each token and their activations [n, k].

    The product is bfloat16, four times as fast as float32 on processors that have it; its error of
    about 0.4 % matters only if the k-th and the next latent are almost equally strong.
    """
    pre = torch.nn.functional.linear(
        torch.from_numpy(centred).bfloat16(),
        torch.from_numpy(state.W_enc).bfloat16(),
        torch.from_numpy(state.b_enc).bfloat16(),
    )
    values, ids = pre.topk(k, dim=1, sorted=False)
    return ids.numpy(), values.float().relu_().numpy()


def _add_auxiliary(
    state: State,
    training: Training,
    centred: Floats,
    errors: Floats,
    gradient: tuple[Floats, Floats, Floats],
) -> None:
    """Add the gradients of the auxiliary loss for silent latents (Gao et al. 2024, A.2)."""
    silent = np.flatnonzero(state.silent_tokens > training.dead_after_tokens)
    if not len(silent):
        return
    x = torch.from_numpy(centred[: training.aux_tokens])
    missing = torch.from_numpy(-errors[: training.aux_tokens])
    weights = [
        torch.from_numpy(array[silent]).requires_grad_()
        for array in (state.W_enc, state.W_dec, state.b_enc)
    ]
    W_enc, W_dec, b_enc = weights
    values, ids = (x @ W_enc.T + b_enc).topk(min(training.aux_k, len(silent)), dim=1)
    acts = torch.zeros(len(x), len(silent)).scatter(1, ids, values.relu())
    loss = 0.5 * (acts @ W_dec - missing).square().sum(dim=1).mean()
    (training.aux_weight * loss).backward()
    for total, weight in zip(gradient, weights, strict=True):
        if weight.grad is not None:
            total[silent] += weight.grad.numpy()


def train(plan: HarvestPlan, training: Training, activations: Harvest, checkpoints: Path) -> State:
    """Train to the end, from the last checkpoint if there is one; save after every epoch."""
    scale, mean = input_scale(activations.train)
    total = sum(np.load(path, mmap_mode="r").shape[0] for path in activations.train)
    steps_per_epoch = total // training.batch_tokens
    steps = steps_per_epoch * training.epochs
    checkpoint = checkpoints / f"{plan.folder.name}-{_fingerprint(training)}.safetensors"
    state = _read_checkpoint(checkpoint) or State.fresh(training, mean)
    variance = float(np.square(_sample(activations.train) * scale - mean).sum(axis=1).mean())
    # The folder of an epoch is missing if the run was interrupted right after its last step.
    for epoch in range(max(0, state.step - 1) // steps_per_epoch, training.epochs):
        todo = range(state.step - epoch * steps_per_epoch, steps_per_epoch)
        epoch_batches = training_batches(activations.train, training, epoch) if todo else iter(())
        saved = reported = time.monotonic()
        for batch in itertools.islice(epoch_batches, todo.start, todo.stop):
            lr = learning_rate(training, state.step + 1, steps)
            error = training_step(state, training, (batch.float() * scale).numpy(), lr)
            now = time.monotonic()
            if state.step % REPORT_STEPS == 0:
                rate = REPORT_STEPS * training.batch_tokens / (now - reported)
                _report(state, training, steps, 1 - error / variance, rate)
                reported = now
            if now - saved > CHECKPOINT_SECONDS:
                _write_checkpoint(checkpoint, state)
                saved = now
        _write_checkpoint(checkpoint, state)
        folder = checkpoints / f"epoch-{epoch + 1}"
        last = epoch + 1 == training.epochs
        density_tokens = FINAL_DENSITY_TOKENS if last else FINAL_DENSITY_TOKENS // 10
        publish(state, scale, plan, training, activations, folder, density_tokens)
    return state


def _report(state: State, training: Training, steps: int, explained: float, rate: float) -> None:
    silent = int((state.silent_tokens > training.dead_after_tokens).sum())
    print(
        f"train: step {state.step}/{steps}, explained variance of this batch {explained:.3f}, "
        f"silent latents {silent}, {rate:,.0f} tokens/s, "
        f"{(steps - state.step) * training.batch_tokens / rate / 60:.0f} min left",
        flush=True,
    )


def _sample(shards: Sequence[Path]) -> Floats:
    rows: Floats = read_shard(shards[0]).float().numpy()
    return rows


def _fingerprint(training: Training) -> str:
    return "-".join(str(getattr(training, field.name)) for field in fields(training))


def _write_checkpoint(path: Path, state: State) -> None:
    tensors = {name: getattr(state, name) for name in WEIGHTS}
    tensors |= state.moments | {"silent_tokens": state.silent_tokens}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(
        {name: torch.from_numpy(array) for name, array in tensors.items()}
        | {"step": torch.tensor(state.step)},
        temporary,
    )
    temporary.rename(path)


def _read_checkpoint(path: Path) -> State | None:
    if not path.exists():
        return None
    arrays = {name: tensor.numpy() for name, tensor in load_file(path).items()}
    step = int(arrays.pop("step"))
    moments = {name: arrays.pop(name) for name in list(arrays) if name.endswith((".m", ".v"))}
    return State(**arrays, moments=moments, step=step)


# --- saving ------------------------------------------------------------------------------------


def publish(
    state: State,
    scale: float,
    plan: HarvestPlan,
    training: Training,
    activations: Harvest,
    folder: Path,
    density_tokens: int,
) -> Quality:
    """Save a SAELens folder for raw inputs in float16, with quality measured on the saved file.

    `cfg.json` contains the training settings and the quality; `sparsity.safetensors` contains the
    log10 density of each latent, as in SAELens. The folder is written by one rename.
    """
    partial = folder.with_name(f".{folder.name}-{os.getpid()}")
    partial.mkdir(parents=True)
    weights = {
        "W_enc": state.W_enc.T,
        "W_dec": state.W_dec,
        "b_enc": state.b_enc / scale,
        "b_dec": state.b_dec / scale,
    }
    half = {name: torch.from_numpy(w.copy()).half().contiguous() for name, w in weights.items()}
    save_file(half, partial / "sae_weights.safetensors")
    quality, density = measured(partial, training.k, activations, density_tokens)
    sparsity = torch.from_numpy(np.log10(density + 1e-10)).float()
    save_file({"sparsity": sparsity}, partial / "sparsity.safetensors")
    config = saelens_config(plan, training, activations, quality, state.W_dec.shape[1])
    (partial / "cfg.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    print(f"saved {folder}: {quality}", flush=True)
    return quality


def measured(
    folder: Path, k: int, activations: Harvest, density_tokens: int
) -> tuple[Quality, npt.NDArray[np.float64]]:
    """Quality of the saved file on held-out tokens, and densities [F] over training tokens."""
    sae = {name: w.float() for name, w in load_file(folder / "sae_weights.safetensors").items()}
    total = torch.zeros(sae["b_dec"].shape, dtype=torch.float64)
    squares = error = fired = 0.0
    tokens = 0
    for path in activations.heldout:
        for x in torch.split(read_shard(path).float(), 2048):
            ids, values = _encoded(sae, k, x)
            decoded = torch.nn.functional.embedding_bag(
                ids, sae["W_dec"], mode="sum", per_sample_weights=values
            )
            residual = x - decoded - sae["b_dec"]
            total += x.double().sum(dim=0)
            squares += float(x.double().square().sum())
            error += float(residual.double().square().sum())
            fired += float((values > 0).sum())
            tokens += len(x)
    variance = squares - float(total.square().sum()) / tokens
    counts = torch.zeros(sae["b_enc"].shape, dtype=torch.float64)
    counted = 0
    for path in reversed(activations.train):
        if counted >= density_tokens:
            break
        for x in torch.split(read_shard(path).float(), 2048):
            ids, values = _encoded(sae, k, x)
            counts += torch.bincount(ids[values > 0], minlength=len(counts))
            counted += len(x)
    quality = Quality(
        heldout_tokens=tokens,
        explained_variance=1 - error / variance,
        l0=fired / tokens,
        density_tokens=counted,
        dead_fraction=float((counts == 0).double().mean()),
    )
    return quality, (counts / max(1, counted)).numpy()


def _encoded(
    sae: dict[str, torch.Tensor], k: int, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and activations [n, k] of the strongest latents, in float32; 0 is inactive."""
    pre = (x - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"]
    values, ids = pre.topk(k, dim=1, sorted=False)
    return ids, values.relu()


def saelens_config(
    plan: HarvestPlan, training: Training, activations: Harvest, quality: Quality, d_in: int
) -> dict[str, object]:
    """`cfg.json` as SAELens 6 writes it, with facts about the training under `metadata`."""
    return {
        "architecture": "topk",
        "k": training.k,
        "d_in": d_in,
        "d_sae": training.latents,
        "dtype": "float16",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "rescale_acts_by_decoder_norm": False,
        "metadata": {
            "sae_lens_version": "6.54.0",
            "sae_lens_training_version": None,
            "hook_name": plan.hooks[0],
            "hf_hook_name": parse_hook_point(plan.hooks[0]).module,
            "model_name": "SmolLM2-135M-Instruct (Q4_1, dequantised)",
            "clearwater_model": plan.model,
            "context_size": plan.block_tokens,
            "prepend_bos": False,
            "dataset": "Clearwater's training corpus (data/recipes/corpus.py)",
            "training": {
                **asdict(training),
                "tokens": activations.counts.kept,
                "documents": activations.documents,
                "special_tokens_left_out": activations.counts.special,
                "sink_positions_left_out": activations.counts.sink_position,
                "sinks_by_norm_left_out": activations.counts.sink_norm,
                "sink_rule": "position 0 of each block, and any norm above 100 x the median",
            },
            "quality": asdict(quality),
        },
    }


def main(corpus: Path | None = None, out: Path | None = None, threads: int = 2) -> None:
    """Harvest, train and save the demo's SAE."""
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    plan = HarvestPlan(corpus=corpus or cache_folder() / "corpus" / "train.parquet")
    training = Training()
    activations = harvest(plan, workers=threads)[plan.hooks[0]]
    checkpoints = cache_folder() / "sae-checkpoints"
    train(plan, training, activations, checkpoints)
    out = out or Path(__file__).parents[1] / "sae" / SAE_NAME
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(checkpoints / f"epoch-{training.epochs}", out)


if __name__ == "__main__":
    typer.run(main)
