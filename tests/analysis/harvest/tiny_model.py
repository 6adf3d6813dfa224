"""A language model small enough to run in milliseconds: random weights, a word-level tokenizer."""

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from analysis.harvest.models import LanguageModel, special_token_ids

D_MODEL = 16
WORDS = [f"word{i}" for i in range(40)]


def tiny_language_model(
    seed: int = 0, width: int = D_MODEL, dtype: torch.dtype = torch.float32
) -> LanguageModel:
    """Two Llama layers; `<s>` is BOS with id 0, word i has id i + 2."""
    torch.manual_seed(seed)
    vocabulary = {token: i for i, token in enumerate(["<s>", "</s>", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="</s>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>")
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
    )
    model: Any = LlamaForCausalLM(config)
    model = model.to(dtype).eval().requires_grad_(False)
    return LanguageModel(model, tokenizer, "tiny", "none", width, 2, special_token_ids(tokenizer))
