"""A tiny model of each known architecture."""

from typing import Any

import numpy as np
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from analysis.harvest.models import LanguageModel

VOCABULARY, D, LAYERS = 50, 32, 4


def model_of_family(family: str) -> Any:
    """A model of LAYERS layers and width D with random weights."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"vocab_size": VOCABULARY, "max_position_embeddings": 64}
    wide: dict[str, Any] = {
        "hidden_size": D,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    if family == "gpt2":
        small = GPT2Config(
            vocab_size=VOCABULARY, n_positions=64, n_embd=D, n_layer=LAYERS, n_head=4
        )
        return GPT2LMHeadModel(small).eval()
    if family == "gpt_neox":
        return GPTNeoXForCausalLM(GPTNeoXConfig(**shape, **wide)).eval()
    if family == "gemma":
        config = Gemma2Config(**shape, **wide, num_key_value_heads=2, head_dim=8)
        return Gemma2ForCausalLM(config).eval()
    return LlamaForCausalLM(LlamaConfig(**shape, **wide, num_key_value_heads=2)).eval()


def wrapped(model: Any) -> LanguageModel:
    """A language model without a tokenizer."""
    return LanguageModel(model, None, "tiny", "0" * 64, D, LAYERS, frozenset())


TOKENS = np.random.default_rng(0).integers(0, VOCABULARY, (3, 11))
FAMILIES = ["llama", "gpt2", "gpt_neox", "gemma"]
