"""How a model and an SAE state that text should be read: with BOS or without, in which lengths."""

from typing import Any

from analysis.harvest.models import LanguageModel
from analysis.harvest.token_blocks import bos
from analysis.runtime.errors import InputError
from analysis.saes import SparseAutoencoder

SHORTEST_BLOCK = 2
"""Tokens: the first position of a block is masked."""


def tokenizer_prepends_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer begins every text with BOS, as it did in the model's training."""
    if tokenizer is None or tokenizer.bos_token_id is None:
        return False
    return list(tokenizer("a")["input_ids"][:1]) == [tokenizer.bos_token_id]


def chosen_bos(given: bool | None, sae: SparseAutoencoder, tokenizer: Any) -> bool:
    """Whether blocks begin with BOS: as given, else as the SAE was trained, else as the tokenizer.

    Raises InputError if BOS is asked for and the tokenizer has none.
    """
    stated = sae.metadata.get("prepend_bos")
    if given is None and isinstance(stated, bool):
        given = stated
    if given:
        bos(tokenizer)
    return tokenizer_prepends_bos(tokenizer) if given is None else given


def model_positions(language_model: LanguageModel) -> int | None:
    """The most tokens that the model reads at once; None if its configuration has no limit."""
    config = language_model.model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "max_seq_len"):
        most = getattr(config, name, None)
        if isinstance(most, int) and most > 0:
            return most
    return None


def chosen_block_tokens(
    given: int | None, default: int, sae: SparseAutoencoder, language_model: LanguageModel
) -> int:
    """Tokens of a block: as given, else `default`, or fewer if the model or the SAE read fewer.

    Raises InputError if more are given than the model has positions.
    """
    positions = model_positions(language_model)
    if given is not None:
        if given < SHORTEST_BLOCK or given > (positions or given):
            raise InputError(
                f"--block-tokens {given}: {language_model.name} reads {SHORTEST_BLOCK} to "
                f"{positions or 'any number of'} tokens at once; give a number in this range."
            )
        return given
    context = sae.metadata.get("context_size")
    limits = [default, positions, context if isinstance(context, int) else None]
    return min(limit for limit in limits if limit is not None and limit >= SHORTEST_BLOCK)
