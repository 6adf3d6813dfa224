"""Save a trained SAE as a SAELens folder, and measure the saved file.

TopK is saved as such. BatchTopK has no batch when it is used, so it is saved as JumpReLU with one
threshold, as SAELens does: the one that gives k active latents per training token.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from analysis.harvest.hooks import parse_hook_point
from data.recipes.harvest import Harvest, HarvestPlan, read_shard
from data.recipes.sae_state import State, Training

MOST_TIMES_K = 4
"""Most active latents per token in BatchTopK, in multiples of their mean k."""
THRESHOLD_TOKENS = 100_000


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
    if training.architecture != "topk":
        half["threshold"] = batch_threshold(half, training.k, activations)
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
    """Ids and activations [n, places] of the strongest latents, in float32; 0 is inactive."""
    pre = (x - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"]
    if "threshold" not in sae:
        values, ids = pre.topk(k, dim=1, sorted=False)
        return ids, values.relu()
    values, ids = pre.topk(min(MOST_TIMES_K * k, pre.shape[1]), dim=1, sorted=False)
    return ids, torch.where(values > sae["threshold"][0], values, 0).relu()


def batch_threshold(
    half: dict[str, torch.Tensor], k: int, activations: Harvest, tokens: int = THRESHOLD_TOKENS
) -> torch.Tensor:
    """The threshold [F], float16, above which k latents per training token are active on average.

    It is taken over the first shards, about `tokens` tokens.
    """
    sae = {name: w.float() for name, w in half.items()} | {"threshold": torch.zeros(1)}
    strongest: list[torch.Tensor] = []
    counted = 0
    for path in activations.train:
        for x in torch.split(read_shard(path).float(), 2048):
            strongest.append(_encoded(sae, k, x)[1].half().ravel())
            counted += len(x)
        if counted >= tokens:
            break
    values = torch.cat(strongest).float().numpy()
    dropped = max(0, values.size - counted * k - 1)
    threshold = max(0.0, float(np.partition(values, dropped)[dropped]))
    return torch.full((len(sae["b_enc"]),), threshold, dtype=torch.float16)


def saelens_config(
    plan: HarvestPlan, training: Training, activations: Harvest, quality: Quality, d_in: int
) -> dict[str, object]:
    """`cfg.json` as SAELens 6 writes it, with facts about the training under `metadata`."""
    if training.architecture == "topk":
        kind: dict[str, object] = {"architecture": "topk", "k": training.k}
        trained: dict[str, object] = {}
    else:
        kind = {"architecture": "jumprelu"}
        name = "matryoshka_batchtopk" if training.architecture == "matryoshka" else "batchtopk"
        trained = {
            "training_architecture": name,
            "training_architecture_details": {"k": training.k},
        }
    return kind | {
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
            **trained,
            "dataset": f"{activations.counts.kept:,} tokens of {activations.documents:,} documents "
            "in many languages and genres",
            "training": {
                **asdict(training),
                "tokens": activations.counts.kept,
                "documents": activations.documents,
                "special_tokens_left_out": activations.counts.special,
                "sink_positions_left_out": activations.counts.sink_position,
                "sinks_by_norm_left_out": activations.counts.sink_norm,
                "sink_rule": "position 0 of each block, and any norm above "
                f"{plan.sink_norm_ratio:g} x the median",
            },
            "quality": asdict(quality),
        },
    }
