"""Make the reference SAEs in `tests/oracles/saelens/` with SAELens itself.

    python -m venv /tmp/oracle && /tmp/oracle/bin/pip install torch==2.13.0 sae-lens==6.54.12
    /tmp/oracle/bin/python -m tests.oracles.make_saelens_reference

Each folder holds what SAELens' own save wrote, and `reference.safetensors`: inputs x, and SAELens'
encode and reconstruction of them. Weights and inputs come from a seeded generator; the inputs look
like a residual stream (a mean vector, a few directions of large variance, token norms that vary by
a factor of ten). The folders `residual_*` have the width of SmolLM2 and were run on the first 24
rows of `residual_stream.safetensors`, which are not stored again. SAELens is too large a
requirement for a test run, hence the stored outputs.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from sae_lens import SAE, TrainingSAE
from sae_lens.saes.sae import SAEMetadata
from safetensors.torch import load_file, save_file

D_IN, D_SAE, TOKENS, HEADS = 32, 64, 16, 4
ROOT = Path(__file__).parent / "saelens"
REAL_D_SAE, REAL_TOKENS = 32, 24
REAL_INPUTS = Path(__file__).parent / "residual_stream.safetensors"
NORMALISATIONS = ("none", "constant_norm_rescale", "layer_norm", "expected_average_only_in")


def cases() -> dict[str, dict[str, Any]]:
    """Name of each folder, and what differs from a standard SAE in its configuration."""
    plain: dict[str, dict[str, Any]] = {
        "standard_no_b_dec": {"architecture": "standard", "apply_b_dec_to_input": False},
        "topk_rescaled": {"architecture": "topk", "k": 8, "rescale_acts_by_decoder_norm": True},
        "topk_hook_z": {"architecture": "topk", "k": 8, "reshape_activations": "hook_z"},
        "standard_hook_z_layer_norm": {
            "architecture": "standard",
            "reshape_activations": "hook_z",
            "normalize_activations": "layer_norm",
        },
    }
    for architecture in ("standard", "gated", "jumprelu", "topk"):
        for normalisation in NORMALISATIONS:
            change = {"architecture": architecture, "normalize_activations": normalisation}
            plain[f"{architecture}_{normalisation}"] = change | (
                {"k": 8} if architecture == "topk" else {}
            )
    for name in (
        "transcoder",
        "skip_transcoder",
        "jumprelu_transcoder",
        "jumprelu_skip_transcoder",
    ):
        plain[name] = {"architecture": name, "apply_b_dec_to_input": False, "d_out": 20}
    plain["transcoder_layer_norm"] = plain["transcoder"] | {"normalize_activations": "layer_norm"}
    return plain


def residual_cases() -> dict[str, dict[str, Any]]:
    """Name and configuration of the folders that are run on real activations."""
    real = {
        f"{architecture}_{normalisation}": {
            "architecture": architecture,
            "normalize_activations": normalisation,
            **({"k": 8} if architecture == "topk" else {}),
        }
        for architecture in ("standard", "gated", "jumprelu", "topk")
        for normalisation in NORMALISATIONS[:3]
    }
    others = ("standard_no_b_dec", "topk_rescaled", "topk_expected_average_only_in")
    transcoders = ("transcoder", "jumprelu_transcoder", "transcoder_layer_norm")
    everything = cases()
    real |= {name: everything[name] for name in (*others, *transcoders)}
    return {f"residual_{name}": change | {"d_sae": REAL_D_SAE} for name, change in real.items()}


def residual_like(generator: torch.Generator) -> torch.Tensor:
    """Inputs [TOKENS, D_IN] with the skewed norms and shared mean of a residual stream."""
    directions = (
        torch.randn(D_IN, D_IN, generator=generator) * torch.logspace(0.5, -1, D_IN)[:, None]
    )
    tokens = torch.randn(TOKENS, D_IN, generator=generator) @ directions
    scale = torch.logspace(-0.5, 0.5, TOKENS)[:, None]
    return (tokens + 2 * torch.randn(D_IN, generator=generator)) * scale


def randomise(sae: Any, generator: torch.Generator, weight: float = 0.3) -> Any:
    """Random values in every weight, matrices of deviation `weight`, so that each one matters."""
    for name, tensor in sae.named_parameters():
        noise = torch.randn(tensor.shape, generator=generator)
        size = weight if name.startswith("W") else 0.1
        tensor.data = noise * size if name != "threshold" else noise.abs() * 0.5
    return sae


def config_of(change: dict[str, Any]) -> dict[str, Any]:
    """A SAELens 6 configuration."""
    hook = "blocks.3.attn.hook_z" if "reshape_activations" in change else "blocks.3.hook_resid_post"
    config = {"d_in": D_IN, "d_sae": D_SAE, "metadata": SAEMetadata().to_dict(), **change}
    config["metadata"] |= {"model_name": "gpt2-small", "hook_name": hook}
    return config


def store(
    folder: Path, sae: Any, x: torch.Tensor, *, by_heads: bool = False, with_x: bool = True
) -> None:
    """SAELens' encode and reconstruction of x, beside what it saved; cfg.json made readable."""
    given = x.reshape(len(x), HEADS, -1) if by_heads else x
    with torch.no_grad():
        encoded = sae.encode(given).clone()
        output = sae(given).reshape(len(x), -1).contiguous()
    reference = {"encoded": encoded, "reconstructed": output} | ({"x": x} if with_x else {})
    save_file(reference, folder / "reference.safetensors")
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps(config, indent=1) + "\n")


