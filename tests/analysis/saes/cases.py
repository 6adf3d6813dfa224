"""Every format as a small saved SAE on disk, with the published equation that it should follow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from tests.oracles import equations

D, F, N = 12, 30, 24
LINEAR = {
    "encoder.weight": (F, D),
    "encoder.bias": (F,),
    "decoder.weight": (D, F),
    "decoder.bias": (D,),
}
TARGET = {"W_enc": (D, F), "W_dec": (F, D), "b_enc": (F,), "b_dec": (D,)}
SHORT = {"W_E": (D, F), "W_D": (F, D), "b_E": (F,), "b_D": (D,)}
LOG_JUMP = "activation_function.log_jumprelu_threshold"
HOOK = "blocks.3.hook_resid_post"


def linear(**renamed: str) -> dict[str, tuple[int, ...]]:
    return {renamed.get(name.replace(".", "_"), name): shape for name, shape in LINEAR.items()}


@dataclass(frozen=True)
class Case:
    """One saved SAE: its files, and the equation that it should follow."""

    format: str
    file: str
    shapes: Mapping[str, tuple[int, ...]]
    equation: Callable[..., equations.Result]
    config: Mapping[str, Any] | None = None
    config_file: str = "config.json"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    """Tensors and other values that are not random."""
    spread: float = 0.5
    """Deviation of the random matrices."""


def trainer(name: str, **more: Any) -> dict[str, Any]:
    return {
        "trainer": {
            "dict_class": name,
            "activation_dim": D,
            "dict_size": F,
            "layer": 3,
            "lm_name": "EleutherAI/pythia-70m",
            "submodule_name": "resid_post_layer_3",
            **more,
        }
    }


def llamascopium_config(**more: Any) -> dict[str, Any]:
    return {
        "sae_type": "sae",
        "d_model": D,
        "expansion_factor": F / D,
        "act_fn": "relu",
        "norm_activation": "inference",
        "hook_point_in": HOOK,
        "hook_point_out": HOOK,
        **more,
    }


def batch_config(kind: str, **more: Any) -> dict[str, Any]:
    widths = {"act_size": D, "dict_size": F, "top_k": 5, "hook_point": HOOK}
    return {**widths, "sae_type": kind, "input_unit_norm": False, **more}


NORMS = {
    f"dataset_average_activation_norm.{HOOK}": torch.tensor(5.0),
    "dataset_average_activation_norm.blocks.3.hook_mlp_out": torch.tensor(2.0),
}
HYPERPARAMETERS = {
    "d_model": D,
    "d_sae": F,
    "hook_point_in": HOOK,
    "hook_point_out": HOOK,
    "jump_relu_threshold": 0.4,
    "act_fn": "jumprelu",
    "dataset_average_activation_norm": {"in": 5.0, "out": 5.0},
}
TRANSCODER = HYPERPARAMETERS | {
    "hook_point_in": "blocks.3.ln2.hook_normalized",
    "hook_point_out": "blocks.3.hook_mlp_out",
    "dataset_average_activation_norm": {"in": 5.0, "out": 2.0},
}
R1 = {
    "sae_type": "sae",
    "d_model": D,
    "act_fn": "jumprelu",
    "norm_activation": "dataset-wise",
    "hook_point_in": HOOK,
    "hook_point_out": HOOK,
}
TOPK_STRINGS = {"activation": "TopK", "activation_state_dict": {"k": 5, "postact_fn": "ReLU"}}
OPENAI = {
    "pre_bias": (D,),
    "encoder.weight": (F, D),
    "latent_bias": (F,),
    "decoder.weight": (D, F),
    "latents_mean_square": (F,),
}
CASES = {
    "gemma_scope": Case(
        "gemma_scope",
        "gemma-scope-2b-pt-res/layer_3/width_16k/average_l0_5/params.npz",
        TARGET | {"threshold": (F,)},
        equations.gemma_scope,
    ),
    "gemma_scope_embedding": Case(
        "gemma_scope",
        "gemma-scope-2b-pt-res/embedding/width_4k/average_l0_5/params.npz",
        TARGET | {"threshold": (F,)},
        equations.gemma_scope_embedding,
    ),
    "gemma_scope_2": Case(
        "gemma_scope_2",
        "params.safetensors",
        {"w_enc": (D, F), "w_dec": (F, D), "b_enc": (F,), "b_dec": (D,), "threshold": (F,)},
        equations.gemma_scope_2,
        {"architecture": "jump_relu", "hf_hook_point_in": "model.layers.3.output"},
    ),
    "gemma_scope_2_skip": Case(
        "gemma_scope_2",
        "params.safetensors",
        {"w_enc": (D, F), "w_dec": (F, 9), "b_enc": (F,), "b_dec": (9,), "threshold": (F,)}
        | {"affine_skip_connection": (D, 9)},
        equations.gemma_scope_2,
        {
            "architecture": "jump_relu",
            "hf_hook_point_in": "model.layers.3.pre_feedforward_layernorm.output",
            "hf_hook_point_out": "model.layers.3.post_feedforward_layernorm.output",
        },
    ),
    "dl_auto_encoder": Case(
        "dictionary_learning",
        "ae.pt",
        linear(decoder_bias="bias"),
        equations.dl_auto_encoder,
        trainer("AutoEncoder"),
    ),
    "dl_auto_encoder_alone": Case(
        "dictionary_learning", "ae.pt", linear(decoder_bias="bias"), equations.dl_auto_encoder
    ),
    "dl_auto_encoder_new": Case(
        "dictionary_learning", "ae.pt", LINEAR, equations.linear_layers, trainer("AutoEncoderNew")
    ),
    "dl_gated": Case(
        "dictionary_learning",
        "ae.pt",
        {"encoder.weight": (F, D), "decoder.weight": (D, F), "decoder_bias": (D,)}
        | {"r_mag": (F,), "gate_bias": (F,), "mag_bias": (F,)},
        equations.dl_gated,
        trainer("GatedAutoEncoder"),
    ),
    "dl_jump": Case(
        "dictionary_learning",
        "ae.pt",
        TARGET | {"threshold": (F,)},
        equations.gemma_scope,
        trainer("JumpReluAutoEncoder"),
    ),
    "dl_top_k": Case(
        "dictionary_learning",
        "ae.pt",
        linear(decoder_bias="b_dec"),
        equations.dl_top_k,
        trainer("AutoEncoderTopK", k=5),
        arguments={"k": 5},
        given={"k": torch.tensor(5), "threshold": torch.tensor(-1.0)},
    ),
    "dl_batch_top_k": Case(
        "dictionary_learning",
        "ae.pt",
        linear(decoder_bias="b_dec"),
        equations.dl_batch_top_k,
        trainer("BatchTopKSAE", k=5),
        given={"k": torch.tensor(5), "threshold": torch.tensor(0.7)},
    ),
    "dl_matryoshka": Case(
        "dictionary_learning",
        "ae.pt",
        TARGET,
        equations.dl_matryoshka,
        trainer("MatryoshkaBatchTopKSAE", k=5),
        given={
            "k": torch.tensor(5),
            "threshold": torch.tensor(0.7),
            "group_sizes": torch.tensor([10, 20]),
        },
    ),
    "openai_topk": Case(
        "openai",
        "5.pt",
        OPENAI,
        equations.openai,
        arguments={"k": 5},
        given=TOPK_STRINGS | {"stats_last_nonzero": torch.zeros(F, dtype=torch.long)},
    ),
    "openai_relu_tied": Case(
        "openai",
        "5.pt",
        {name: shape for name, shape in OPENAI.items() if name != "decoder.weight"},
        equations.openai,
        arguments={"tied": True},
        given={"activation": "ReLU"},
    ),
    "llama_scope": Case(
        "llama_scope",
        "checkpoints/final.safetensors",
        LINEAR,
        equations.llama_scope,
        HYPERPARAMETERS,
        "hyperparams.json",
        {"threshold": 0.4, "norm_in": 5.0, "norm_out": 5.0},
    ),
    "llama_scope_transcoder": Case(
        "llama_scope",
        "checkpoints/final.safetensors",
        LINEAR,
        equations.llama_scope,
        TRANSCODER | {"sparsity_include_decoder_norm": True},
        "hyperparams.json",
        {"threshold": 0.4, "norm_in": 5.0, "norm_out": 2.0},
    ),
    "llama_scope_transcoder_plain": Case(
        "llama_scope",
        "checkpoints/final.safetensors",
        LINEAR,
        equations.llama_scope,
        TRANSCODER | {"sparsity_include_decoder_norm": False},
        "hyperparams.json",
        {"threshold": 0.4, "norm_in": 5.0, "norm_out": 2.0, "by_contribution": False},
    ),
    "llama_scope_r1": Case(
        "llama_scope_r1",
        "sae_weights.safetensors",
        LINEAR | {"log_jumprelu_threshold": (F,)},
        equations.llama_scope_r1,
        R1,
        arguments={"hook": HOOK},
        given={f"dataset_average_activation_norm.{HOOK}": torch.tensor(4.0)},
    ),
    "llama_scope_r1_plain": Case(
        "llama_scope_r1",
        "sae_weights.safetensors",
        LINEAR | {"log_jumprelu_threshold": (F,)},
        equations.llama_scope_r1,
        R1 | {"sparsity_include_decoder_norm": False},
        arguments={"hook": HOOK, "by_contribution": False},
        given={f"dataset_average_activation_norm.{HOOK}": torch.tensor(4.0)},
    ),
    "llamascopium_relu_token_wise": Case(
        "llamascopium",
        "sae_weights.safetensors",
        SHORT,
        equations.llamascopium,
        llamascopium_config(norm_activation="token-wise"),
        arguments={"token_wise": True},
    ),
    "llamascopium_jump": Case(
        "llamascopium",
        "sae_weights.safetensors",
        SHORT | {LOG_JUMP: (F,)},
        equations.llamascopium,
        llamascopium_config(act_fn="jumprelu"),
        arguments={"act": "jumprelu"},
    ),
    "llamascopium_topk": Case(
        "llamascopium",
        "sae_weights.safetensors",
        SHORT,
        equations.llamascopium,
        llamascopium_config(
            act_fn="topk",
            top_k=5,
            norm_activation="dataset-wise",
            hook_point_out="blocks.3.hook_mlp_out",
        ),
        arguments={"act": "topk", "k": 5, "norm_in": 5.0, "norm_out": 2.0},
        given=NORMS,
    ),
    "goodfire": Case(
        "goodfire",
        "Llama-3.1-8B-Instruct-SAE-l19.pth",
        {name.replace(".", "_linear."): shape for name, shape in LINEAR.items()},
        equations.goodfire,
    ),
    "deepseek_r1": Case(
        "deepseek_r1", "DeepSeek-R1-Distill-Llama-8B-SAE-l19.pt", LINEAR, equations.linear_layers
    ),
    "e2e_sae": Case(
        "e2e_sae",
        "epoch_1.pt",
        {
            "blocks-6-hook_resid_pre." + name.replace("encoder.", "encoder.0."): shape
            for name, shape in LINEAR.items()
        },
        equations.e2e_sae,
        arguments={"prefix": "blocks-6-hook_resid_pre."},
    ),
    "qwen_scope": Case(
        "qwen_scope",
        "SAE-Res-Qwen3-1.7B-Base-W32K-L0_5/layer3.sae.pt",
        {"W_enc": (F, D), "W_dec": (D, F), "b_enc": (F,), "b_dec": (D,)},
        equations.qwen_scope,
        arguments={"k": 5},
    ),
    "mwhanna": Case(
        "circuit_tracer",
        "layer_3.safetensors",
        {"W_enc": (F, D), "W_dec": (F, D), "b_enc": (F,), "b_dec": (D,)},
        equations.circuit_tracer,
    ),
    "mntss_skip": Case(
        "circuit_tracer",
        "layer_3.safetensors",
        {"W_enc": (F, D), "W_dec": (D, F), "b_enc": (F,), "b_dec": (D,), "W_skip": (D, D)},
        equations.circuit_tracer,
        arguments={"decoder_transposed": True},
    ),
    "circuit_tracer_jump": Case(
        "circuit_tracer",
        "layer_3.safetensors",
        {"W_enc": (F, D), "W_dec": (F, D), "b_enc": (F,), "b_dec": (D,)}
        | {"activation_function.threshold": (F,)},
        equations.circuit_tracer,
    ),
    "circuit_tracer_topk": Case(
        "circuit_tracer",
        "layer_3.safetensors",
        {"W_enc": (F, D), "W_dec": (F, D), "b_enc": (F,), "b_dec": (D,)},
        equations.circuit_tracer,
        arguments={"k": 5},
        given={"k": torch.tensor(5)},
    ),
    "neel": Case(
        "neel",
        "25.pt",
        TARGET,
        equations.plain_relu,
        {"act_size": D, "dict_size": F, "act_name": "blocks.3.attn.hook_z"},
        "25_cfg.json",
    ),
    "batch_topk_vanilla": Case(
        "batch_topk", "sae.pt", TARGET, equations.plain_relu, batch_config("vanilla")
    ),
    "batch_topk_topk": Case(
        "batch_topk",
        "sae.pt",
        TARGET,
        equations.batch_topk,
        batch_config("topk", input_unit_norm=True),
        arguments={"k": 5},
    ),
    "batch_topk_batchtopk": Case(
        "batch_topk",
        "sae.pt",
        TARGET | {"num_batches_not_active": (F,)},
        equations.batch_topk,
        batch_config("batchtopk", input_unit_norm=True),
        arguments={"k": 5},
    ),
    "batch_topk_jumprelu": Case(
        "batch_topk",
        "sae.pt",
        TARGET | {"jumprelu.log_threshold": (F,)},
        equations.batch_topk_jump,
        batch_config("jumprelu"),
    ),
    "matryoshka": Case(
        "matryoshka",
        "sae.pt",
        TARGET | {"sq_act_running_avg": (F,)},
        equations.matryoshka,
        given={"normalizer.running_avg": torch.tensor([4.0])},
    ),
}


def tensors_of(case: Case) -> dict[str, Any]:
    """Random weights, each large enough to matter, with positive thresholds."""
    generator = torch.Generator().manual_seed(len(case.shapes) + len(case.file))
    weights: dict[str, Any] = {}
    for name, shape in case.shapes.items():
        noise = torch.randn(shape, generator=generator) * (case.spread if len(shape) > 1 else 0.2)
        weights[name] = noise.abs() if name.endswith("threshold") and "log" not in name else noise
    return weights | dict(case.given)


def write(case: Case, folder: Path) -> Path:
    """The SAE on disk as its format lays it out; returns the path of its weights."""
    file = folder / case.file
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = tensors_of(case)
    if file.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, file)
    elif file.suffix == ".npz":
        np.savez(file, **{name: tensor.numpy() for name, tensor in weights.items()})
    else:
        torch.save(weights, file)
    if case.config is not None:
        place = file.parent.parent if file.parent.name == "checkpoints" else file.parent
        (place / case.config_file).write_text(json.dumps(case.config))
    return file


def inputs(width: int = D) -> torch.Tensor:
    """Inputs with a shared mean and norms that vary by a factor of ten, as a residual stream."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(N, width, generator=generator) + torch.randn(width, generator=generator)
    return x * torch.logspace(-0.5, 0.5, N)[:, None]


def expected(case: Case, x: torch.Tensor) -> equations.Result:
    stored = {
        name: value.double().numpy()
        for name, value in tensors_of(case).items()
        if isinstance(value, torch.Tensor)
    }
    return case.equation(stored, x.double().numpy(), **case.arguments)


def of_width(case: Case, d: int, f: int, spread: float) -> Case:
    """The same case with d values per token and f latents."""

    def resized(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resized(inner) for key, inner in value.items()}
        if isinstance(value, tuple):
            return tuple(resized(inner) for inner in value)
        if isinstance(value, torch.Tensor) and value.shape == (F,):
            return value.new_zeros(f)
        widths: dict[Any, Any] = {D: d, F: f, F / D: f / d}
        return widths.get(value, value) if type(value) in (int, float) else value

    given = resized(dict(case.given))
    if "group_sizes" in given:
        given["group_sizes"] = torch.tensor([f // 4, f - f // 4])
    changes = {name: resized(getattr(case, name)) for name in ("shapes", "config")}
    return replace(case, **changes, given=given, spread=spread)


def changed(name: str, **changes: Any) -> Case:
    """A case with some of its fields replaced."""
    return replace(CASES[name], **changes)
