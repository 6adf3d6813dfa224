"""Every format against its published equations, and sparsify against its own stored outputs."""

import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.errors import InputError
from analysis.saes import FORMATS, Overrides, SparseAutoencoder, describe, load_sae
from analysis.saes.saelens import save_saelens
from tests.oracles import equations

D, F, N = 12, 30, 24
SPARSIFY = Path(__file__).parents[2] / "oracles" / "sparsify"
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
    """One saved SAE: what lies where, and the equation that it should follow."""

    format: str
    file: str
    shapes: Mapping[str, tuple[int, ...]]
    equation: Callable[..., equations.Result]
    config: Mapping[str, Any] | None = None
    config_file: str = "config.json"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    """Tensors and other values that are not random."""


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
        HYPERPARAMETERS
        | {
            "hook_point_out": "blocks.3.hook_mlp_out",
            "dataset_average_activation_norm": {"in": 5.0, "out": 2.0},
            "sparsity_include_decoder_norm": True,
        },
        "hyperparams.json",
        {"threshold": 0.4, "norm_in": 5.0, "norm_out": 2.0, "by_contribution": True},
    ),
    "llama_scope_r1": Case(
        "llama_scope_r1",
        "sae_weights.safetensors",
        LINEAR | {"log_jumprelu_threshold": (F,)},
        equations.llama_scope,
        {
            "d_model": D,
            "hook_point_in": HOOK,
            "norm_activation": "dataset-wise",
            "dataset_average_activation_norm": {"in": 4.0, "out": 4.0},
        },
        arguments={"norm_in": 4.0, "norm_out": 4.0},
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
        noise = torch.randn(shape, generator=generator) * (0.5 if len(shape) > 1 else 0.2)
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


def assert_agrees(sae: SparseAutoencoder, x: torch.Tensor, result: equations.Result) -> None:
    """Identical active sets, values within 1e-5 of the largest, and neither empty nor full."""
    acts, output = result
    ours = sae.encode(x).double().numpy()
    assert ((ours > 0) == (acts > 0)).all()
    assert 0 < (acts > 0).mean() < 1
    assert np.abs(ours - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
    reconstruction = sae.reconstruct(x).double().numpy()
    assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())


@pytest.mark.parametrize("name", CASES)
def test_a_format_encodes_by_its_equation(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    sae = load_sae(write(case, tmp_path), allow_pickle=True)
    assert sae.format == case.format
    assert_agrees(sae, inputs(), expected(case, inputs()))
    assert describe(sae).d_sae == F


@pytest.mark.parametrize("name", CASES)
def test_a_folder_opens_as_its_file_does(name: str, tmp_path: Path) -> None:
    file = write(CASES[name], tmp_path)
    folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    opened = load_sae(folder, allow_pickle=True)
    assert opened.content_hash == load_sae(file, allow_pickle=True).content_hash


@pytest.mark.parametrize("name", CASES)
def test_a_format_converts_to_saelens(name: str, tmp_path: Path) -> None:
    sae = load_sae(write(CASES[name], tmp_path / "from"), allow_pickle=True)
    ranked = sae.selection_scale is not None
    if ranked or (sae.architecture == "topk" and not sae.undoes_normalisation):
        with pytest.raises(InputError, match="has no architecture"):
            save_saelens(sae, tmp_path / "to")
        assert not (tmp_path / "to").exists()
        return
    again = load_sae(save_saelens(sae, tmp_path / "to"))
    torch.testing.assert_close(again.encode(inputs()), sae.encode(inputs()))
    torch.testing.assert_close(again.reconstruct(inputs()), sae.reconstruct(inputs()))


@pytest.mark.live
@pytest.mark.parametrize("name", CASES)
def test_live_saelens_encodes_what_is_converted(name: str, tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    case = CASES[name]
    sae = load_sae(write(case, tmp_path / "from"), allow_pickle=True)
    try:
        folder = save_saelens(sae, tmp_path / "to")
    except InputError:
        pytest.skip("SAELens has no architecture for it")
    theirs = sae_lens.SAE.load_from_disk(folder)
    acts, output = expected(case, inputs())
    given = inputs().reshape(N, 3, -1) if "hook_z" in (sae.hook_point or "") else inputs()
    with torch.no_grad():
        encoded = theirs.encode(given).double().numpy()
        reconstruction = theirs(given).reshape(N, -1).double().numpy()
    assert ((encoded > 0) == (acts > 0)).all()
    assert np.abs(encoded - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
    assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())


@pytest.mark.live
@pytest.mark.parametrize("folder", sorted(SPARSIFY.glob("*/*")), ids=lambda f: f.parent.name)
def test_live_sparsify_encodes_as_this_does(folder: Path) -> None:
    sparsify = pytest.importorskip("sparsify")
    theirs, sae = sparsify.SparseCoder.load_from_disk(folder), load_sae(folder)
    x = inputs(sae.d_in)
    with torch.no_grad():
        values, latents, _ = theirs.encode(x)
        output = theirs(x).sae_out.double().numpy()
    acts = torch.zeros(N, sae.d_sae).scatter_(1, latents, values).double().numpy()
    assert_agrees(sae, x, (acts, output))


def test_every_registered_format_has_a_case() -> None:
    covered = {case.format for case in CASES.values()} | {"saelens", "sparsify"}
    assert covered == {entry.name for entry in FORMATS}


@pytest.mark.parametrize("folder", sorted(SPARSIFY.glob("*/*")), ids=lambda f: f.parent.name)
def test_sparsify_encodes_as_its_own_software(folder: Path) -> None:
    sae = load_sae(folder)
    reference = load_file(folder / "reference.safetensors")
    acts, output = (
        reference["encoded"].double().numpy(),
        reference["reconstructed"].double().numpy(),
    )
    assert sae.format == "sparsify"
    assert_agrees(sae, reference["x"], (acts, output))
    rows, latents, values = sae.encode_sparse(reference["x"])
    dense = torch.zeros_like(reference["encoded"])
    dense[rows, latents] = values
    assert torch.equal(dense, sae.encode(reference["x"]))
    transcodes = "transcoder" in folder.parent.name
    assert sae.hook_point == ("blocks.3.mlp.hook_in" if transcodes else HOOK)
    assert sae.hook_point_out == ("blocks.3.hook_mlp_out" if transcodes else None)


HOOKS = {
    "gemma_scope": HOOK,
    "gemma_scope_embedding": "hook_embed",
    "gemma_scope_2": HOOK,
    "gemma_scope_2_skip": "blocks.3.ln2.hook_normalized",
    "dl_top_k": HOOK,
    "llama_scope": HOOK,
    "goodfire": "blocks.19.hook_resid_post",
    "deepseek_r1": "blocks.19.hook_resid_post",
    "e2e_sae": "blocks.6.hook_resid_pre",
    "qwen_scope": HOOK,
    "neel": "blocks.3.attn.hook_z",
    "mwhanna": "blocks.3.mlp.hook_in",
}


@pytest.mark.parametrize("name", HOOKS)
def test_the_hook_point_is_read(name: str, tmp_path: Path) -> None:
    assert load_sae(write(CASES[name], tmp_path), allow_pickle=True).hook_point == HOOKS[name]


def changed(name: str, **changes: Any) -> Case:
    case = CASES[name]
    return Case(**{**vars(case), **changes})


REFUSED = {
    "threshold never set": (
        changed("dl_batch_top_k", given={"threshold": torch.tensor(-1.0)}),
        "never set in training",
    ),
    "unknown class": (changed("dl_top_k", config=trainer("CrossCoder")), "class is 'CrossCoder'"),
    "width of the class": (
        changed("dl_top_k", config=trainer("AutoEncoderTopK", k=5, dict_size=31)),
        "d_sae is 30, but it is 31",
    ),
    "unknown activation": (
        changed("openai_topk", given={"activation": "Softplus"}),
        "activation is 'Softplus'",
    ),
    "no activation": (changed("openai_topk", given={}), "activation is 'None'"),
    "glu": (
        changed("llamascopium_jump", config=llamascopium_config(use_glu_encoder=True)),
        "GLU encoder",
    ),
    "by batch": (
        changed("llamascopium_jump", config=llamascopium_config(norm_activation="batch-wise")),
        "normalises by batch",
    ),
    "lorsa": (
        changed("llamascopium_jump", config=llamascopium_config(sae_type="lorsa")),
        "not an SAE of one layer",
    ),
    "norm lost": (changed("llamascopium_topk", given={}), "must be a positive number"),
    "norm missing": (
        changed(
            "llama_scope",
            config={k: v for k, v in HYPERPARAMETERS.items() if "norm" not in k},
        ),
        "must be a positive number",
    ),
    "qwen without its folder": (
        changed("qwen_scope", file="layer3.sae.pt"),
        "k is not in the file",
    ),
    "unknown sae_type": (
        changed("batch_topk_vanilla", config=batch_config("gumbel")),
        "sae_type 'gumbel' is unknown",
    ),
    "cross-layer": (
        changed("mwhanna", shapes={"W_enc_3": (F, D), "W_dec_3": (F, 2, D)}),
        "cross-layer transcoder",
    ),
    "cross-layer of Gemma Scope 2": (
        changed("gemma_scope_2", shapes=CASES["gemma_scope_2"].shapes | {"w_dec": (F, 2, D)}),
        "spans several layers",
    ),
    "crosscoder": (
        changed(
            "dl_auto_encoder", shapes={"encoder.weight": (2, D, F), "decoder.weight": (2, F, D)}
        ),
        "spans several layers",
    ),
    "temporal": (
        changed("goodfire", shapes={"D": (F, D), "attn_layers.0.k_ctx.weight": (D, D)}),
        "attends to earlier tokens",
    ),
    "two SAEs in one file": (
        changed("e2e_sae", shapes={"a.encoder.0.weight": (F, D), "b.encoder.0.weight": (F, D)}),
        "holds 2 SAEs",
    ),
    "nothing known": (changed("goodfire", shapes={"weights": (F, D)}), "no known format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_encoded_is_refused(name: str, tmp_path: Path) -> None:
    case, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        load_sae(write(case, tmp_path), allow_pickle=True)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_format_can_be_named(tmp_path: Path) -> None:
    file = write(CASES["deepseek_r1"], tmp_path)
    with pytest.raises(InputError, match="format 'word2vec' is unknown; known are saelens"):
        load_sae(file, Overrides(format="word2vec"), allow_pickle=True)
    with pytest.raises(InputError, match=r"encoder_linear\.weight is missing"):
        load_sae(file, Overrides(format="goodfire"), allow_pickle=True)


def test_transpose_reads_both_matrices_the_other_way_round(tmp_path: Path) -> None:
    turned = changed("neel", shapes=TARGET | {"W_enc": (F, D), "W_dec": (D, F)})
    file = write(turned, tmp_path)
    with pytest.raises(InputError, match="must be of one SAE"):
        load_sae(file, allow_pickle=True)
    sae = load_sae(file, Overrides(transpose=True), allow_pickle=True)
    stored = tensors_of(turned)
    assert torch.equal(sae.W_enc, stored["W_enc"].T) and torch.equal(sae.W_dec, stored["W_dec"].T)


def test_a_square_transpose_is_taken_on_trust(tmp_path: Path) -> None:
    square = changed(
        "goodfire", shapes={name: (D,) * len(s) for name, s in CASES["goodfire"].shapes.items()}
    )
    file = write(square, tmp_path)
    plain, turned = (
        load_sae(file, Overrides(transpose=t), allow_pickle=True) for t in (None, True)
    )
    assert torch.equal(plain.W_enc, turned.W_enc.T) and not torch.equal(plain.W_enc, turned.W_enc)


@pytest.mark.parametrize("name", CASES)
def test_mutated_files_open_or_are_refused(name: str, tmp_path: Path) -> None:
    """Files with changed bytes, MUTATIONS of them for each format: only InputError."""
    randomness = random.Random(name)
    file = write(CASES[name], tmp_path)
    original = file.read_bytes()
    for trial in range(int(os.environ.get("MUTATIONS", "8"))):
        data = bytearray(original)
        for _ in range(randomness.choice((1, 2, 16))):
            data[randomness.randrange(len(data) if trial % 2 else min(900, len(data)))] ^= (
                1 << randomness.randrange(8)
            )
        if trial % 8 == 0:
            del data[randomness.randrange(len(data)) :]
        file.write_bytes(bytes(data))
        try:
            sae = load_sae(file, allow_pickle=True)
            sae.encode(inputs(sae.d_in))
        except InputError as error:
            assert "\n" not in str(error) and str(error).endswith(".")


def test_weights_without_their_configuration_are_not_guessed(tmp_path: Path) -> None:
    """A SAELens jumprelu file looks like Gemma Scope's, but subtracts b_dec: no guess is made."""
    bare = changed("gemma_scope", file="sae_weights.safetensors")
    file = write(bare, tmp_path)
    with pytest.raises(InputError, match="without which it is unclear how they encode"):
        load_sae(file)
    named = load_sae(file, Overrides(format="gemma_scope"))
    assert_agrees(named, inputs(), expected(bare, inputs()))


@pytest.mark.parametrize(
    ("name", "l0"),
    [("gemma_scope", 5), ("dl_batch_top_k", 5), ("qwen_scope", 5), ("goodfire", None)],
)
def test_the_advertised_l0_is_read(name: str, l0: float | None, tmp_path: Path) -> None:
    assert load_sae(write(CASES[name], tmp_path), allow_pickle=True).advertised_l0 == l0