def store_training(
    name: str, scale: float | None, generator: torch.Generator, **change: Any
) -> None:
    """A checkpoint from the middle of training; the reference is the SAE it would end as.

    A `scale` is stored in activation_scaler.json and not yet folded into the weights.
    """
    sae = randomise(TrainingSAE.from_dict(config_of(change)), generator)
    if "topk" in change["architecture"]:
        sae.topk_threshold = torch.tensor(1.25, dtype=torch.double)
    folder, finished = ROOT / name, ROOT / "finished"
    sae.save_model(folder)
    if scale is not None:
        (folder / "activation_scaler.json").write_text(json.dumps({"scaling_factor": scale}))
        sae.fold_activation_norm_scaling_factor(scale)
    sae.save_inference_model(finished)
    store(folder, SAE.load_from_disk(finished), residual_like(generator))
    shutil.rmtree(finished)


def store_old(name: str, generator: torch.Generator, **old: Any) -> None:
    """A folder in the words of SAELens before version 6, and how SAELens 6 understands it."""
    folder = ROOT / name
    randomise(SAE.from_dict(config_of({"architecture": "standard"})), generator).save_model(folder)
    config = {"d_in": D_IN, "d_sae": D_SAE, "dtype": "torch.float32", "device": "cpu", **old}
    config |= {"model_name": "gpt2-small", "hook_point": "blocks.3.hook_resid_pre"}
    (folder / "cfg.json").write_text(json.dumps(config))
    store(folder, SAE.load_from_disk(folder), residual_like(generator))


def main() -> None:
    """Write every reference folder."""
    for number, (name, change) in enumerate(cases().items()):
        generator = torch.Generator().manual_seed(number)
        sae = randomise(SAE.from_dict(config_of(change)), generator)
        sae.save_model(ROOT / name)
        store(ROOT / name, sae, residual_like(generator), by_heads="reshape_activations" in change)
    real = load_file(REAL_INPUTS)["x"][:REAL_TOKENS]
    for number, (name, change) in enumerate(residual_cases().items()):
        generator = torch.Generator().manual_seed(2000 + number)
        config = config_of(change) | {"d_in": real.shape[1]}
        # Small weights: pre-activations are close to 0 and to the thresholds.
        sae = randomise(SAE.from_dict(config), generator, weight=0.02)
        sae.save_model(ROOT / name)
        store(ROOT / name, sae, real, with_x=False)
    generator = torch.Generator().manual_seed(1000)
    matryoshka = {"architecture": "matryoshka_batchtopk", "matryoshka_widths": [16, D_SAE]}
    mean_norm = {"normalize_activations": "expected_average_only_in"}
    rescaled = {"rescale_acts_by_decoder_norm": True}
    store_training("checkpoint_batchtopk", None, generator, architecture="batchtopk", k=8)
    store_training("checkpoint_matryoshka", None, generator, **matryoshka, k=8, **rescaled)
    store_training("checkpoint_scaled", 0.4, generator, architecture="jumprelu", **mean_norm)
    store_training(
        "checkpoint_scaled_batchtopk", 0.4, generator, **matryoshka, k=8, **rescaled, **mean_norm
    )
    store_old("old_standard", generator, normalize_activations=False)
    topk = {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 8}}
    store_old("old_topk", generator, **topk, apply_b_dec_to_input=False)
    sys.stdout.write(f"{len(list(ROOT.iterdir()))} folders in {ROOT}\n")


if __name__ == "__main__":
    main()
