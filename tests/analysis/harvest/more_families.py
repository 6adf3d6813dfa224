"""A tiny model of each of many families, and where each holds its tensors, written out by hand."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
import transformers

from analysis.harvest.models import LanguageModel

D, LAYERS, VOCABULARY = 16, 2, 60
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": D,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
MIXTURE: dict[str, Any] = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 12,
    "shared_expert_intermediate_size": 12,
}
LINEAR: dict[str, Any] = {
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}


@dataclass(frozen=True)
class Family:
    """One family: its classes in transformers, its settings, and its modules in a layer."""

    config: str
    model: str = ""
    """Name of the class; by default that of the configuration with ForCausalLM."""
    settings: dict[str, Any] = field(default_factory=dict)
    """More than SIZES; None omits a setting."""
    layers: str = "model.layers"
    attention: str = "self_attn"
    """The module whose output is what attention adds to the stream."""
    mlp: str = "mlp"
    factor: float = 1.0
    """What attention and MLP are multiplied by."""
    parallel: bool = False
    """Whether attention and MLP read the same tensor."""
    norm: str = "model.norm"
    refused: tuple[str, ...] = ()
    """Sites that no tensor of this family has."""

    def build(self) -> Any:
        """The model, with random weights that no two norms share."""
        torch.manual_seed(0)
        settings = {key: v for key, v in {**SIZES, **self.settings}.items() if v is not None}
        config = getattr(transformers, f"{self.config}Config")(**settings)
        name = self.model or f"{self.config.removesuffix('Text')}ForCausalLM"
        model = getattr(transformers, name)(config).eval().requires_grad_(False)
        for path, parameter in model.named_parameters():
            if parameter.ndim == 1 or path.endswith("bias"):
                parameter.add_(0.3 * torch.rand_like(parameter))
            elif parameter.ndim > 1:
                parameter.mul_(5)
        return model


POST_NORMS: dict[str, Any] = {
    "attention": "post_attention_layernorm",
    "mlp": "post_feedforward_layernorm",
}
BOTH = ("attn_out", "mlp_out")
GPT: dict[str, Any] = {"layers": "transformer.h", "norm": "transformer.ln_f", "attention": "attn"}

FAMILIES: dict[str, Family] = {
    "llama": Family("Llama"),
    "mistral": Family("Mistral"),
    "gemma": Family("Gemma"),
    "gemma2": Family("Gemma2", **POST_NORMS),
    "gemma3": Family("Gemma3Text", settings={"sliding_window": 8}, **POST_NORMS),
    "gemma3n": Family(
        "Gemma3nText",
        settings={
            "hidden_size_per_layer_input": 4,
            "vocab_size_per_layer_input": VOCABULARY,
            "num_kv_shared_layers": 0,
            "laurel_rank": 4,
            "activation_sparsity_pattern": [0.0] * LAYERS,
            "layer_types": ["full_attention"] * LAYERS,
        },
        refused=("resid_pre", "resid_post", *BOTH),
    ),
    "gemma4": Family(
        "Gemma4Text",
        settings={
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": VOCABULARY,
            "num_kv_shared_layers": 0,
            "layer_types": ["full_attention"] * LAYERS,
            "global_head_dim": 8,
        },
        **POST_NORMS,
    ),
    "qwen2": Family("Qwen2"),
    "qwen3": Family("Qwen3"),
    "qwen3_moe": Family("Qwen3Moe", settings=MIXTURE),
    "qwen2_moe": Family("Qwen2Moe", settings=MIXTURE),
    "qwen3_5": Family("Qwen3_5Text", settings=LINEAR, attention="linear_attn"),
    "qwen3_next": Family("Qwen3Next", settings={**LINEAR, **MIXTURE}, attention="linear_attn"),
    "gpt2": Family("GPT2", "GPT2LMHeadModel", {"n_embd": D, "n_layer": LAYERS, "n_head": 2}, **GPT),
    "gptj": Family(
        "GPTJ",
        settings={"n_embd": D, "n_layer": LAYERS, "n_head": 2, "rotary_dim": 4},
        parallel=True,
        **GPT,
    ),
    "gpt_neo": Family(
        "GPTNeo",
        settings={"attention_types": [[["global", "local"], 1]], "num_heads": 2, "num_layers": 2},
        **GPT,
    ),
    "neox": Family(
        "GPTNeoX",
        layers="gpt_neox.layers",
        attention="attention",
        norm="gpt_neox.final_layer_norm",
        parallel=True,
    ),
    "neox_in_turn": Family(
        "GPTNeoX",
        settings={"use_parallel_residual": False},
        layers="gpt_neox.layers",
        attention="attention",
        norm="gpt_neox.final_layer_norm",
    ),
    "opt": Family(
        "OPT",
        settings={"ffn_dim": 24, "word_embed_proj_dim": D},
        layers="model.decoder.layers",
        mlp="fc2",
        norm="model.decoder.final_layer_norm",
    ),
    "bloom": Family(
        "Bloom",
        settings={"n_layer": LAYERS, "n_head": 2},
        layers="transformer.h",
        attention="self_attention.dense",
        mlp="mlp.dense_4h_to_h",
        norm="transformer.ln_f",
    ),
    "falcon": Family(
        "Falcon",
        settings={"num_kv_heads": 2, "head_dim": None},
        layers="transformer.h",
        attention="self_attention",
        norm="transformer.ln_f",
        parallel=True,
    ),
    "phi": Family("Phi", norm="model.final_layernorm", parallel=True),
    "phi3": Family("Phi3"),
    "cohere": Family("Cohere", parallel=True),
    "cohere2": Family("Cohere2", settings={"sliding_window": 8}, parallel=True),
    "olmo": Family("Olmo"),
    "olmo2": Family("Olmo2", **POST_NORMS),
    "granite": Family("Granite", settings={"residual_multiplier": 0.25}, factor=0.25),
    "glm4": Family("Glm4", attention="post_self_attn_layernorm", mlp="post_mlp_layernorm"),
    "mixtral": Family("Mixtral", settings=MIXTURE),
    "nemotron": Family("Nemotron"),
    "stablelm": Family("StableLm"),
    "starcoder2": Family("Starcoder2"),
    "mamba": Family(
        "Mamba", layers="backbone.layers", norm="backbone.norm_f", refused=("attn_out", "mlp_out")
    ),
}


@cache
def opened(name: str) -> LanguageModel:
    """The model of a family, made once; it has no tokenizer."""
    model = FAMILIES[name].build()
    return LanguageModel(model, None, name, "0" * 64, D, LAYERS, frozenset({0, 1}))
