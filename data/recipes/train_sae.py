"""Train the demo SAE: a TopK SAE with 8,192 latents on SmolLM2's residual stream.

    python -m data.recipes.train_sae [--corpus FILE] [--out DIR]

Harvest (see `harvest.py`), train, save. Harvest and training resume after an interruption,
and a usable SAELens folder is saved in the cache after every epoch. About two hours on two cores,
and 6 GB of disk for the activations, which are stored in int8.

The objective is half the mean squared error of the reconstruction with exactly k latents (TopK,
Gao et al. 2024), plus their auxiliary loss, with which latents that have not fired recently learn
to reconstruct the residual. Decoder rows have length 1. Training runs on inputs scaled to a
mean norm of sqrt(d). A TopK SAE is homogeneous, so dividing both biases by that scale gives the
same SAE for raw inputs. This SAE is saved: the rows of W_dec keep length 1, and activations are in
the units of the residual stream.
"""

import itertools
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numba
import numpy as np
import torch
import typer

from analysis.runtime.cache_folder import cache_folder
from data.recipes.harvest import Harvest, HarvestPlan, harvest, read_shard, shard_rows
from data.recipes.publish_sae import MOST_TIMES_K, publish
from data.recipes.sae_state import (
    State,
    Training,
    fingerprint,
    read_checkpoint,
    write_checkpoint,
)
from data.recipes.topk_kernels import (
    Floats,
    Ids,
    activation_slopes,
    adam_rows,
    entries_by_latent,
    gradients,
    prefix_errors,
)

LAYER = 8
SAE_NAME = f"smollm2-135m-blocks.{LAYER}.hook_resid_post"
FINAL_DENSITY_TOKENS = 1_000_000
REPORT_STEPS = 50
CHECKPOINT_SECONDS = 240


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
    """One step of Adam on scaled inputs x [n, d], in place.

    Returns the mean squared error of the reconstruction by all latents.
    """
    centred = x - state.b_dec
    ids, values = active_latents(state, training, centred)
    groups = training.groups
    errors, summed = prefix_errors(
        x, state.W_dec, state.b_dec, ids, values, groups, len(training.prefix_ends)
    )
    slopes = activation_slopes(state.W_dec, ids, values, summed, groups)
    starts, places = entries_by_latent(ids, values, training.latents)
    encoder, decoder, bias = gradients(centred, summed, values, slopes, starts, places, groups)
    state.silent_tokens += len(x)
    state.silent_tokens[np.diff(starts) > 0] = 0
    _add_auxiliary(state, training, centred, errors, (encoder, decoder, bias))
    # b_dec shifts the reconstruction up and the encoder's input down.
    shift = summed[:, 0].mean(axis=0) - bias @ state.W_enc
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


def active_latents(state: State, training: Training, centred: Floats) -> tuple[Ids, Floats]:
    """The active latents of each token and their activations [n, places]; 0 is inactive.

    TopK keeps the k strongest of each token. BatchTopK keeps the n k strongest of the batch, at
    most `MOST_TIMES_K` k on one token. The product is bfloat16, four times as fast as float32 on
    processors that have it; its error of about 0.4 % matters only if the last latent that is kept
    and the next one are almost equally strong.
    """
    pre = torch.nn.functional.linear(
        torch.from_numpy(centred).bfloat16(),
        torch.from_numpy(state.W_enc).bfloat16(),
        torch.from_numpy(state.b_enc).bfloat16(),
    )
    per_batch = training.architecture != "topk"
    most = min(training.latents, training.k * (MOST_TIMES_K if per_batch else 1))
    strongest, ids = pre.topk(most, dim=1, sorted=False)
    values: Floats = strongest.float().relu_().numpy()
    if per_batch and most > training.k:
        dropped = values.size - len(values) * training.k
        values[values < np.partition(values.ravel(), dropped)[dropped]] = 0
    return ids.numpy(), values


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
    total = sum(shard_rows(path) for path in activations.train)
    steps_per_epoch = total // training.batch_tokens
    steps = steps_per_epoch * training.epochs
    checkpoint = checkpoints / f"{plan.folder.name}-{fingerprint(training)}.safetensors"
    state = read_checkpoint(checkpoint) or State.fresh(training, mean)
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
                write_checkpoint(checkpoint, state)
                saved = now
        write_checkpoint(checkpoint, state)
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


def main(
    corpus: Annotated[Path | None, typer.Option(help="Training documents.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the SAE.")] = None,
    layer: Annotated[int, typer.Option(help="Layer after which the SAE reads.")] = LAYER,
    train_tokens: Annotated[int, typer.Option(help="Training positions.")] = 10_000_000,
    epochs: Annotated[int, typer.Option(help="Times that each token is seen.")] = 4,
    int8: Annotated[bool, typer.Option(help="Store activations in half the space.")] = True,
    threads: Annotated[int, typer.Option(help="Threads, and processes of the harvest.")] = 2,
) -> None:
    """Harvest, train and save an SAE."""
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.get_num_threads()))
    plan = HarvestPlan(
        corpus=corpus or cache_folder() / "corpus" / "wide.parquet",
        hooks=(f"blocks.{layer}.hook_resid_post",),
        train_tokens=train_tokens,
        stored_as="int8" if int8 else "bfloat16",
    )
    training = Training(epochs=epochs)
    activations = harvest(plan, workers=threads)[plan.hooks[0]]
    checkpoints = cache_folder() / "sae-checkpoints" / f"{plan.folder.name}-{plan.hooks[0]}"
    train(plan, training, activations, checkpoints)
    out = out or Path(__file__).parents[1] / "sae" / SAE_NAME
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(checkpoints / f"epoch-{epochs}", out)


if __name__ == "__main__":
    typer.run(main)
